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
    [ "$status" -eq 2 ]
    [ "$(jq -r .error.code <<<"$output")" = route.none ]
    [[ "$stderr" == *'target "192.0.2.1" has no route: network is unreachable'* ]]
}

@test "a way out that is not there" {
    in_lab healthy '$NETDX trace --json -i nosuch0 server.lab'
    [ "$status" -eq 3 ]
    [ "$(jq -r .error.code <<<"$output")" = interface.unknown ]
    [[ "$stderr" == *'interface "nosuch0" does not exist'* ]]
    in_lab healthy '$NETDX trace --json --source 192.0.2.77 10.99.0.2'
    [ "$status" -eq 3 ]
    [ "$(jq -r .error.code <<<"$output")" = source.unavailable ]
    [[ "$stderr" == *'source address "192.0.2.77" is not an address of this machine'* ]]
    in_lab healthy '$NETDX trace --json -c 1 -i lo 10.99.0.2' # leads nowhere
    [ "$status" -eq 2 ]
    [ "$(jq -r .end.reason <<<"$output")" = ttl_limit ]
}

@test "the wrong family" {
    in_lab healthy '$NETDX trace --json -6 10.99.0.2'
    [ "$status" -eq 3 ]
    [[ "$(jq -r .error.message <<<"$output")" == *"is an IPv4 address, but -6 was given" ]]
    in_lab healthy '$NETDX trace --json --source fd00::2 10.99.0.2'
    [ "$status" -eq 3 ]
    [[ "$(jq -r .error.message <<<"$output")" == *"of another address family than the source"* ]]
    in_lab healthy 'sed "/^10.99/d" /etc/hosts >hosts; mount --bind hosts /etc/hosts
        $NETDX trace --json -4 server.lab'
    [ "$status" -eq 2 ]
    [[ "$(jq -r .error.code <<<"$output")" == dns.* ]]
    in_lab healthy 'sysctl -qw net.ipv6.conf.all.disable_ipv6=1
        $NETDX trace --json -c 1 server.lab'
    [ "$status" -eq 0 ]
    [ "$(jq -r .target.address <<<"$output")" = 10.99.0.2 ]
}

@test "R5 a stranger with our identifiers is counted apart and changes nothing" {
    run --separate-stderr timeout 60 unshare -n bash -c "set -eu; . $BATS_TEST_DIRNAME/veth.bash
        coproc stranger { there $BATS_TEST_DIRNAME/../helpers/stranger.py b0; }
        read -r ready <&\${stranger[0]}
        $NETDX trace -n -c 20 --interval 50ms --json 10.7.0.2; exit \$?"
    [ "$status" -eq 0 ]
    jq -e '.end.reason == "reached" and .counters.suspects >= 30' <<<"$output"
    jq -e '.hops[0] | .received == 20 and .sent == 20 and .suspects >= 15 and .rtt_ms.max < 100 and
        [.responders[].address] == ["10.7.0.2"]' <<<"$output"
    jq -e '[.findings[].id] - ["path.duplication"] == ["trace.suspect_answers"]' <<<"$output"
}

@test "R11 a closed pipe ends quietly and at once" {
    in_lab healthy 'start=$(date +%s%3N)
        $NETDX trace -n -c 1000 --interval 20ms --jsonl server.lab 2>err | head -n 3; cat err >&2
        echo $(($(date +%s%3N) - start))'
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 4 ]
    [ "${lines[3]}" -lt 2000 ] # of twenty seconds
    [ -z "$stderr" ]
}

# ends SIGNAL ARGUMENTS...: a run of half a second, its report in `report`; prints its status and
# how many milliseconds it lived on after the signal.
ends='ends()
{
    local signal=$1 from status
    shift
    from=$(date +%s%3N)
    timeout --preserve-status -s $signal 0.5 \
        "$NETDX" trace -n -c 0 --interval 50ms "$@" server.lab >report
    status=$?
    echo $status $(($(date +%s%3N) - from - 500))
}'

@test "R12 SIGINT, SIGTERM and SIGHUP give the results so far, at once" {
    for signal in INT:130 TERM:143 HUP:129; do
        in_lab healthy "$ends; for i in 1 2 3; do ends ${signal%:*} --json; done"
        jq -es 'length == 1 and (.[0] | .interrupted and .error == null and
            .end.reason == "interrupted" and .hops[0].received > 3)' report
        [ "$(cut -d' ' -f 1 <<<"$output" | uniq)" = "${signal#*:}" ]
        [ "$(cut -d' ' -f 2 <<<"$output" | sort -n | head -n 1)" -lt 100 ]
    done
}

@test "R12 a signal leaves every format whole" {
    in_lab healthy "$ends; ends TERM"
    grep -q "^interrupted after [0-9]* rounds; reached" report
    in_lab healthy "$ends; ends TERM --jsonl"
    tail -n 1 report | jq -e '.event == "summary" and .interrupted and .hops[0].received > 3'
    in_lab healthy "$ends; ends TERM -f csv"
    [ "$(awk -F, '{ print NF }' report | uniq -c | wc -l)" -eq 1 ]
    [ "$(grep -c server.lab report)" -eq 9 ]
    in_lab healthy "$ends; ends TERM -f mtr-json"
    jq -e '.report.hubs | length == 9 and .[0].Snt > 3' report
}

@test "R18 an interface that goes down is our own failure, with what there is" {
    in_lab healthy '(sleep 0.5; ip link set lab0 down) &
        timeout 20 $NETDX trace -n -c 40 --interval 50ms --json server.lab'
    [ "$status" -eq 1 ]
    jq -e '.hops[0] | .received > 3 and .received < 30 and .send_errors > 5' <<<"$output"
    jq -e '[.findings[].id] | index("local.send_errors") != null and
        index("path.loss") == null and index("route.blackhole") == null' <<<"$output"
}

@test "R18 down and up again, another address, no route: no loss of the path" {
    local change
    for change in \
        "ip link set lab0 down; sleep 0.3; ip link set lab0 up; ip route add default dev lab0" \
        "ip addr del 10.0.0.2/32 dev lab0; ip addr add 10.0.0.9/32 dev lab0" \
        "ip route del default"; do
        in_lab healthy "(sleep 0.5; $change) &
            timeout 20 \$NETDX trace -n -4 -c 40 --interval 50ms --json server.lab"
        [ "$status" -eq 1 ]
        jq -e '.hops[0].received > 3 and .counters.send_errors > 5' <<<"$output"
        jq -e '[.findings[].id] | index("local.send_errors") != null and
            index("path.loss") == null and index("route.blackhole") == null' <<<"$output"
    done
}

@test "R18 an interface that was asked for and is lost ends the run" {
    for change in "ip link set a0 down" "ip link del a0"; do
        run --separate-stderr timeout 60 unshare -n bash -c "set -eu; . $BATS_TEST_DIRNAME/veth.bash
            (sleep 0.5; $change) &
            $NETDX trace -n -c 100 --interval 50ms --json -i a0 10.7.0.2"
        [ "$status" -eq 3 ]
        jq -e '.error.code == "network.lost" and .hops[0].received > 3 and
            .hops[0].received < 60 and .findings == []' <<<"$output"
    done
}

@test "R19 flows that are spread anew under way are no loss" {
    in_lab rehash '$NETDX trace -n -c 25 --interval 200ms --json server.lab'
    [ "$status" -eq 0 ]
    jq -e '[.hops[] | .received == .sent] | all' <<<"$output"
    jq -e '(.hops[3].responders | length > 1) == ([.findings[].id] == ["route.flap"])' <<<"$output"
}

@test "R19 an MTU that shrinks under way is said, and who says so" {
    in_lab mtu-shrinks \
        '$NETDX trace -n -4 -c 25 --interval 200ms --size 1400 --df --json server.lab'
    [ "$status" -eq 2 ]
    jq -e '[.findings[] | [.id, .severity, .ttl, .address, .mtu]] ==
        [["mtu.reduced", "critical", 3, "10.0.3.1", 1300]]' <<<"$output"
    jq -e '[.hops[] | .received == .sent] | all' <<<"$output"
}

# Addresses are traced at once, and names of hops are waited for a second; a target's own name has
# a deadline of four.
@test "R20 a resolver that never answers holds nothing up" {
    echo nameserver 203.0.113.9 >resolv.conf
    in_lab healthy 'mount --bind /dev/null /etc/hosts || exit 9
        mount --bind resolv.conf /etc/resolv.conf || exit 9
        took() { local start=$(date +%s%3N); "$@"; echo status $? $(($(date +%s%3N) - start)); }
        took $NETDX trace -c 1 10.99.0.2 >report
        took $NETDX trace -c 1 --asn 10.99.0.2 >report.asn
        took $NETDX trace -c 1 --json nosuch.test >report.name'
    for report in report report.asn; do
        grep -q "^reached 10.99.0.2" $report
        read -r _ status ms < <(grep ^status $report)
        [ "$status" -eq 0 ]
        [ "$ms" -gt 500 ] # it did ask, and waited a little
        [ "$ms" -lt 1500 ]
    done
    read -r _ status ms < <(grep ^status report.name)
    [ "$status" -eq 2 ]
    [ "$ms" -lt 5000 ]
    [ "$(grep -v ^status report.name | jq -r .error.code)" = dns.timeout ]
}

# By tcpdump's stamps. A process may be woken late, so single gaps are not judged: a round begins no
# sooner than the interval asks for, and its probes are not sent all at once.
@test "R23 rounds at the interval, their probes apart" {
    in_lab healthy 'tcpdump -i lab0 -s 64 -B 4096 --immediate-mode -U -w sent.pcap "icmp[0] == 8" \
            2>tcpdump.err & tcpdump=$!
        until grep -q listening tcpdump.err; do sleep 0.05; done
        $NETDX trace -n -4 -c 20 --interval 100ms server.lab >/dev/null; status=$?
        sleep 1; kill $tcpdump; wait $tcpdump; exit $status'
    [ "$status" -eq 0 ]
    tshark -r sent.pcap -T fields -e frame.time_relative -e ip.ttl 2>/dev/null |
        awk '$2 == 1 { if (rounds++ && $1 - start < 0.09) {
                           print "round", rounds, $1 - start; bad = 1 }
                       start = $1 }
             { probes[rounds]++; span[rounds] = $1 - start }
             END { for (i in probes)
                       if (span[i] < 0.00025 * (probes[i] - 1) / 2) {
                           print "burst", i, probes[i], span[i]; bad = 1 }
                   if (rounds != 20) { print rounds, "rounds"; bad = 1 }
                   exit bad }'
}

@test "R24 two instances at once do not answer for each other" {
    for protocol in --icmp --udp --tcp; do
        in_lab noisy "for file in a b; do
            \$NETDX trace -n -c 30 --interval 20ms --json $protocol server.lab >\$file & done; wait"
        for file in a b; do
            jq -e '.end.reason == "reached" and .counters.suspects == 0 and
                ([.hops[] | .received <= .sent] | all)' $file
        done
    done
}

@test "R37 tshark reads what a trace records, also after kill -9" {
    in_lab healthy 'exec >/dev/null
        $NETDX trace -n -4 -c 3 --interval 50ms --write whole.pcapng server.lab
        $NETDX trace -n -4 -c 0 --interval 10ms --write killed.pcapng server.lab & pid=$!
        sleep 1; kill -9 $pid; wait $pid'
    [ "$status" -eq 137 ]
    # What left and what came: 30 probes of the first round, 9 of each further one, an answer each.
    tshark -r whole.pcapng -Y "icmp.type == 8 && !(icmp.type == 11)" 2>/dev/null >sent
    tshark -r whole.pcapng -Y "icmp.type == 11 || icmp.type == 0" 2>/dev/null >answers
    [ "$(wc -l <sent)" -eq 48 ]
    [ "$(wc -l <answers)" -eq 48 ]
    [ "$(tshark -r killed.pcapng 2>/dev/null | wc -l)" -gt 100 ]
}
