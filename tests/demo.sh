#!/bin/sh
# The main job on the embedded lab: demo.sh NETDX SCENARIO
set -eu

netdx=$1 scenario=$2
show() { printf '\n$ %s\n' "$*"; }

show "netdx lab $scenario -- netdx trace -4 -c 100 --interval 50ms server.lab"
# The path of this scenario has faults: what the trace says of them is its exit status.
"$netdx" lab "$scenario" -- "$netdx" trace -4 -c 100 --interval 50ms server.lab || [ $? -le 2 ]
