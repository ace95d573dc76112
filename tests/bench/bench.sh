#!/bin/bash
# make bench: netdx beside the distribution's tools on the same emulated paths, and over the simulator
# in virtual time, in one run. Ends with a table of what was asked and what was measured; fails when
# something could not be.
set -eu
netdx=$(realpath "${NETDX:-build/netdx}")
unit=${B:-build}/tests/unit
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 777 "$work" # netdx gives root away before it writes; its output is opened before
export BENCH_SUMMARY=$work/summary

for scenario in bench-20 bench-20-silent bench-dead; do
    "$netdx" lab "$scenario" -- /usr/bin/python3 "$here/peers.py" "$netdx" "$scenario"
done
"$netdx" lab bench-20 --log "$work/truth" -- \
    /usr/bin/python3 "$here/accuracy.py" run "$netdx" "$work/measured"
/usr/bin/python3 "$here/accuracy.py" compare "$work/measured" "$work/truth"

for order in first last; do
    unshare -n "$here/syn_accuracy.sh" "$netdx" "$work" "$order"
done
/usr/bin/python3 "$here/syn_accuracy.py" direct "$work" first last
"$netdx" lab bench-20 --log "$work/syn-truth" -- "$netdx" syn -n -q --no-reference -c 1000 \
    --interval 10ms --jsonl -o "$work/syn-measured" 10.99.0.2:80
/usr/bin/python3 "$here/syn_accuracy.py" lab "$work/syn-measured" "$work/syn-truth"
unshare -n /usr/bin/python3 "$here/sweep.py" "$netdx"
unshare -n /usr/bin/python3 "$here/banner_speed.py" "$netdx"

# TCP flows: against the truth, beside tshark and tcptrace, and live.
lab=$here/../lab
/usr/bin/python3 "$lab/flows_truth.py" bench "$netdx" 1-100 2
"$B/tests/bench/flow_speed"
/usr/bin/python3 "$here/flows.py" files "$netdx" "$B/tests/bench"
/usr/bin/python3 "$here/flows.py" live "$netdx" "$HELPERS"

printf '\nOver the simulator in virtual time, against its own log\n'
for test in trace_netsim syn_netsim syn_scenarios; do
    "$unit/test_$test" >"$work/$test" 2>&1 || { cat "$work/$test"; exit 1; }
    grep -E 'probes, |seeds' "$work/$test" | sed "s/^/  $test: /"
done

# figure TEST WHAT ASKED PATTERN JUDGEMENT: the numbers that PATTERN captures, judged by an awk expression.
figure()
{
    sed -nE "s/^.*$4.*\$/\\1 \\2/p" "$work/$1" | head -n 1 |
        awk -v what="$2" -v asked="$3" \
            '{ print what "\t" asked "\t" $1 " of " $2 "\t" ('"$5"' ? "yes" : "NO") }' >>"$work/summary"
}
figure trace_netsim "answers matched wrongly (100,000 probes)" "none" \
    '^1[0-9]{5} probes, .* ([0-9]+) matched wrongly of ([0-9]+)' '$1 == 0 && $2 > 0'
figure trace_netsim "16 equal paths all found, seeds" "97 of 100" 'all found in ([0-9]+) of ([0-9]+) seeds' \
    '$2 == 100 && $1 >= 97'
figure trace_netsim "  probes, of what MDA's table allows" "all" \
    'most probes ([0-9]+) of ([0-9]+) allowed' '$1 <= $2'
figure trace_netsim "false alarms on healthy paths, seeds" "0 of 200" '([0-9]+) false alarms in ([0-9]+) seeds' \
    '$2 == 200 && $1 == 0'
figure trace_netsim "5 % loss: its hop named, seeds" "190 of 200" 'named in ([0-9]+) of ([0-9]+) seeds' \
    '$2 == 200 && $1 >= 190'
figure syn_netsim "SYNs' answers matched wrongly (100,000)" "none" \
    '^1[0-9]{5} probes, .* ([0-9]+) matched wrongly of ([0-9]+)' '$1 == 0 && $2 > 0'
figure syn_scenarios "SYN outcomes and findings right, seeds" "99 of 100" \
    'right in at least ([0-9]+) of ([0-9]+) seeds' '$2 == 100 && $1 >= 99'

printf '\n%-44s %14s %16s  %s\n' "" asked measured met
awk -F '\t' '{ printf "%-44s %14s %16s  %s\n", $1, $2, $3, $4 } END { exit NR != 56 }' "$work/summary"
