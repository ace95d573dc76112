#!/usr/bin/env bats
# netdx syn: what it refuses, what it finds, and bad days. Nothing here leaves a namespace.

bats_require_minimum_version 1.5.0

setup() {
    NETDX=$(realpath "${NETDX:-build/netdx}")
    man=$(realpath "$BATS_TEST_DIRNAME/../../man")
    here=$(realpath "$BATS_TEST_DIRNAME")
    copy=$(mktemp -d /tmp/netdx-syn-XXXXXX) # the build may lie where nobody may look
    chmod 755 "$copy"
    cp "$NETDX" "$copy/netdx"
    cd "$BATS_TEST_TMPDIR" || return 1
    chmod 777 .
}

teardown() {
    rm -rf "$copy"
}

# refused MESSAGE ARGUMENT...: status 3, this message, nothing on standard output.
refused() {
    local message=$1
    shift
    run --separate-stderr "$NETDX" syn "$@"
    [ "$status" -eq 3 ]
    [ -z "$output" ]
    [[ "$stderr" == "netdx syn: $message"* ]] || { echo "$stderr"; false; }
}

# in_lab SCENARIO SCRIPT: a shell on the client's side, with $NETDX.
in_lab() {
    NETDX=$NETDX run --separate-stderr timeout 40 "$NETDX" lab "$1" -- bash -c "$2"
}

# in_net SCRIPT: a shell in a network of its own: loopback, and a port 80 that is open.
in_net() {
    NETDX=$NETDX copy=$copy here=$here run --separate-stderr timeout 60 \
        unshare -n -m bash -c ". $here/listener.bash; $1"
}

# in_pair SCRIPT: two namespaces joined by a veth: 10.7.0.1 and fd07::1 here, .2 there.
in_pair() {
    NETDX=$NETDX copy=$copy here=$here run --separate-stderr timeout 60 \
        unshare -n -m bash -c ". $here/veth.bash; . $here/listener.bash; $1"
}

is() { # FILTER: true of the document
    jq -e "$1" <<<"$output" >/dev/null || { echo "$output"; echo "$stderr"; false; }
}

# --- usage ---------------------------------------------------------------------------------------

@test "syn: values out of range name the range" {
    refused 'port "0" is out of range (1 to 65535)' -p 0 127.0.0.1
    refused 'port "70000" is out of range (1 to 65535)' -p 80,70000 127.0.0.1
    refused 'port "http" is not a number (1 to 65535)' 127.0.0.1:http
    refused 'port "90-80" ends before it begins' -p 90-80 127.0.0.1
    refused 'port "" is not a number (1 to 65535)' 127.0.0.1:80,
    refused 'source port "0" is out of range (1 to 65535)' --source-port 0 127.0.0.1
    refused 'source port range "1-40000" holds more than 16384 ports' --source-port 1-40000 127.0.0.1
    refused 'set of options "all" is not one of linux, bare, full' --options all 127.0.0.1
    refused 'kind of ECN "on" is not one of classic, accurate' --ecn on 127.0.0.1
    refused 'TTL "0" is out of range (1 to 255)' --ttl 0 127.0.0.1
    refused 'DSCP "64" is out of range (0 to 63)' --dscp 64 127.0.0.1
    refused 'count "-1" is not a number (0 to 1000000)' -c -1 127.0.0.1
    refused 'rate "fast" is not a number (0 to 10000000)' --rate fast 127.0.0.1
    refused 'repeats "9" is out of range (0 to 6)' --repeats 9 127.0.0.1
    refused 'interval "soon" is not a duration' --interval soon 127.0.0.1
    refused 'timeout "2m" is out of range (1ms to 1m)' --timeout 2m 127.0.0.1
    refused 'format "mtr-json" is not one of text, json, jsonl, csv' -f mtr-json 127.0.0.1
    refused 'warning threshold "5%%" is not a time, a loss or both' --warn 5%% 127.0.0.1
    refused 'critical threshold "101%" is not a time, a loss or both' --crit 101% 127.0.0.1
    refused 'critical threshold "100ms," is not a time, a loss or both' --crit 100ms, 127.0.0.1
}

@test "syn: options that are unknown or do not go together" {
    refused 'no target given'
    refused 'unknown or ambiguous option "--bogus"' --bogus 127.0.0.1
    refused 'option "--port" needs a value' 127.0.0.1 -p
    refused 'the critical threshold is below the warning one' --warn 2s --crit 1s 127.0.0.1
    refused 'recording needs --privilege raw' --write x --privilege none 127.0.0.1
    refused '--options, --ecn and --syn-profile need --privilege raw' --ecn classic --privilege none 127.0.0.1
    refused '--sweep needs --privilege raw' --sweep --privilege none 127.0.0.1
    refused '--syn-profile compares timestamps' --syn-profile --options bare 127.0.0.1
}

@test "syn: usage errors are one JSON document, wherever --json stands" {
    for arguments in "--json --bogus" "--bogus --json" "-f json" "--json -p 70000 127.0.0.1"; do
        # shellcheck disable=SC2086 # a list
        run --separate-stderr "$NETDX" syn $arguments
        [ "$status" -eq 3 ]
        [ "$(jq -s length <<<"$output")" -eq 1 ]
        is '.schema == "netdx.syn/1" and .error.code == "usage"'
    done
}

@test "syn: networks that are too large ask for --yes" {
    refused 'target "10.0.0.0/8" has more than 4096 addresses and ports; --yes' 10.0.0.0/8
    refused 'target "10.0.0.0/20:80,443" has more than 4096 addresses and ports; --yes' 10.0.0.0/20:80,443
    refused 'target "2001:db8::/64" has more than 4096 addresses and ports, and more than can be swept; --yes' \
        --yes 2001:db8::/64
    printf '# a comment\n\n10.0.0.0/8\n' >list
    refused 'list, line 3, column 1: target "10.0.0.0/8" has more than 4096' --targets list
}

@test "syn: help, version, and the examples of the manual" {
    run "$NETDX" syn -h
    [ "$status" -eq 0 ]
    [[ "$output" == *"--syn-profile"* ]]
    run "$NETDX" syn -V
    [[ "$output" =~ ^netdx\ syn\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
    grep '^\.Dl netdx syn ' "$man/netdx-syn.1" | sed 's/^\.Dl netdx/$NETDX/' >examples
    [ "$(wc -l <examples)" -ge 3 ]
    in_net "set -x; $(sed 's/$/ -q || [ $? -le 2 ] || exit 9/' examples)"
    [ "$status" -eq 0 ]
}

# --- targets -------------------------------------------------------------------------------------

@test "R32 syn: targets that are no targets, with file and line" {
    printf '%s\n' '127.0.0.1' '$(id)' '[::1' '0x7f.1' '10.0.0.0/33' 'x/24' '224.0.0.1' '127.0.0.1:0' >list
    in_net '$NETDX syn -n -c 1 --json --targets list'
    [ "$status" -eq 3 ]
    is '[.targets[] | select(.error.code == "target.invalid")] | length == 7'
    is '[.targets[] | select(.outcome == "refused")] | length == 1'
    [[ "$stderr" == *'list, line 2, column 1: target "$(id)" is neither a name nor an address'* ]]
    [[ "$stderr" == *'list, line 3, column 1: target "[::1" has no matching bracket'* ]]
    [[ "$stderr" == *'list, line 5, column 1: prefix length "33" is out of range (0 to 32)'* ]]
    [[ "$stderr" == *'list, line 6, column 1: target "x/24" has a prefix length but is no address'* ]]
    [[ "$stderr" == *'list, line 8, column 1: port "0" is out of range (1 to 65535)'* ]]
    in_net 'printf "127.0.0.1\na b\n" | $NETDX syn -n -c 1 --json --targets -'
    is '[.targets[].error.code] == [null, "target.invalid"]'
    [[ "$stderr" == *'standard input, line 2, column 1: target "a b" holds a blank'* ]]
}

@test "R32 syn: one target after another that nobody should probe" {
    for target in -oX '$(id)' $'a\nb' 0x7f.1 127.1 0.0.0.0 ::ffff:127.0.0.1 %eth0 bücher.example \
        fe80::1%nosuch0 '[::1' http:// '[]:80' ':80' 10.0.0.0/ 224.0.0.0/24 255.255.255.255; do
        run --separate-stderr "$NETDX" syn --json -- "$target"
        [ "$status" -eq 3 ]
        is '.error.code == "usage" or (.targets[0].error.code == "target.invalid")'
    done
    run --separate-stderr "$NETDX" syn -- "$(head -c 65536 /dev/zero | tr '\0' a)"
    [ "$status" -eq 3 ]
    [ "${#stderr}" -lt 400 ]
}

@test "R1 syn: hostile bytes of a target file reach no output" {
    printf 'a\033[2Jb\n\342\200\256c\n"|d\n' >list
    for format in text json jsonl csv; do
        in_net "\$NETDX syn -n -c 1 -f $format --targets list; \$NETDX syn -c 1 -v -f $format --targets \$'x\033[2J'"
        ! grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xe2\x80\xae' <<<"$output$stderr"
    done
}

@test "syn: hosts with ports, URLs, networks and names at all their addresses" {
    echo '127.0.0.1 many
127.0.0.2 many
::1 many' >hosts
    in_net 'mount --bind hosts /etc/hosts; $NETDX syn -c 1 --json many:80,81 http://127.0.0.3/x [::1]:80 127.0.1.0/30:80'
    is '[.targets[] | select(.target == "many:80,81")] | length == 6'
    is '[.targets[] | select(.target == "many:80,81") | .address] | unique == ["127.0.0.1", "127.0.0.2", "::1"]'
    is '[.targets[] | select(.port == 81) | .outcome] | unique == ["refused"]'
    is '[.targets[] | select(.target == "http://127.0.0.3/x" or .target == "[::1]:80") | .outcome] == ["open", "open"]'
    is '[.targets[] | select(.target == "127.0.1.0/30:80")] | length == 4'
    in_net 'mount --bind hosts /etc/hosts; $NETDX syn -4 -c 1 --json many'
    is '[.targets[].address] | sort == ["127.0.0.1", "127.0.0.2"]'
}

@test "R21 syn: reasons of names, and a name with very many addresses" {
    seq 1 300 | awk '{ printf "127.1.%d.%d crowd\n", $1 / 250, $1 % 250 + 1 }' >hosts
    in_net 'mount --bind hosts /etc/hosts; $NETDX syn -n -c 1 --json -p 80 crowd'
    is '[.targets[] | select(.outcome == "open")] | length == 300'
    in_lab healthy '$NETDX syn --json nosuch.lab'
    [ "$status" -eq 2 ]
    is '.targets[0].error.code == "dns.unreachable"'
}

# --- what it finds -------------------------------------------------------------------------------

@test "syn: table, sentence, live lines and the SYN-ACK" {
    in_lab healthy '$NETDX syn -4 -v -c 3 server.lab:80'
    [ "$status" -eq 0 ]
    [ "$(grep -c '^server.lab:80 (10.99.0.2) SYN [123] from port [0-9]*: open in 3[0-9.]* ms (TTL' <<<"$output")" -eq 3 ]
    grep -qE '^server.lab:80 \(10.99.0.2\) +3 +3 +0 +0.0%( +3[0-9.]+){5} +[0-9.]+$' <<<"$output"
    grep -qE '^SYN-ACK: TTL [0-9]+ \([0-9]+ hops\), window [0-9]+, MSS [0-9]+, .*JA4TS [0-9]+_2-4-8-1-3_' <<<"$output"
    grep -qE '^3 SYNs sent, 3 answered, [0-9.]+ s$' <<<"$output"
}

@test "syn: round-trip times are the kernel's, the same as tcpdump's" {
    in_pair 'tcpdump -i a0 --nano -B 4096 --immediate-mode -U -w c.pcap "tcp port 80" 2>/dev/null & pids+=($!)
        until [ -s c.pcap ]; do sleep 0.05; done
        $NETDX syn -n -c 20 --interval 10ms --jsonl 10.7.0.2:80
        sleep 0.3; kill ${pids[-1]}'
    [ "$(jq -r 'select(.event == "answer") | .rtt_ms' <<<"$output" | wc -l)" -eq 20 ]
    jq -r 'select(.event == "answer") | "\(.source_port) \(.probe) \(.rtt_ms * 1e6 | round)"' <<<"$output" |
        sort -k2n >ours
    tshark -r c.pcap -Y 'tcp.flags.syn==1' -T fields -e tcp.flags.ack -e tcp.seq_raw -e tcp.ack_raw \
        -e frame.time_epoch 2>/dev/null | sed 's/[0-9]*\([0-9]\{4\}\)\.\([0-9]*\)$/\1\2/' | awk '
        $1 ~ /^(0|False)$/ { sent[$2 + 1] = $4; order[n++] = $2 + 1 }
        $1 ~ /^(1|True)$/ { got[$3] = $4 }
        END { for (i = 0; i < n; i++) print got[order[i]] - sent[order[i]] }' >theirs
    # Captures are served one after the other, so their stamps of one packet differ a little; and by
    # much when the machine stops between the two.
    [ "$(wc -l <ours)" -eq 20 ] && [ "$(wc -l <theirs)" -eq 20 ]
    paste -d' ' ours theirs | awk '{ d = $3 - $4; print d < 0 ? -d : d }' | sort -n >off
    [ "$(sed -n 10p off)" -le 3000 ] && [ "$(sed -n 17p off)" -le 20000 ]
}

@test "R5 syn: two machines, forged resets and copies are told apart and give no time" {
    in_lab two-responders '$NETDX syn -4 --json -p 80 server.lab'
    is '.targets[0].second_answers > 0 and .targets[0].outcome == "open"'
    in_lab noisy '$NETDX syn -4 --json -c 200 --interval 10ms -p 80 server.lab'
    is '.targets[0] | .duplicates > 0 and .suspects == 0 and .outcomes.open <= .sent'
}

@test "syn: the host's RST, a device's RST, and an ICMP error are three things" {
    in_lab refused-port '$NETDX syn -4 --json -p 81 server.lab'
    [ "$status" -eq 2 ]
    is '.targets[0] | .outcome == "refused" and ([.findings[].id] == ["tcp.refused"])'
    in_lab unreachable '$NETDX syn -4 --json -p 80 server.lab'
    [ "$status" -eq 2 ]
    is '.targets[0] | .outcome == "unreachable" and (.findings[0] | .id == "tcp.unreachable" and .address != null and .icmp_type == 3)'
}

@test "syn: what is answered only when repeated" {
    in_pair 'there nft "table inet t { chain c { type filter hook input priority 0; tcp dport 80 tcp flags syn numgen inc mod 2 0 drop; }; }"
        $NETDX syn -n --json -c 1 10.7.0.2:80'
    is '.targets[0] | .outcome == "open" and .repeats_sent == 1 and .answered_when_repeated == 1'
    is '.targets[0].rtt_ms.p50 < 100' # of the copy that was answered
    in_pair 'there nft "table inet t { chain c { type filter hook input priority 0; tcp dport 80 tcp flags syn numgen inc mod 2 0 drop; }; }"
        $NETDX syn -n --json -c 1 --repeats 0 10.7.0.2:80'
    [ "$status" -eq 2 ]
    is '.targets[0] | .outcome == "timed_out" and .repeats_sent == 0'
}

@test "syn: an answer after the deadline is late and no time" {
    printf 'name: slow\nsummary: A second away.\nserver: {services: [{http: {port: 80}}]}\npath: [{name: r1, link: {delay: 400ms}}]\n' >slow.yaml
    in_lab "$PWD/slow.yaml" '$NETDX syn -4 -n --jsonl --no-reference -c 4 --interval 300ms --timeout 600ms server.lab:80'
    jq -es 'map(select(.event == "late")) | length > 0 and all(.[]; .late and .rtt_ms > 600)' <<<"$output"
    [ "$(jq -s '[.[] | select(.event == "late")] | length' <<<"$output")" -gt 0 ]
    jq -es 'map(select(.event == "target")) | length == 1 and all(.[]; .late > 0 and .rtt_ms.p50 == null)' <<<"$output"
}

@test "syn: thresholds set the exit status" {
    in_lab healthy '$NETDX syn -4 -q -c 3 --warn 1ms server.lab:80; echo $?; $NETDX syn -4 -q -c 3 --warn 1ms --crit 10ms server.lab:80; echo $?
        $NETDX syn -4 -q -c 3 --warn 1s,5% --crit 2s,20% server.lab:80; echo $?'
    [ "$(grep -x '[0-3]' <<<"$output" | tr -d '\n')" = 120 ]
    [[ "$output" == *"warning: the median of 36."*" ms is over the threshold of 1 ms"* ]]
}

# --- bad days ------------------------------------------------------------------------------------

@test "R10 syn: a full disk is an error on every output" {
    for format in text json jsonl csv; do
        in_net "\$NETDX syn -n -q -c 1 -f $format 127.0.0.1:80 >/dev/full"
        [ "$status" -eq 3 ]
        [[ "$stderr" == *"writing the report failed: No space left on device"* ]]
        in_net "\$NETDX syn -n -q -c 1 -f $format -o /dev/full 127.0.0.1:80"
        [ "$status" -eq 3 ]
    done
    in_net '$NETDX syn -n -q -c 1 --write /dev/full 127.0.0.1:80'
    [ "$status" -eq 3 ]
    [[ "$stderr" == *'recording "/dev/full" cannot be written: No space left on device'* ]]
    run --separate-stderr "$NETDX" syn -o /nonexistent/report --json 127.0.0.1
    [ "$status" -eq 3 ]
    is '.error.code == "file.open"'
}

@test "R11 syn: a closed pipe ends quietly and at once" {
    in_net '$NETDX syn -n -c 1000 --interval 20ms --jsonl 127.0.0.1:80 2>err | head -n 3; cat err >&2'
    [ "${#lines[@]}" -eq 3 ]
    [ -z "$stderr" ]
}

@test "R12 syn: SIGINT and SIGTERM give the results so far, at once" {
    for signal in INT:130 TERM:143; do
        in_net "start=\$(date +%s%3N)
            timeout --preserve-status -s ${signal%:*} 0.7 \$NETDX syn -n -c 0 --interval 20ms --json 127.0.0.1:80 >report
            echo \$? \$((\$(date +%s%3N) - start))"
        read -r code took <<<"$output"
        [ "$code" -eq "${signal#*:}" ]
        [ "$took" -lt 1000 ]
        jq -e '.interrupted and .targets[0].outcomes.open > 10' report
    done
}

@test "R13 syn: a pause is not loss" {
    in_lab healthy '$NETDX syn -4 -n -c 20 --interval 50ms --timeout 500ms --repeats 0 --json server.lab:80 & sleep 0.5
        kill -STOP $!; sleep 1.5; kill -CONT $!; wait $!'
    [ "$status" -eq 0 ]
    is '.targets[0] | .sent == 20 and .loss_pct == 0'
}

@test "R15 syn: what our own kernel refuses is no loss of the network" {
    in_pair 'nft "table inet t { chain c { type filter hook output priority 0; tcp dport 80 drop; }; }"
        $NETDX syn -n --json -c 3 10.7.0.2:80'
    [ "$status" -eq 3 ]
    is '.targets[0] | .outcome == "send_failed" and .send_errors > 0 and .sent == 0 and .loss_pct == null'
    is '.targets[0].findings[0].errno == 1'
    in_pair '$NETDX syn -n --json -c 1 192.0.2.1:80'
    [ "$status" -eq 2 ]
    is '.targets[0].error.code == "route.none"'
}

@test "R15 syn: a full queue is waited for" {
    in_pair 'tc qdisc add dev a0 root tbf rate 64kbit burst 1600 limit 2000
        $NETDX syn -n --json -c 60 --interval 1ms --no-reference 10.7.0.2:80'
    is '.counters.postponed > 0 and .targets[0].send_errors == 0 and .targets[0].outcomes.open == 60'
}

@test "R16, R17 syn: what our own capture drops is said" {
    in_net '$NETDX syn -n --json -c 30 --interval 50ms 127.0.0.1:80 & netdx=$!; sleep 0.4
        kill -STOP $netdx; ping -q -f -c 6000 127.0.0.1 >/dev/null; kill -CONT $netdx; wait $netdx'
    [ "$status" -ge 1 ]
    is '.counters.capture_dropped > 100 and .inconclusive'
}

@test "R18 syn: an interface that goes away ends the run with what there is" {
    in_pair '(sleep 0.5; ip link del a0) & $NETDX syn -n -i a0 --json -c 100 --interval 50ms 10.7.0.2:80'
    [ "$status" -eq 3 ]
    is '.error.code == "network.lost" and .targets[0].outcomes.open > 3 and .targets[0].outcomes.open < 30'
}

@test "R20 syn: a resolver that never answers holds no address up" {
    echo nameserver 203.0.113.9 >resolv.conf
    in_lab healthy 'mount --bind /dev/null /etc/hosts && mount --bind resolv.conf /etc/resolv.conf || exit 9
        start=$(date +%s%3N); $NETDX syn -c 2 --json 10.99.0.2:80; echo $(($(date +%s%3N) - start)) >took
        $NETDX syn --jsonl -c 2 nosuch.lab 10.99.0.2:80 >events'
    [ "$(cat took)" -lt 1200 ]
    # The address has its answers while the name is still asked for.
    [ "$(jq -s '[.[] | select(.event == "answer")] | length' events)" -eq 2 ]
    jq -s -e '.[] | select(.event == "target" and .target == "nosuch.lab") | .error.code == "dns.timeout"' events
}

@test "R22 syn: 10,000 targets with 64 descriptors are swept" {
    seq 0 9999 | awk '{ printf "127.1.%d.%d # %d\n", $1 / 250, $1 % 250 + 1, $1 }' >list
    in_net 'ulimit -n 64; /usr/bin/time -q -f %M -o memory $NETDX syn -q --json --rate 20000 -p 80 --targets list'
    [ "$status" -eq 0 ]
    is '.method == "sweep" and .counters.open == 10000 and .counters.capture_dropped == 0'
    is '[.targets[].address] | unique | length == 10000'
    [ "$(cat memory)" -lt 65536 ]
}

@test "R23 syn: the rate is never exceeded and has no bursts" {
    in_net '$NETDX syn -n -q --jsonl -c 40 --interval 1ms --rate 200 --no-reference 127.0.0.1:80,81,82,83,84'
    jq -r 'select(.event == "sent") | .sent' <<<"$output" | sed 's/.*T\(..\):\(..\):\(.*\)Z/\1 \2 \3/' |
        awk '{ t[NR] = $1 * 3600 + $2 * 60 + $3 }
            END { for (i = 21; i <= NR; i++) if (t[i] - t[i - 20] < 0.095) { print i, t[i] - t[i - 20]; bad = 1 }
                  exit bad || NR != 200 }'
    jq -e 'select(.event == "summary") | .rate.asked_pps == 200 and .rate.achieved_pps <= 201' <<<"$output"
}

@test "syn: a rate that cannot be kept is said with the achieved one" {
    in_pair 'tc qdisc add dev a0 root tbf rate 200kbit burst 1600 limit 2000
        $NETDX syn -n -c 100 --interval 1ms --rate 1000 --no-reference 10.7.0.2:80 | tail -n 3'
    [[ "$output" =~ "1000 SYNs a second were asked for, "[0-9]+" were achieved" ]]
}

@test "R24 syn: two instances at once do not answer for each other" {
    in_lab noisy '$NETDX syn -4 -n -c 100 --interval 10ms --json server.lab:80 >a & $NETDX syn -4 -n -c 100 --interval 10ms --json server.lab:80 >b; wait'
    for file in a b; do
        jq -e '.targets[0] | .suspects == 0 and .answered <= .sent and .second_answers == 0' $file
    done
}

# --- exit status, privileges ---------------------------------------------------------------------

@test "R28 syn: the exit status and the document on every way out" {
    table() { # STATUS FILTER SCENARIO ARGUMENTS
        in_lab "$3" "\$NETDX syn -q -4 --json $4"
        [ "$status" -eq "$1" ] || { echo "$3 $4: status $status"; false; }
        [ "$(jq -s length <<<"$output")" -eq 1 ]
        is "$2"
    }
    table 0 '.targets[0].outcome == "open" and .targets[0].findings == []' healthy 'server.lab:80'
    table 1 '.targets[0].outcome == "open" and .targets[0].findings != []' loss '-c 400 --interval 10ms server.lab:80'
    table 2 '.targets[0].outcome == "timed_out"' dead-target '-c 2 server.lab:80'
    table 2 '.targets[0].error.code == "dns.unreachable"' healthy 'nosuch.lab'
    table 3 '.error.code == "usage"' healthy '--bogus'
    table 3 '.error.code == "interface.unknown"' healthy '-i nosuch0 server.lab'
    table 3 '.error.code == "file.open"' healthy '--write /nonexistent/x server.lab'
    in_lab healthy 'setpriv --bounding-set=-net_raw --inh-caps=-net_raw $NETDX syn -q --json --privilege raw server.lab'
    [ "$status" -eq 3 ]
    is '.error.code == "permission" and (.error.message | contains("CAP_NET_RAW"))'
}

@test "R29 syn: root, CAP_NET_RAW alone, nothing, and a user namespace" {
    nobody="setpriv --reuid 65534 --regid 65534 --clear-groups"
    in_pair "\$NETDX syn -n -q --json -c 2 10.7.0.2:80"
    is '.privilege == "raw" and .targets[0].outcomes.open == 2'
    in_pair "$nobody --inh-caps=+net_raw --ambient-caps=+net_raw --bounding-set=-all,+net_raw \
        \$copy/netdx syn -n -q --json -c 2 10.7.0.2:80"
    is '.privilege == "raw" and .targets[0].outcomes.open == 2'
    for range in '1 0' '0 2147483647'; do
        in_pair "sysctl -qw net.ipv4.ping_group_range='$range'
            $nobody --bounding-set=-all --inh-caps=-all \$copy/netdx syn -n --json -c 2 10.7.0.2:80,81 [fd07::2]:80"
        [ "$status" -eq 2 ]
        is '.privilege == "unprivileged" and .method == "connect"'
        is '[.targets[] | .outcome] == ["open", "refused", "open"]'
        is '[.targets[] | .synack] == [null, null, null]'
        is '[.targets[] | select(.port == 80) | .rtt_ms | .min > 0 and .max < 20] | all'
        [[ "$stderr" == *"CAP_NET_RAW is missing"* ]]
    done
    run --separate-stderr timeout 20 $nobody unshare -Urn bash -c \
        "ip link set lo up && $copy/netdx syn -n -q --json -c 2 127.0.0.1:80"
    is '.privilege == "raw" and .targets[0].outcome == "refused"'
}

@test "syn: without privilege who said unreachable is known, and what was repeated" {
    run --separate-stderr timeout 60 unshare -n bash -c ". $here/routers.bash
        at \$r2 ip route add unreachable 10.9.9.0/24; at \$r1 ip route add 10.9.9.0/24 via 10.9.2.2
        nobody $copy/netdx syn -n -q --json -c 2 10.9.9.1:80"
    is '.targets[0] | .outcome == "unreachable" and .findings[0].address == "10.9.2.2" and .findings[0].icmp_type == 3'
    in_pair 'there nft "table inet t { chain c { type filter hook input priority 0; tcp dport 80 tcp flags syn numgen inc mod 2 0 drop; }; }"
        setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all --inh-caps=-all \
            $copy/netdx syn -n -q --json -c 1 10.7.0.2:80'
    is '.targets[0] | .outcome == "open" and .answered_when_repeated == 1'
    is '.targets[0].rtt_ms.p50 == null or .targets[0].rtt_ms.p50 < 200'
}

@test "R30 syn: nothing is left of root when the first packet is read" {
    in_net '$NETDX syn -n -q -c 0 --interval 50ms 127.0.0.1:80 >/dev/null & sleep 0.5; cat /proc/$!/status; kill $!'
    grep -qE '^CapEff:\s0+$' <<<"$output"
    grep -qE '^CapPrm:\s0+$' <<<"$output"
    grep -qE '^NoNewPrivs:\s1$' <<<"$output"
    grep -qE '^Seccomp:\s2$' <<<"$output"
    ! grep -qE '^Uid:\s0' <<<"$output"
}

@test "R31 syn: closed descriptors, no /proc, no resolv.conf, odd surroundings, little memory" {
    in_net '$NETDX syn -n -c 1 127.0.0.1:80 >&-'
    [ "$status" -eq 3 ]
    in_net '$NETDX syn -n -c 1 127.0.0.1:80 <&- 2>&-'
    [ "$status" -eq 0 ]
    in_net 'mount -t tmpfs none /proc; TERM=garbage LC_ALL=xx_YY $NETDX syn -n -c 1 127.0.0.1:80'
    [ "$status" -eq 0 ]
    in_net 'mount --bind /dev/null /etc/resolv.conf; $NETDX syn -c 1 127.0.0.1:80'
    [ "$status" -eq 0 ]
    in_net 'ulimit -v 20000; $NETDX syn -n --json -c 1 127.0.0.1:80'
    [ "$status" -eq 0 ] || [ "$status" -eq 3 ]
    [ -z "$output" ] || jq -e 'has("error")' <<<"$output"
}

@test "R38 syn: who is not root does not flood" {
    nobody="setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all --inh-caps=-all"
    for arguments in '--interval 100ms' '--rate 0' '--rate 1000'; do
        run --separate-stderr $nobody "$copy/netdx" syn $arguments 127.0.0.1
        [ "$status" -eq 3 ]
        [[ "$stderr" == *"is out of range"* || "$stderr" == *"only root may ask for"* ]]
    done
    for target in 224.0.0.1 255.255.255.255 ff02::1 240.0.0.0/4; do
        run --separate-stderr "$NETDX" syn "$target"
        [ "$status" -eq 3 ]
    done
}

@test "R37 syn: tshark reads a recording" {
    in_net '$NETDX syn -n -q -c 3 --write run.pcapng 127.0.0.1:80'
    [ "$(tshark -r run.pcapng -Y 'tcp.flags.syn==1 && tcp.flags.ack==0 && frame.packet_flags_direction==2' 2>/dev/null | wc -l)" -eq 3 ]
}
