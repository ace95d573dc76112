#!/usr/bin/env bats
# netdx banner: the wire beside its connections, held against what tcpdump saw of them.

bats_require_minimum_version 1.5.0

setup() {
    NETDX=$(realpath "${NETDX:-build/netdx}")
    copy=$(mktemp -d /tmp/netdx-wire-XXXXXX) # the build may lie where nobody may look
    chmod 755 "$copy"
    cp "$NETDX" "$copy/netdx"
    NETDX=$copy/netdx
    cd "$BATS_TEST_TMPDIR" || return 1
    chmod 777 .
}

teardown() {
    rm -rf "$copy"
}

# in_lab SCENARIO SCRIPT: a shell on the client's side, with $NETDX and `banner`, which prints the
# document of the arguments, while tcpdump writes all.pcap.
in_lab() {
    NETDX=$NETDX run --separate-stderr timeout 60 "$NETDX" lab "$1" -- bash -c '
        tcpdump -i lab0 -s 2000 -B 16384 --immediate-mode -w all.pcap --time-stamp-precision=nano \
            2>tcpdump.log &
        dump=$!
        until grep -qs listening tcpdump.log; do sleep 0.02; done
        banner() { "$NETDX" banner --json "$@"; }
        '"$2"'
        code=$?
        sleep 0.5 # what is still on its way
        kill $dump
        wait $dump
        exit $code'
}

# in_net SCRIPT: a shell in a network of its own with a loopback.
in_net() {
    NETDX=$NETDX run --separate-stderr timeout 60 unshare -n -m bash -c "ip link set lo up; $1"
}

is() { # FILTER: true of the document
    jq -e "$1" <<<"$output" >/dev/null || { echo "$output"; echo "$stderr"; false; }
}

# packets FILE [FILTER]: a line each: time, addresses, ports, flags, numbers, length.
packets() {
    tshark -r "$1" -Y "${2:-frame}" -T fields -e frame.time_epoch -e ip.src -e ip.dst \
        -e tcp.srcport -e tcp.dstport -e tcp.flags -e tcp.seq_raw -e tcp.ack_raw -e tcp.len \
        -e icmp.type 2>/dev/null | sort
}

# --- resets ----------------------------------------------------------------------------------------

@test "wire: a RST forged on the way is told from the host's" {
    in_lab resets-injected 'banner --protocol http --method GET ipv4.server.lab:80,86,93'
    [ "$status" -eq 2 ]
    is '.privilege == "raw" and .capture_dropped == 0 and (.targets | length) == 3'
    is 'all(.targets[]; .error.code == "tcp.reset.after_request" and .error.phase == "http")'
    is 'all(.targets[].error.evidence; .reset_by == "device" and .reset_forged and
        .reset_during == "request" and .reset_confidence > 0.5)'
    is 'all(.targets[].wire.reset; .origin == "device" and .forged and .by == "server" and
        .phase == "after_request" and .during == "request" and (.reasons | length) > 1)'
    # TTLs as tcpdump saw them: of the RST, and of the SYN-ACK before it.
    while read -r port ttl expected; do
        [ "$(tshark -r all.pcap -Y "tcp.flags.reset==1 && tcp.srcport==$port" -T fields \
            -e ip.ttl 2>/dev/null | head -1)" = "$ttl" ]
        [ "$(tshark -r all.pcap -Y "tcp.flags==0x12 && tcp.srcport==$port" -T fields \
            -e ip.ttl 2>/dev/null | head -1)" = "$expected" ]
        [ "$ttl" != "$expected" ]
    done < <(jq -r '.targets[] | "\(.port) \(.wire.reset.ttl) \(.wire.reset.ttl_expected)"' \
        <<<"$output")
}

@test "wire: a forged RST that the host does not know of is seen through" {
    in_lab resets-injected 'banner --protocol http --method GET ipv4.server.lab:93'
    is '.targets[0].wire.reset | .forged and (.reasons | index("host_goes_on"))'
}

@test "wire: the text names who sent the RST, and in whose name" {
    in_lab resets-injected '"$NETDX" banner --protocol http --method GET ipv4.server.lab:80'
    [ "$status" -eq 2 ]
    [[ "$output" == *"tcp.reset.after_request: the connection was reset"* ]]
    [[ "$output" == *"    wire: SYN RTT "*"reset by a device on the way in the name of 10."*" after the request (forged, "* ]]
}

@test "wire: a RST that changes nothing is no failure" {
    in_lab resets-injected 'banner --protocol http --method GET ipv4.server.lab:84'
    [ "$status" -eq 0 ]
    is '.targets[0] | .error == null and .wire.reset.forged and .wire.reset.during == "after"'
}

@test "wire: the server's own RSTs, and in which phase" {
    in_lab resets-genuine \
        'banner --protocol http --method GET --body-limit 300000 ipv4.server.lab:80-84'
    [ "$status" -eq 2 ]
    is '[.targets[] | .error.code] == [null, "tcp.refused", "tcp.reset.after_request",
        "tcp.reset.after_request", "tcp.reset.mid_response"]'
    is '[.targets[].wire.reset.during] == [null, "connect", "request", "request", "response"]'
    is '[.targets[2:][].wire.reset | .origin, .forged] == ["host", false, "host", false, "host",
        false]'
    is '.targets[1].wire.reset | .phase == "refused" and .origin == "unknown"'
    is '[.targets[1:][].error.evidence.reset_by] == ["unknown", "host", "host", "host"]'
}

@test "wire: a SYN-ACK that this host does not take is no silence" {
    in_lab healthy '
        nft add table inet t
        nft add chain inet t in "{ type filter hook input priority 0; }"
        nft add rule inet t in tcp sport 80 drop
        banner --timeout 1500ms -p 80 --protocol http ipv4.server.lab >seen
        banner --privilege none --timeout 1500ms -p 80 --protocol http ipv4.server.lab >unseen'
    jq -e '.targets[0] | .error.code == "tcp.local_drop" and .error.phase == "connect" and
        .wire.syn_rtt_ms > 10 and .wire.retransmissions == 1' seen
    jq -e '.privilege == "unprivileged" and .targets[0].error.code == "tcp.timed_out" and
        .targets[0].wire.method == "tcp_info" and .targets[0].wire.retransmissions == 1' unseen
}

# --- what was sent again -------------------------------------------------------------------------

@test "wire: round trips and retransmissions are those that tcpdump saw" {
    in_lab loss '
        for i in $(seq 60); do echo ipv4.server.lab:80; done >targets
        banner --protocol http --timeout 20s --targets targets'
    is '.capture_dropped == 0 and (.targets | length) == 60'
    is 'all(.targets[]; .wire.method == "capture")'
    is '[.targets[].wire.retransmissions] | add > 0' # eight percent are lost on the way out
    jq -r '.targets[] | "\(.wire.source_port) \(.wire.syn_rtt_ms) \(.wire.retransmissions)"' \
        <<<"$output" >told
    tshark -r all.pcap -Y 'tcp.port==80' -T fields -E occurrence=f -e frame.time_epoch \
        -e tcp.srcport -e tcp.dstport -e tcp.flags -e tcp.seq_raw -e tcp.len \
        -e tcp.options.timestamp.tsval -e tcp.options.timestamp.tsecr -e ip.id 2>/dev/null >seen
    run python3 - <<'END'
import collections
sent, rtt, syns, again, ids = {}, {}, {}, collections.Counter(), set()
for line in open("seen"):
    time, source, to, flags, seq, length, tsval, tsecr, ip_id = line.rstrip("\n").split("\t")
    flags, time = int(flags, 16), float(time)
    if to == "80":
        if (source, ip_id) in ids:
            continue # doubled by the network
        ids.add((source, ip_id))
        if flags & 2:
            syns[source, tsval] = time
        if flags & 2 or int(length) > 0:
            again[source] += (source, seq) in sent
            sent[source, seq] = time
    elif flags & 0x12 == 0x12 and to not in rtt:
        rtt[to] = 1000 * (time - syns[to, tsecr])
for line in open("told"):
    port, told_rtt, told_again = line.split()
    assert abs(float(told_rtt) - rtt[port]) < 0.05, (line, rtt[port])
    assert int(told_again) == again[port], (line, again[port])
END
    [ "$status" -eq 0 ] || { echo "$output"; false; }
}

# --- without privileges --------------------------------------------------------------------------

@test "wire: without privileges the kernel says what it can" {
    in_lab resets-genuine '
        low() { setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all "$@"; }
        low "$NETDX" banner --json --protocol http --method GET --body-limit 300000 \
            ipv4.server.lab:80-84'
    [ "$status" -eq 2 ]
    [ -z "$stderr" ]
    is '.privilege == "unprivileged" and .capture_dropped == null'
    is '[.targets[] | .error.code] == [null, "tcp.refused", "tcp.reset.after_request",
        "tcp.reset.after_request", "tcp.reset.mid_response"]'
    is '[.targets[].wire.method] | unique == ["tcp_info"]'
    is 'all(.targets[].wire; .reset == null and .peer_retransmissions == null)'
    is 'all(.targets[0,2,3,4].wire; .syn_rtt_ms > 25 and .retransmissions == 0)'
    # The kernel's round trip is that of the wire, in microseconds.
    port=$(jq .targets[0].wire.source_port <<<"$output")
    rtt=$(tshark -r all.pcap -Y "tcp.port==$port" -T fields -e frame.time_relative 2>/dev/null |
        awk 'NR == 1 { a = $1 } NR == 2 { print 1000 * ($1 - a) }' || true)
    is '.targets[0].wire.syn_rtt_ms - '"$(tshark -r all.pcap -Y "tcp.dstport==$port &&
        tcp.flags==0x12" -T fields -e tcp.analysis.ack_rtt 2>/dev/null)"' * 1000 | fabs < 1'
}

@test "wire: what needs privileges says which" {
    in_net '
        low() { setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all "$@"; }
        for o in "--privilege raw" "--save x.pcapng"; do
            low "$NETDX" banner $o 127.0.0.1:80 2>said; echo $?
            grep -c "CAP_NET_RAW" said
        done
        low "$NETDX" banner --json --privilege raw 127.0.0.1:80 2>/dev/null | jq -r .error.code
        test ! -e x.pcapng
        "$NETDX" banner --save x --privilege none 127.0.0.1:80 2>&1; echo $?'
    [ "$output" = '3
1
3
1
permission
netdx banner: --save needs a capture, which --privilege none forbids
netdx banner: netdx banner -h lists the options
3' ] || { echo "$output"; false; }
}

# --- --save --------------------------------------------------------------------------------------

# Of failing connections and no others: all that tcpdump saw of their ports, and nothing else.
saved_are_the_failing() {
    local ports filter
    ports=$(jq -r '[.targets[] | select(.error) | .wire.source_port | tostring] | join(",")' \
        <<<"$output")
    filter="tcp.port in {${ports}} || icmp"
    packets all.pcap "$filter" >expected
    packets failed.pcapng >found
    [ -s found ]
    cut -f 2- expected | sort >a
    cut -f 2- found | sort >b
    diff a b
    # The same times, too: to a millisecond, whatever each was stamped by.
    paste <(cut -f 1 expected) <(cut -f 1 found) |
        awk '{ d = $1 - $2; if (d > 0.001 || d < -0.001) exit 1 }'
}

@test "wire: --save holds the packets of failing connections and no others" {
    in_lab resets-genuine 'banner --save failed.pcapng --protocol http --method GET \
        --body-limit 300000 ipv4.server.lab:80-84'
    is '[.targets[] | select(.error == null)] | length == 1'
    saved_are_the_failing
    capinfos failed.pcapng >/dev/null
}

@test "wire: --save goes on to the end of the connection, and with ICMP messages" {
    in_lab rejected-port 'banner --save failed.pcapng --protocol ssh ipv4.server.lab:80,443'
    is '.targets[0].error.code != null and .targets[1].error.evidence.icmp_code == 13'
    saved_are_the_failing
    [ "$(packets failed.pcapng icmp | wc -l)" -eq 1 ]
    # Of the other one, both FINs and the acknowledgement of the last.
    [ "$(packets failed.pcapng 'tcp.port==80 && tcp.flags.fin==1' | wc -l)" -eq 2 ]
}

@test "wire: --save of a run in which nothing fails is an empty capture" {
    in_lab healthy 'banner --save failed.pcapng --protocol http ipv4.server.lab:80'
    [ "$status" -eq 0 ]
    [ "$(packets failed.pcapng | wc -l)" -eq 0 ]
}

@test "wire: --save of a file that cannot be written" {
    in_net '"$NETDX" banner --save /nonexistent/x 127.0.0.1:80 2>&1; echo $?
        "$NETDX" banner --save /dev/full 127.0.0.1:80 2>&1 >/dev/null; echo $?'
    [ "${lines[0]}" = 'netdx banner: capture file "/nonexistent/x" cannot be written: No such file or directory' ]
    [ "${lines[1]}" = 3 ]
    [[ "${lines[2]}" == 'netdx banner: capture file "/dev/full" cannot be written: No space left on device' ]]
    [ "${lines[3]}" = 3 ]
}

# --- source ports --------------------------------------------------------------------------------

@test "wire: source ports as named, and those that are taken are skipped" {
    in_lab healthy '
        python3 -c "
import socket, time
s = socket.socket(); s.bind((\"\", 40001)); s.listen(); time.sleep(20)" & taken=$!
        sleep 0.3
        for i in 1 2 3 4; do echo ipv4.server.lab:80; done >targets
        banner --source-port 40000-40002 --parallel 1 --protocol http --targets targets
        kill $taken'
    is '[.targets[] | .error] == [null, null, null, null]'
    is 'all(.targets[].wire.source_port; . == 40000 or . == 40002)'
}

@test "wire: when all named source ports are taken, that is the failure" {
    in_net '
        python3 -c "
import socket, time
s = socket.socket(); s.bind((\"\", 40001)); s.listen(); time.sleep(20)" & taken=$!
        sleep 0.3
        "$NETDX" banner --json --source-port 40001 --protocol http 127.0.0.1:80
        kill $taken'
    is '.targets[0].error.code == "local.ports_exhausted"'
}

@test "wire: chosen source ports are the clients' and not reserved ones" {
    in_net '
        echo "50000 50999" >/proc/sys/net/ipv4/ip_local_port_range
        echo "50000-50199,50300,50400-50899" >/proc/sys/net/ipv4/ip_local_reserved_ports
        for i in $(seq 30); do "$NETDX" banner --json 127.0.0.1:80; done |
            jq .targets[].wire.source_port'
    [ "${#lines[@]}" -eq 30 ]
    for port in "${lines[@]}"; do
        ((port >= 50200 && port <= 50999 && port != 50300 && (port < 50400 || port > 50899)))
    done
}

@test "wire: three thousand connections at once lose no packet" {
    in_net '
        cat >nginx.conf <<END
daemon off; pid nginx.pid; error_log /dev/null;
events { worker_connections 4096; }
http { access_log off; server { listen 80; location / { return 200 x; } } }
END
        nginx -e /dev/null -p "$PWD/" -c "$PWD/nginx.conf" & server=$!
        until "$NETDX" banner 127.0.0.1:80 >/dev/null; do sleep 0.1; done
        "$NETDX" banner --json -p 80,80 127.0.0.0/20 --parallel 1024
        kill $server; wait $server'
    is '.answered > 3000 and .capture_dropped == 0'
    is 'all(.targets[] | select(.error == null) | .wire; .method == "capture" and .syn_rtt_ms > 0 and
        .syn_rtt_ms < 1000)'
    is '[.targets[].wire.source_port] | length == (map(select(. > 1023)) | length)'
}
