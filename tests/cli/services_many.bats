#!/usr/bin/env bats
# More services in one run than there are results that may wait for an earlier one.

bats_require_minimum_version 1.5.0

setup()
{
    NETDX=$(realpath "${NETDX:-build/netdx}")
    cd "$BATS_TEST_TMPDIR"
}

# alone ARGUMENT...: netdx on a loopback where nothing listens.
alone()
{
    timeout 60 unshare -n sh -c 'ip link set lo up; exec "$@"' sh "$NETDX" "$@" >out
}

@test "every one of 16,384 services has its result, in every format" {
    run alone banner --yes 127.0.0.0/18:9
    [ "$status" -eq 2 ]
    [ "$(grep -c '^127.*tcp.refused' out)" -eq 16384 ]
    [ "$(sed -n '$p' out | cut -d' ' -f1)" = 127.0.63.255:9 ] # in the order of the input
    run alone banner --yes --jsonl 127.0.0.0/18:9
    [ "$status" -eq 2 ]
    [ "$(jq -r 'select(.error.code == "tcp.refused").address' out | sort -u | wc -l)" -eq 16384 ]
    jq -se '.[-1] | .event == "summary" and .failed == 16384' out
    run alone banner --yes --json 127.0.0.0/18:9
    [ "$status" -eq 2 ]
    jq -e '[.targets[].address] | length == 16384 and .[0] == "127.0.0.0" and .[-1] == "127.0.63.255"' out
    run alone check --yes --retries 0 --jsonl 127.0.0.0/18:9
    [ "$status" -eq 2 ]
    jq -se '(map(select(.event == "check")) | length) == 16384 and .[-1].services.critical == 16384' out
}
