#!/usr/bin/env bats
# Many targets at once, over the loopback interface of a namespace of their own.

bats_require_minimum_version 1.5.0

setup() {
    NETDX=$(realpath "${NETDX:-build/netdx}")
}

# inside COMMAND...: in a network namespace with nothing but a loopback interface.
inside() {
    timeout 60 unshare -n sh -c 'ip link set lo up && "$@"' sh "$@"
}

@test "more targets than are traced at once" {
    run --separate-stderr inside "$NETDX" trace -q -n -c 1 --parallel 2 --json \
        127.0.0.1 127.0.0.2 127.0.0.3 127.0.0.4 127.0.0.5
    [ "$status" -eq 0 ]
    [ "$(jq '[.targets[] | select(.end.reason == "reached")] | length' <<<"$output")" -eq 5 ]
}

@test "one address under several names" {
    run --separate-stderr inside "$NETDX" trace -q -n -c 1 --json 127.0.0.1 127.0.0.1 127.0.0.1
    [ "$status" -eq 0 ]
    [ "$(jq '[.targets[] | select(.counters.received == 1)] | length' <<<"$output")" -eq 3 ]
}

@test "the worst target decides the status" {
    run --separate-stderr inside "$NETDX" trace -q -n -c 1 --json 127.0.0.1 192.0.2.1
    [ "$status" -eq 2 ]
    [ "$(jq -r '.targets[] | select(.error) | .error.code' <<<"$output")" = route.none ]
}

@test "R22 10,000 targets with 64 descriptors" {
    seq 0 9999 | awk '{ printf "127.1.%d.%d # %d\n", $1 / 250, $1 % 250 + 1, $1 }' \
        >"$BATS_TEST_TMPDIR/targets"
    ulimit -n 64
    run --separate-stderr inside /usr/bin/time -q -f %M -o "$BATS_TEST_TMPDIR/memory" \
        "$NETDX" trace -q -n -c 1 -f csv --targets "$BATS_TEST_TMPDIR/targets"
    [ "$status" -eq 0 ]
    [ "$(grep -c ',reached,' <<<"$output")" -eq 10000 ]
    [ "$(cat "$BATS_TEST_TMPDIR/memory")" -lt 40000 ]
}
