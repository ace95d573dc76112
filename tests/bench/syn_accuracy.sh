#!/bin/bash
# Handshakes over a direct link of two namespaces, timed by netdx and hping3 and captured by tcpdump.
# syn_accuracy.sh NETDX WORK ORDER, inside `unshare -n`; ORDER: tcpdump is opened "first" or "last".
set -eu
NETDX=$1 work=$2 order=$3
cli=$(dirname "$(realpath "$0")")/../cli
# shellcheck source=tests/cli/veth.bash
. "$cli/veth.bash"
# shellcheck source=tests/cli/listener.bash
. "$cli/listener.bash"

capture()
{
    tcpdump -i any --nano -B 8192 -Z root -w "$work/$order.pcap" 'tcp port 80' 2>/dev/null &
    pids+=($!)
    sleep 0.5
}

[ "$order" = last ] || capture
"$NETDX" syn -n -q --no-reference -c 300 --interval 10ms --source-port 61000-61015 --jsonl \
    -o "$work/$order.netdx" 10.7.0.2:80 &
netdx=$!
if [ "$order" = last ]; then
    sleep 0.5
    capture
fi
wait "$netdx"
hping3 -S -n -s 20000 -p 80 -c 200 -i u10000 10.7.0.2 >"$work/$order.hping3" 2>/dev/null || true
sleep 1.2 # what tcpdump's ring still holds
