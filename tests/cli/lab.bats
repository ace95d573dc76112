#!/usr/bin/env bats
# netdx lab: what it runs, what it leaves behind, what it says when it cannot.

setup()
{
    NETDX=${NETDX:-build/netdx}
    cat >"$BATS_TEST_TMPDIR/net.yaml" <<'YAML'
name: small
summary: Three routers with 2 ms each.
server: {services: [{http: {port: 80}}, {http: {port: 503, status: 503, server: broken}},
                    {tcp-echo: {port: 7}}, {udp-echo: {port: 7}}]}
path:
  - {name: r1, link: {delay: 2ms}}
  - {name: r2, link: {delay: 2ms}}
  - {name: r3, link: {delay: 2ms}}
YAML
    NET=$BATS_TEST_TMPDIR/net.yaml
    # A length of sleep that nobody else on this machine uses.
    NAP=$((100000 + BASHPID)).$BATS_TEST_NUMBER
}

teardown()
{
    local pid
    for pid in $(naps); do kill -9 "$pid"; done
    [ -z "${PUBLIC:-}" ] || rm -rf "$PUBLIC"
    [ -z "${LAB:-}" ] || kill -9 "$LAB" 2>/dev/null || true
}

naps()
{
    pgrep -fx "sleep $NAP" || true
}

# Waits up to five seconds for a command to succeed.
eventually()
{
    for _ in $(seq 100); do
        "$@" && return
        sleep 0.05
    done
    return 1
}

naps_are()
{
    [ "$(naps | wc -l)" -eq "$1" ]
}

# A lab in the background whose command leaves three processes behind, one of them a daemon.
start_napping()
{
    "$NETDX" lab "$NET" -- sh -c "sleep $NAP & setsid sleep $NAP & exec sleep $NAP" 3>&- &
    LAB=$!
    eventually naps_are 3
}

@test "lab --list names every scenario with a summary" {
    run "$NETDX" lab --list
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -gt 0 ]
    for line in "${lines[@]}"; do
        [[ $line =~ ^[a-z0-9-]+\ +[^\ ] ]]
    done
}

@test "lab --show prints what --check accepts" {
    for name in $("$NETDX" lab --list | awk '{ print $1 }'); do
        "$NETDX" lab --show "$name" >"$BATS_TEST_TMPDIR/$name.yaml"
        "$NETDX" lab --check "$BATS_TEST_TMPDIR/$name.yaml"
    done
}

@test "lab --check says file, line and field" {
    sed 's/name: r2, link: {delay: 2ms}/name: r2, link: {loss: 140%}/' "$NET" >"$NET.bad.yaml"
    run "$NETDX" lab --check "$NET.bad.yaml"
    [ "$status" -eq 3 ]
    [[ $output == *"$NET.bad.yaml:7:"*loss*140* ]]
}

@test "lab refuses what it cannot use, with status 3" {
    run "$NETDX" lab
    [ "$status" -eq 3 ]
    [[ $output == *"no scenario"* ]]
    run "$NETDX" lab nonesuch
    [ "$status" -eq 3 ]
    [[ $output == *'"nonesuch"'*--list* ]]
    run "$NETDX" lab --show nonesuch
    [ "$status" -eq 3 ]
    run "$NETDX" lab ./nonesuch.yaml -- true
    [ "$status" -eq 3 ]
    [[ $output == *"No such file"* ]]
    run "$NETDX" lab "$NET" true
    [ "$status" -eq 3 ]
    [[ $output == *'"true"'*'"--"'* ]]
    run "$NETDX" lab --seed 1x "$NET" -- true
    [ "$status" -eq 3 ]
    [[ $output == *'seed "1x"'* ]]
    run "$NETDX" lab "$NET" -- /nonexistent/command
    [ "$status" -eq 3 ]
    [[ $output == *'"/nonexistent/command"'* ]]
}

@test "lab: the command's exit status is the lab's" {
    run "$NETDX" lab "$NET" -- true
    [ "$status" -eq 0 ]
    run "$NETDX" lab "$NET" -- sh -c 'exit 7'
    [ "$status" -eq 7 ]
    run "$NETDX" lab "$NET" -- sh -c 'kill -9 $$'
    [ "$status" -eq 137 ]
}

@test "lab: NETDX_LAB names the scenario, options may follow it" {
    run "$NETDX" lab "$NET" --seed 4 -- sh -c 'echo "$NETDX_LAB"; echo "$@"' sh -v --list
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = small ]
    [ "${lines[1]}" = "-v --list" ]
}

@test "lab: ping reaches the server through the network, by IPv4 and IPv6" {
    for family in -4 -6; do
        run "$NETDX" lab "$NET" -- ping $family -c 3 -i 0.05 -W 2 server.lab
        [ "$status" -eq 0 ]
        [[ $output == *" 0% packet loss"* ]]
        # Three routers: the answer of a kernel that starts at 64 comes with 61.
        [[ $output == *"ttl=61"* ]]
    done
}

@test "lab: HTTP with status and Server header, by IPv4 and IPv6" {
    for family in -4 -6; do
        run "$NETDX" lab "$NET" -- curl $family -si -m 5 http://server.lab/
        [ "$status" -eq 0 ]
        [[ ${lines[0]} == "HTTP/1.1 200 OK"* ]]
        [[ $output == *"Server: netdx-lab"* ]]
        run "$NETDX" lab "$NET" -- curl $family -si -m 5 http://server.lab:503/
        [[ ${lines[0]} == "HTTP/1.1 503 Service Unavailable"* ]]
        [[ $output == *"Server: broken"* ]]
    done
}

@test "lab: echo by TCP and UDP" {
    run "$NETDX" lab "$NET" -- python3 -c '
import socket
udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
udp.settimeout(3)
udp.connect(("server.lab", 7))
udp.send(b"by UDP")
print(udp.recv(99))
tcp = socket.create_connection(("server.lab", 7), 3)
tcp.send(b"by TCP")
print(tcp.recv(99))'
    [ "$status" -eq 0 ]
    [ "$output" = "b'by UDP'
b'by TCP'" ]
}

@test "lab: nothing is left when the command ends" {
    run "$NETDX" lab "$NET" -- sh -c "setsid sleep $NAP & exit 5" 3>&-
    [ "$status" -eq 5 ]
    naps_are 0
}

@test "lab: SIGTERM goes to the command, nothing is left" {
    start_napping
    kill -TERM "$LAB"
    status=0
    wait "$LAB" || status=$?
    [ "$status" -eq 143 ]
    naps_are 0
}

@test "lab: a signal's status is 128 and its number" {
    run timeout --foreground -s INT 1 "$NETDX" lab "$NET" -- python3 -c '
import signal, time
signal.signal(signal.SIGINT, signal.SIG_DFL)
time.sleep(30)'
    [ "$status" -eq 124 ]
    run timeout --foreground --preserve-status -s TERM 1 "$NETDX" lab "$NET" -- sleep 30
    [ "$status" -eq 143 ]
}

@test "lab: a second SIGTERM ends a command that does not listen" {
    "$NETDX" lab "$NET" -- sh -c "trap '' TERM; sleep $NAP; sleep $NAP" 3>&- &
    LAB=$!
    eventually naps_are 1
    kill -TERM "$LAB"
    sleep 0.7
    naps_are 1
    kill -TERM "$LAB"
    eventually naps_are 0
}

@test "lab: kill -9 leaves nothing" {
    start_napping
    kill -9 "$LAB"
    eventually naps_are 0
}

@test "lab: Ctrl-C goes to the command alone" {
    run python3 -c '
import os, pty, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "lab", sys.argv[2], "--", "sh", "-c",
             "trap \"exit 5\" INT; echo ready; while :; do sleep 0.05; done"])
while b"ready" not in os.read(fd, 100):
    pass
os.write(fd, b"\x03")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))' "$NETDX" "$NET"
    [ "$status" -eq 5 ]
}

@test "lab: a shell on a terminal has job control" {
    run python3 -c '
import os, pty, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "lab", sys.argv[2]])
text = b""
os.write(fd, b"echo re\"\"ady; exit 9\n")
while True:
    try:
        text += os.read(fd, 100)
    except OSError:
        break
print(text)
assert b"ready" in text and b"tty" not in text
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))' "$NETDX" "$NET"
    [ "$status" -eq 9 ]
}

@test "lab: the host's network and files stay as they are" {
    before=$(ip -o addr; ip route show table all; ip -6 route; cat /etc/hosts /proc/self/mounts; ip netns)
    inside=$("$NETDX" lab "$NET" -- sh -c 'ip -o link | wc -l; grep -c " server.lab" /etc/hosts')
    after=$(ip -o addr; ip route show table all; ip -6 route; cat /etc/hosts /proc/self/mounts; ip netns)
    [ "$inside" = "2
2" ]
    [ "$before" = "$after" ]
}

@test "lab: the client hears nothing but its network" {
    run "$NETDX" lab "$NET" --log "$BATS_TEST_TMPDIR/log" -- sleep 0.5
    [ "$status" -eq 0 ]
    [ ! -s "$BATS_TEST_TMPDIR/log" ]
}

@test "lab --log: every packet that entered is accounted for, with its fields" {
    log=$BATS_TEST_TMPDIR/log
    "$NETDX" lab "$NET" --log "$log" -- ping -4 -c 5 -i 0.05 -W 2 server.lab
    jq -es 'all(.time and .t_ns and .action and .id)' "$log"
    # Five requests towards the server and five replies back.
    [ "$(jq -s 'map(select(.action == "entered")) | length' "$log")" -eq 10 ]
    [ "$(jq -s 'map(select(.action == "delivered")) | length' "$log")" -eq 10 ]
    jq -es '[.[] | select(.action == "delivered" and .side == "server")] |
        map(.packet.icmp_seq) == [1, 2, 3, 4, 5] and
        all(.packet.icmp_type == 8 and .packet.ttl == 61 and .delay_ns >= 6000000 and
            .packet.source == "10.0.0.2" and .packet.destination == "10.99.0.2")' "$log"
}

@test "lab --log: a full disk is said" {
    run "$NETDX" lab "$NET" --log /dev/full -- ping -c 1 -W 2 server.lab
    [ "$status" -eq 3 ]
    [[ $output == *"writing the log failed: No space left"* ]]
    run "$NETDX" lab "$NET" --log /nonexistent/log -- true
    [ "$status" -eq 3 ]
    [[ $output == *'"/nonexistent/log"'* ]]
}

@test "lab -v: packets come out in time" {
    run "$NETDX" lab -v "$NET" -- ping -q -c 50 -i 0.01 -W 2 server.lab
    [ "$status" -eq 0 ]
    late=$(sed -n 's/.*late by \([0-9]*\)[.0-9]* us (median).*/\1/p' <<<"$output")
    [ "$late" -lt 5000 ]
}

# as_nobody MODE COMMAND...: in a small lab as a user without any right, /dev/net/tun having MODE.
# The device node is one of our own, seen in this process's mount namespace alone.
as_nobody()
{
    PUBLIC=$(mktemp -d) # what bats gives is root's alone
    chmod 755 "$PUBLIC"
    cp "$NETDX" "$PUBLIC/netdx"
    cp "$NET" "$PUBLIC/net.yaml"
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare -m sh -ec '
        public=$1 mode=$2
        shift 2
        mknod -m "$mode" "$public/tun" c 10 200
        mount --bind "$public/tun" /dev/net/tun
        exec setpriv --reuid 65534 --regid 65534 --clear-groups \
            "$public/netdx" lab "$public/net.yaml" -- "$@"
    ' sh "$PUBLIC" "$@"
}

@test "lab: as an ordinary user where /dev/net/tun is everybody's" {
    [ "$(id -u)" -eq 0 ] || skip "only root can become somebody else"
    as_nobody 666 sh -c "id -u; ping -c 1 -W 2 server.lab; exit 6" >"$BATS_TEST_TMPDIR/out" || status=$?
    [ "$status" -eq 6 ]
    [ "$(head -n 1 "$BATS_TEST_TMPDIR/out")" = 0 ]
    grep -q " 0% packet loss" "$BATS_TEST_TMPDIR/out"
}

@test "lab: without the right to a TUN device it says so" {
    [ "$(id -u)" -eq 0 ] || skip "only root can become somebody else"
    as_nobody 600 true 2>"$BATS_TEST_TMPDIR/out" || status=$?
    [ "$status" -eq 3 ]
    grep -q "TUN device.*/dev/net/tun" "$BATS_TEST_TMPDIR/out"
}

# "NUMBER SEQUENCE LENGTH" of every frame, as tshark has it and as the log has it.
frames_of_capture()
{
    tshark -r "$1" -o tcp.relative_sequence_numbers:FALSE -T fields -E separator=' ' \
        -e frame.number -e tcp.seq -e frame.len tcp 2>"$BATS_TEST_TMPDIR/tshark"
}

frames_of_log()
{
    jq -r --arg node "$2" 'select(.node == $node and .frame) |
        "\(.frame) \(.packet.tcp_seq) \(.packet.len)"' "$1"
}

@test "lab --capture-client and --capture-server have what the log says" {
    cd "$BATS_TEST_TMPDIR"
    "$NETDX" lab --log log --capture-client c.pcapng --capture-server s.pcapng "$NET" -- \
        curl -s -o page http://server.lab/
    [ -s page ]
    for end in client server; do
        capture=${end:0:1}.pcapng
        frames_of_capture "$capture" >tshark.$end
        frames_of_log log $end >log.$end
        [ "$(wc -l <tshark.$end)" -ge 6 ]
        diff tshark.$end log.$end
    done
    # The SYN leaves the client and comes in at the server, 6 ms and the lab's own delay later.
    [ "$(tshark -r c.pcapng -T fields -e frame.packet_flags_direction -c 1 2>/dev/null)" = 0x00000002 ]
    [ "$(tshark -r s.pcapng -T fields -e frame.packet_flags_direction -c 1 2>/dev/null)" = 0x00000001 ]
    left=$(tshark -r c.pcapng -T fields -e frame.time_epoch -c 1 2>/dev/null)
    came=$(tshark -r s.pcapng -T fields -e frame.time_epoch -c 1 2>/dev/null)
    python3 -c "from decimal import Decimal as D; d = D('$came') - D('$left'); assert D('0.006') <= d < 1, d"
}

@test "lab says that a capture cannot be written" {
    run "$NETDX" lab --capture-client /nowhere/c.pcapng "$NET" -- true
    [ "$status" -eq 3 ]
    [[ $output == *'capture file "/nowhere/c.pcapng" cannot be written: No such file'* ]]
    run "$NETDX" lab --capture-server /dev/full "$NET" -- true
    [ "$status" -eq 3 ]
    [[ $output == *"No space left on device"* ]]
}
