# Tracing without any capability across real kernel routers (R29, R22, R36).

setup()
{
    copy=$(mktemp -d /tmp/netdx-unprivileged-XXXXXX) # the build may lie where nobody may look
    chmod 755 "$copy"
    cp "$NETDX" "$copy/netdx"
    cp "$HELPERS/forgetful_preload.so" "$copy"
    chmod 755 "$copy"/*
}

teardown()
{
    rm -rf "$copy"
}

# trace GROUP_RANGE ARGUMENTS...: as nobody, in a network of three hops.
trace()
{
    local range=$1
    shift
    run timeout 60 unshare -n bash -c "set -eu; . $BATS_TEST_DIRNAME/routers.bash
        sysctl -qw net.ipv4.ping_group_range='$range'
        ${LIMIT:-:}
        nobody env ${PRELOAD:+LD_PRELOAD=$copy/$PRELOAD} $copy/netdx trace -n -c 3 --interval 0.2 --json $*"
    echo "$output"
    [ "$status" -eq 0 ]
    json=$(sed -n '/^{/,$p' <<<"$output")
}

is() # FILTER: true of the document
{
    jq -e "$1" <<<"$json" >/dev/null
}

# Every hop answered everything with a believable round trip, and nothing is held against the path.
is_whole() # NETWORK-PREFIX SEPARATOR
{
    is '.privilege == "unprivileged"'
    is '.end.reason == "reached" and .end.ttl == 3'
    is '[.hops[] | .sent == 3 and .received == 3] | all'
    is '[.hops[].responders[].rtt_ms | .min > 0 and .max < 50] | all'
    is "[.hops[].responders[0].address] == [\"$1\", \"$2\", \"$3\"]"
    is '.findings == []'
}

whole4() { is_whole 10.9.1.2 10.9.2.2 10.9.3.2; }
whole6() { is_whole fd09:1::2 fd09:2::2 fd09:3::2; }

@test "ICMP through ping sockets, IPv4" {
    trace "0 2147483647" 10.9.3.2
    is '.protocol == "icmp"'
    whole4
}

@test "ICMP through ping sockets, IPv6" {
    trace "0 2147483647" fd09:3::2
    is '.protocol == "icmp"'
    whole6
}

@test "UDP through the error queue, IPv4" {
    trace "1 0" -U 10.9.3.2
    whole4
}

@test "UDP through the error queue, IPv6" {
    trace "1 0" -U fd09:3::2
    whole6
}

@test "TCP by connecting to an open port, IPv4" {
    trace "1 0" -T -p 80 10.9.3.2
    whole4
}

@test "TCP by connecting to an open port, IPv6" {
    trace "1 0" -T -p 80 fd09:3::2
    whole6
}

@test "TCP by connecting to a closed port, IPv4" {
    trace "1 0" -T -p 81 10.9.3.2
    whole4
}

@test "TCP by connecting to a closed port, IPv6" {
    trace "1 0" -T -p 81 fd09:3::2
    whole6
}

@test "without the ping group, UDP takes over" {
    trace "1 0" 10.9.3.2
    is '.protocol == "udp"'
    whole4
}

@test "R22: 64 descriptors are enough for connections to every hop" {
    LIMIT='ulimit -n 64' trace "1 0" -T -p 80 10.9.3.2
    whole4
}

@test "R36: a sandbox that forgets socket options costs exactness, and that is said" {
    for arguments in 10.9.3.2 "-U 10.9.3.2" "-T -p 80 10.9.3.2"; do
        PRELOAD=forgetful_preload.so trace "0 2147483647" "$arguments"
        whole4
        is '.counters.user_stamps == 18'
    done
    PRELOAD=forgetful_preload.so trace "0 2147483647" fd09:3::2
    whole6
    is '.counters.user_stamps == 18'
    trace "0 2147483647" 10.9.3.2
    is '.counters.user_stamps == 0'
}
