#!/usr/bin/env bats
# netdx trace on bad days, inside networks of the lab.

bats_require_minimum_version 1.5.0

setup() {
    NETDX=$(realpath "${NETDX:-build/netdx}")
    cd "$BATS_TEST_TMPDIR" || return 1
}

# in_lab SCENARIO SCRIPT: a shell on the client's side, with $NETDX.
in_lab() {
    NETDX=$NETDX run --separate-stderr timeout 30 "$NETDX" lab "$1" -- bash -c "$2"
}

@test "a name that does not exist is critical, in one document" {
    in_lab healthy '$NETDX trace --json nosuch.lab'
    [ "$status" -eq 2 ]
    [[ "$(jq -r .error.code <<<"$output")" == dns.* ]]
}

@test "no route to the target is said" {
    in_lab healthy 'ip route del default; $NETDX trace --json 192.0.2.1'
    [ "$status" -ge 2 ]
    [ "$(jq 'has("error")' <<<"$output")" = true ]
    [[ "$stderr$output" == *unreachable* ]]
}

@test "R11 a closed pipe ends quietly and at once" {
    in_lab healthy '$NETDX trace -n -c 1000 --interval 20ms --jsonl server.lab 2>err | head -n 3; cat err >&2'
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 3 ]
    [ -z "$stderr" ]
}

@test "R12 SIGINT and SIGTERM give the results so far, at once" {
    for signal in INT TERM; do
        in_lab healthy "start=\$(date +%s%3N)
            timeout -s $signal 0.6 \$NETDX trace -n -c 0 --interval 50ms --json server.lab >$signal
            echo \$((\$(date +%s%3N) - start)); exit \${PIPESTATUS[0]}"
        [ "$output" -lt 1000 ]
        [ "$(jq .interrupted $signal)" = true ]
        [ "$(jq '.hops[0].received > 3' $signal)" = true ]
    done
    in_lab healthy '$NETDX trace -n -c 0 --interval 50ms server.lab >/dev/null & sleep 0.3; kill $!; wait $!'
    [ "$status" -eq 143 ]
}

@test "R18 an interface that goes down ends the run with what there is" {
    in_lab healthy '(sleep 0.5; ip link set lab0 down) &
        timeout 20 $NETDX trace -n -c 100 --interval 50ms --json server.lab'
    [ "$status" -le 3 ]
    jq -e '.hops[0].received > 3 and .hops[0].received < 90' <<<"$output"
}

# One run in sixteen finds its flow on the path it had before: then there is nothing to report.
@test "R19 flows that are spread anew under way are no loss" {
    in_lab rehash '$NETDX trace -n -c 25 --interval 200ms --json server.lab'
    [ "$status" -eq 0 ]
    jq -e '[.hops[] | .received == .sent] | all' <<<"$output"
    jq -e '(.hops[3].responders | length > 1) == ([.findings[].id] == ["route.flap"])' <<<"$output"
}

@test "R19 an MTU that shrinks under way is said, and who says so" {
    in_lab mtu-shrinks '$NETDX trace -n -4 -c 25 --interval 200ms --size 1400 --df --json server.lab'
    [ "$status" -eq 2 ]
    jq -e '[.findings[] | [.id, .severity, .ttl, .address, .mtu]] ==
        [["mtu.reduced", "critical", 3, "10.0.3.1", 1300]]' <<<"$output"
    jq -e '[.hops[] | .received == .sent] | all' <<<"$output"
}

@test "R20 a resolver that never answers holds nothing up" {
    echo nameserver 203.0.113.9 >resolv.conf
    in_lab healthy 'mount --bind /dev/null /etc/hosts && mount --bind resolv.conf /etc/resolv.conf || exit 9
        start=$(date +%s%3N); $NETDX trace -c 1 10.99.0.2 >report; echo $(($(date +%s%3N) - start))'
    [ "$status" -eq 0 ]
    grep -q "reached 10.99.0.2" report
    [ "$output" -gt 500 ] # it did ask, and waited a little
    [ "$output" -lt 1500 ]
}

# By tcpdump's stamps. A process may be woken late, so single gaps are not judged: a round begins no
# sooner than the interval asks for, and its probes are not sent all at once.
@test "R23 rounds at the interval, their probes apart" {
    in_lab healthy 'tcpdump -i lab0 -s 64 -w sent.pcap "icmp[0] == 8" 2>tcpdump.err & tcpdump=$!
        until grep -q listening tcpdump.err; do sleep 0.05; done
        $NETDX trace -n -4 -c 20 --interval 100ms server.lab >/dev/null; status=$?
        sleep 0.3; kill $tcpdump; wait $tcpdump; exit $status'
    [ "$status" -eq 0 ]
    tshark -r sent.pcap -T fields -e frame.time_relative -e ip.ttl 2>/dev/null |
        awk '$2 == 1 { if (rounds++ && $1 - start < 0.09) { print "round", rounds, $1 - start; bad = 1 }
                       start = $1 }
             { probes[rounds]++; span[rounds] = $1 - start }
             END { for (i in probes)
                       if (span[i] < 0.00025 * (probes[i] - 1) / 2) {
                           print "burst", i, probes[i], span[i]; bad = 1 }
                   if (rounds != 20) { print rounds, "rounds"; bad = 1 }
                   exit bad }'
}

@test "R24 two instances at once do not answer for each other" {
    in_lab noisy '$NETDX trace -n -c 30 --interval 20ms --json server.lab >a & $NETDX trace -n -c 30 --interval 20ms --json server.lab >b; wait'
    for file in a b; do
        [ "$(jq .counters.suspects $file)" -eq 0 ]
        [ "$(jq '[.hops[] | select(.received > .sent)] | length' $file)" -eq 0 ]
    done
}
