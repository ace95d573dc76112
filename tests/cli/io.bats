# The raw backend on real kernels: sending, capturing, stamps, and the days when it goes wrong.
# What captures is of two kinds, a plain socket and (-r) a ring, which must give the same.

IO=$HELPERS/core_io

# Runs a script in a network namespace of its own.
in_net()
{
    run timeout 60 unshare -n bash -c "set -eu; IO=$IO; ip link set lo up; $1"
    echo "$output"
    [ "$status" -eq 0 ]
}

# The same with a veth pair to a second namespace.
in_pair()
{
    run timeout 60 unshare -n bash -c "set -eu; IO=$IO; . $BATS_TEST_DIRNAME/veth.bash; $1"
    echo "$output"
    [ "$status" -eq 0 ]
}

# rtts FILE: round-trip times in ns of the echoes in a capture, from its stamps alone.
rtts()
{
    tshark -r "$1" -Y 'icmp.type==8 || icmp.type==0 || icmpv6.type==128 || icmpv6.type==129' \
        -T fields -e frame.time_epoch -e icmp.seq -e icmpv6.echo.sequence_number 2>/dev/null |
        awk '{ split($1, t, "."); ns = substr(t[1], 5) * 1000000000 + t[2]
               if ($2 in sent) print "seq=" $2 " rtt_ns=" ns - sent[$2]; else sent[$2] = ns }'
}

@test "stamps of both directions on the loopback, IPv4 and IPv6" {
    # The kernel begins to stamp a moment after the first socket asks for it: this one does.
    local stamping='python3 -c "import socket, time
asks = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asks.setsockopt(socket.SOL_SOCKET, 35, 1) # SO_TIMESTAMPNS
time.sleep(30)" &'
    for arguments in "echo 127.0.0.1 127.0.0.1" "echo ::1 ::1" "-r echo 127.0.0.1 127.0.0.1" "-r echo ::1 ::1"; do
        in_net "$stamping
            sleep 0.5; \$IO $arguments 5; kill \$!"
        [ "$(grep -c 'ordered=1 ifindex=1 stamped=1' <<<"$output")" -eq 5 ]
        [[ $output == *"sent=5 received=10 send_errors=0 capture_dropped=0 user_stamps=0"* ]]
    done
}

@test "round trips are the kernel's to the nanosecond: the same as tcpdump's" {
    for arguments in "echo 10.7.0.1 10.7.0.2" "echo fd07::1 fd07::2" "-r echo 10.7.0.1 10.7.0.2"; do
        rm -f "$BATS_TEST_TMPDIR/c.pcap"
        in_pair "tcpdump -i a0 -s 200 -B 4096 --nano --immediate-mode -U -w $BATS_TEST_TMPDIR/c.pcap 'icmp or icmp6' 2>/dev/null &
            tcpdump=\$!
            until [ -s $BATS_TEST_TMPDIR/c.pcap ]; do sleep 0.05; done
            \$IO -i a0 $arguments 20
            sleep 0.3; kill \$tcpdump; wait \$tcpdump || true"
        [ "$(grep -c 'ordered=1' <<<"$output")" -eq 20 ]
        rtts "$BATS_TEST_TMPDIR/c.pcap" >"$BATS_TEST_TMPDIR/theirs"
        grep -o '^seq=[0-9]* rtt_ns=[0-9]*' <<<"$output" >"$BATS_TEST_TMPDIR/ours"
        [ "$(wc -l <"$BATS_TEST_TMPDIR/theirs")" -eq 20 ]
        paste -d' ' "$BATS_TEST_TMPDIR/ours" "$BATS_TEST_TMPDIR/theirs" | tr '=' ' ' |
            awk '{ d = $4 - $8; if ($2 != $6 || d > 1000 || d < -1000) { print; bad = 1 } }
                 END { exit bad }'
    done
}

@test "link-local IPv6 leaves through the interface that is named" {
    in_pair "\$IO -x a0 echo fe80::1 fe80::2 3"
    [ "$(grep -c 'ordered=1' <<<"$output")" -eq 3 ]
}

@test "only frames of the interface asked for are seen" {
    for kind in "" -r; do
        in_pair "\$IO $kind -i a0 link 1500 >$BATS_TEST_TMPDIR/a0 & sleep 0.5
            ping -c 3 -i 0.2 127.0.0.1 >/dev/null; ping -c 2 -i 0.2 10.7.0.2 >/dev/null; wait %2"
        [ "$(grep -c frame=2 "$BATS_TEST_TMPDIR/a0")" -eq 2 ] # requests, outgoing
        [ "$(grep -c frame=1 "$BATS_TEST_TMPDIR/a0")" -eq 2 ] # replies, incoming
    done
}

@test "the filter is set after every capability is gone" {
    in_net "\$IO -D echo 127.0.0.1 127.0.0.1 2; \$IO -D -i lo echo ::1 ::1 2
        \$IO -r -D -i lo echo ::1 ::1 2"
    [ "$(grep -c 'ordered=1' <<<"$output")" -eq 6 ]
}

@test "without CAP_NET_RAW the error is EPERM" {
    for kind in "" -r; do
        run unshare -n capsh --drop=cap_net_raw -- -c "$IO $kind cost"
        [ "$status" -eq 1 ]
        [[ $output == *"failed=open error=EPERM"* ]]
    done
}

@test "an interface that is missing or down is said at opening" {
    in_pair "! \$IO -i nosuch0 cost; ip link set a0 down; ! \$IO -i a0 cost"
    [[ $output == *"interface 'nosuch0': no such interface"*"error=ENODEV"* ]]
    [[ $output == *"interface 'a0': is down"*"error=ENETDOWN"* ]]
}

@test "R15: EPERM, ENETUNREACH, EMSGSIZE and EACCES belong to the packet" {
    in_pair "nft 'table inet t { chain c { type filter hook output priority 0; ip daddr 10.7.0.2 drop; }; }'
        \$IO send 10.7.0.1 10.7.0.2 4 60
        nft flush ruleset
        \$IO send 10.7.0.1 10.99.0.1 3 60; \$IO send fd07::1 fd99::1 3 80
        \$IO send 10.7.0.1 10.7.0.2 2 1600; \$IO send fd07::1 fd07::2 2 1600
        \$IO send 10.7.0.1 10.7.0.255 2 60
        \$IO send 10.7.0.1 10.7.0.2 5 60"
    grep -v sent= <<<"$output" | tr '\n' ' ' |
        grep -x 'EPERM=4 ENETUNREACH=3 ENETUNREACH=3 EMSGSIZE=2 EMSGSIZE=2 EACCES=2 OK=5 '
}

@test "R15: a full queue is ENOBUFS, not a packet that counts as sent" {
    in_pair "tc qdisc add dev a0 root tbf rate 8kbit burst 1600 limit 2000
        \$IO send 10.7.0.1 10.7.0.2 50 1400; \$IO send fd07::1 fd07::2 50 1400"
    [ "$(grep -c '^ENOBUFS=[45]' <<<"$output")" -eq 2 ]
}

@test "R16, R17: what an overflowing capture drops is counted" {
    for kind in "" -r; do
        in_net "\$IO $kind -b 65536 -s 1000 overflow 127.0.0.1 127.0.0.1 2000"
        dropped=$(grep -o 'capture_dropped=[0-9]*' <<<"$output" | cut -d= -f2)
        received=$(grep -o ' received=[0-9]*' <<<"$output" | cut -d= -f2)
        [ "$dropped" -gt 1000 ]
        [ "$received" -gt 0 ]
    done
}

# Going down and away may be one thing by the time it is looked at.
@test "R18: an interface that goes down, up and away is said, and works again in between" {
    in_pair "\$IO -i a0 link 2500 >$BATS_TEST_TMPDIR/events & io=\$!
        until grep -q ready $BATS_TEST_TMPDIR/events; do sleep 0.05; done
        ip link set a0 down; sleep 0.3
        ip link set a0 up; sleep 0.5
        ping -c 1 -W 1 10.7.0.2 >/dev/null
        ip link del a0
        wait \$io"
    uniq "$BATS_TEST_TMPDIR/events" | tr '\n' ' ' |
        grep -x 'ready=1 receive=ENETDOWN \(frame=2 \|frame=1 \)*\(receive=ENETDOWN \)\?receive=ENODEV ' ||
        { cat "$BATS_TEST_TMPDIR/events"; false; }
    grep -q frame=1 "$BATS_TEST_TMPDIR/events"
}

@test "1,100 open descriptors do not matter" {
    in_net "\$IO -F 1100 echo 127.0.0.1 127.0.0.1 2"
    [ "$(grep -c 'ordered=1' <<<"$output")" -eq 2 ]
}

@test "R9: opening and closing leaves nothing behind" {
    in_net "\$IO cycles 200"
    [[ $output == *"descriptors_left=0"* ]]
    grown=$(grep -o 'grown_kib=[-0-9]*' <<<"$output" | cut -d= -f2)
    [ "$grown" -lt 500 ]
}

@test "opening everything costs less than 5 ms of processor time" {
    in_net "\$IO cost; \$IO cost; \$IO cost"
    best=$(grep -o 'cpu_us=[0-9]*' <<<"$output" | cut -d= -f2 | sort -n | head -1)
    [ "$best" -lt 5000 ]
}

@test "R37: tshark reads a recording, directions and nanoseconds included" {
    in_pair "\$IO -w $BATS_TEST_TMPDIR/r.pcapng echo 10.7.0.1 10.7.0.2 3"
    echo_lines=$(grep -o 'sent_unix_ns=[0-9]*' <<<"$output" | cut -d= -f2)
    read_back=$(tshark -r "$BATS_TEST_TMPDIR/r.pcapng" -Y 'icmp.type==8' -T fields \
        -e frame.time_epoch -e frame.packet_flags_direction 2>/dev/null)
    [ "$(grep -c 0x00000002 <<<"$read_back")" -eq 3 ]
    [ "$(cut -f1 <<<"$read_back" | tr -d .)" = "$echo_lines" ]
}

# Killed as soon as the file has grown past a size: the kill may fall into the write of the last
# block, and everything before it must be read back. 60 bytes are in front of the first packet; a
# packet's block has 44 bytes around its data.
@test "R37: a recording is read back after kill -9" {
    for bytes in 5000 20000 50000 100000 200000; do
        file=$BATS_TEST_TMPDIR/k.pcapng
        rm -f "$file"
        in_net "\$IO -w $file echo 127.0.0.1 127.0.0.1 1000000 >/dev/null & io=\$!
            for _ in \$(seq 1000); do
                [ \"\$(stat -c %s $file 2>/dev/null || echo 0)\" -lt $bytes ] || break
                sleep 0.01
            done
            kill -9 \$io; wait \$io 2>/dev/null || true"
        left=$(tshark -r "$file" -T fields -e frame.cap_len 2>/dev/null |
            awk -v left="$(($(stat -c %s "$file") - 60))" \
                '{ left -= 44 + $1 + (4 - $1 % 4) % 4 } END { print (NR > 10 ? left : -1) }')
        [ "$left" -ge 0 ]
        [ "$left" -lt 200 ]
    done
}
