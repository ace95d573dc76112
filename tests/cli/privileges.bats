#!/usr/bin/env bats
# R29, R30: what netdx needs, what it does without, and what is left once it runs.

bats_require_minimum_version 1.5.0

setup() {
    work=$(mktemp -d /tmp/netdx-privileges-XXXXXX) # the build may lie where nobody may look
    chmod 755 "$work"
    cp "$NETDX" "$work/netdx"
    chmod 755 "$work/netdx"
}

teardown() {
    rm -rf "$work"
}

# as WHO COMMAND...: on a loopback of its own, whose ping sockets are for no group.
as() {
    local who=$1
    shift
    run --separate-stderr timeout 60 unshare -n sh -c '
        ip link set lo up
        sysctl -qw net.ipv4.ping_group_range="1 0"
        who=$1; shift
        exec $who "$@"' sh "$who" "$@"
}

nobody="setpriv --reuid 65534 --regid 65534 --clear-groups"
nothing="$nobody --bounding-set=-all --inh-caps=-all"
net_raw="$nobody --inh-caps=-all,+net_raw --ambient-caps=-all,+net_raw --bounding-set=-all,+net_raw"

# is PRIVILEGE METHOD: the trace reached its target by these means.
is() {
    [ "$status" -eq 0 ] || { echo "$status $stderr"; false; }
    jq -e --arg privilege "$1" --arg method "$2" '.privilege == $privilege and
        .method == $method and .end.reason == "reached"' <<<"$output"
}

@test "R29 root and CAP_NET_RAW alone send raw packets" {
    for who in env "$net_raw"; do
        for protocol in --icmp --udp --tcp; do
            as "$who" "$work/netdx" trace -n -c 1 --json $protocol 127.0.0.1
            is raw raw
            [ -z "$stderr" ]
        done
    done
}

@test "R29 a capability of the file need not be effective" {
    setcap cap_net_raw+p "$work/netdx"
    as "$nobody" "$work/netdx" trace -n -c 1 --json --privilege raw 127.0.0.1
    is raw raw
}

@test "R29 root of a user namespace with its own network sends raw packets" {
    as "$nobody" unshare -Urn sh -c 'ip link set lo up; exec "$@"' sh \
        "$work/netdx" trace -n -c 1 --json 127.0.0.1
    is raw raw
}

@test "R29 root of a user namespace in another's network goes on with ordinary sockets" {
    as "$nobody" unshare -Ur "$work/netdx" trace -n -c 1 --json 127.0.0.1
    is unprivileged udp
    [[ $stderr == *"note: CAP_NET_RAW is missing, going on with ordinary sockets"* ]]
}

@test "R29 without anything it goes on and says so, or says what is missing and how to get it" {
    as "$nothing" "$work/netdx" trace -n -c 1 --json 127.0.0.1
    is unprivileged udp
    [[ $stderr == *"note: CAP_NET_RAW is missing, going on with ordinary sockets"* ]]
    for arguments in "--privilege raw" "--icmp" "--write $work/recording" "--udp --multipath"; do
        # shellcheck disable=SC2086 # a list
        as "$nothing" "$work/netdx" trace -n --json $arguments 127.0.0.1
        [ "$status" -eq 3 ]
        [ "$(jq -r .error.code <<<"$output")" = permission ]
        [[ "$(jq -r .error.message <<<"$output")" == *"CAP_NET_RAW is missing: run as root"* ]]
        [[ $stderr == *"setcap cap_net_raw+p"*"--cap-add=NET_RAW"* ]]
    done
    [ ! -e "$work/recording" ]
}

@test "R30 a running trace holds no right, and is not root" {
    for who in env "$net_raw"; do
        as "$who" sh -c '
            "$1" trace -n -c 0 --interval 1s 127.0.0.1 >/dev/null & pid=$!
            for _ in $(seq 100); do
                grep -q "^Seccomp:.2" /proc/$pid/status && break
                sleep 0.05
            done
            cat /proc/$pid/status
            kill $pid; wait $pid' sh "$work/netdx"
        [ "$status" -eq 143 ]
        # Emptying the bounding set takes CAP_SETPCAP, which root has.
        for set in Inh Prm Eff Amb $([ "$who" != env ] || echo Bnd); do
            grep -q "^Cap$set:.0000000000000000$" <<<"$output"
        done
        grep -q '^NoNewPrivs:.1$' <<<"$output"
        grep -q '^Seccomp:.2$' <<<"$output"
        grep -Pq '^Uid:\t65534\t65534\t65534\t65534$' <<<"$output"
        grep -Pq '^Groups:\t *$' <<<"$output"
    done
}
