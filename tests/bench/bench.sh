#!/bin/sh
# make bench: netdx beside the distribution's tools, on the same emulated paths, in one run.
set -eu
netdx=$(realpath "${NETDX:-build/netdx}")
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 777 "$work" # netdx gives root away before it writes; its output is opened before

for scenario in bench-20 bench-20-silent bench-dead; do
    "$netdx" lab "$scenario" -- /usr/bin/python3 "$here/peers.py" "$netdx" "$scenario"
done
"$netdx" lab bench-20 --log "$work/truth" -- \
    /usr/bin/python3 "$here/accuracy.py" run "$netdx" "$work/measured"
/usr/bin/python3 "$here/accuracy.py" compare "$work/measured" "$work/truth"
