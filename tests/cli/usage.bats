#!/usr/bin/env bats
# Flags, help, exit statuses, messages: what needs neither a network nor a privilege.

bats_require_minimum_version 1.5.0

setup() {
    NETDX=${NETDX:-build/netdx}
    man=$BATS_TEST_DIRNAME/../../man
}

# refused MESSAGE ARGUMENT...: status 3, this message, nothing on standard output.
refused() {
    local message=$1
    shift
    run --separate-stderr "$NETDX" trace "$@"
    [ "$status" -eq 3 ]
    [ -z "$output" ]
    [[ "$stderr" == "netdx trace: $message"* ]] || { echo "$stderr"; false; }
}

long_options() {
    grep -oE -- '--[a-z][a-z-]*' | sort -u
}

@test "netdx without arguments explains itself and fails" {
    run --separate-stderr "$NETDX"
    [ "$status" -eq 3 ]
    [[ "$stderr" == usage:* ]]
}

@test "help and version" {
    run "$NETDX" help
    [ "$status" -eq 0 ]
    [[ "$output" == *"trace "* ]]
    run "$NETDX" --version
    [ "$status" -eq 0 ]
    [[ "$output" =~ ^netdx\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
    run "$NETDX" trace -h
    [ "$status" -eq 0 ]
    [[ "$output" == *"--max-ttl"* ]]
    run "$NETDX" help trace
    [ "$status" -eq 0 ]
    [[ "$output" == *"--max-ttl"* ]]
}

@test "unknown command" {
    run --separate-stderr "$NETDX" bogus
    [ "$status" -eq 3 ]
    [[ "$stderr" == 'netdx: unknown command "bogus"'* ]]
}

@test "a link named netdx-trace runs trace" {
    ln -s "$(realpath "$NETDX")" "$BATS_TEST_TMPDIR/netdx-trace"
    run "$BATS_TEST_TMPDIR/netdx-trace" -h
    [ "$status" -eq 0 ]
    [[ "$output" == *"--max-ttl"* ]]
}

@test "values out of range name the range" {
    refused 'port "70000" is out of range (1 to 65535)' -U -p 70000 127.0.0.1
    refused 'port "0" is out of range (1 to 65535)' -T -p 0 127.0.0.1
    refused 'max TTL "300" is out of range (1 to 255)' -m 300 127.0.0.1
    refused 'max TTL "0" is out of range (1 to 255)' -m 0 127.0.0.1
    refused 'first TTL "0" is out of range (1 to 255)' --first-ttl 0 127.0.0.1
    refused 'first TTL 9 is above max TTL 5' --first-ttl 9 -m 5 127.0.0.1
    refused 'DSCP "64" is out of range (0 to 63)' --dscp 64 127.0.0.1
    refused 'ECN "4" is out of range (0 to 3)' --ecn 4 127.0.0.1
    refused 'size "20" is out of range (28 to 65000)' --size 20 127.0.0.1
    refused 'interval "fast" is not a duration' --interval fast 127.0.0.1
    refused 'multipath confidence "90" is not one of 95, 99' --multipath=90 127.0.0.1
    refused 'format "xml" is not one of text, json, jsonl, csv, mtr-json' -f xml 127.0.0.1
    refused 'column "bogus" is unknown' --columns loss,bogus 127.0.0.1
}

@test "options that are unknown, lack a value or do not go together" {
    refused 'unknown or ambiguous option "--bogus"' --bogus 127.0.0.1
    refused 'unknown option "-Z"' -Z 127.0.0.1
    refused 'option "--port" needs a value' 127.0.0.1 -p
    refused 'no target given'
    refused 'a port needs --udp or --tcp' -p 80 127.0.0.1
    refused '--mtu and --multipath exclude each other' --mtu --multipath 127.0.0.1
    run --separate-stderr "$NETDX" trace -f mtr-json 127.0.0.1 127.0.0.2
    [ "$status" -eq 3 ]
    [ "$(jq -r .error.message <<<"$output")" = 'format mtr-json holds one target only' ]
}

@test "usage errors are one JSON document, wherever --json stands" {
    for arguments in "--json --bogus" "--bogus --json" "-f json" "--json -p 70000 127.0.0.1"; do
        # shellcheck disable=SC2086 # a list
        run --separate-stderr "$NETDX" trace $arguments
        [ "$status" -eq 3 ]
        [ "$(jq -s length <<<"$output")" -eq 1 ]
        [ "$(jq -r .error.code <<<"$output")" = usage ]
        [ "$(jq -r .schema <<<"$output")" = netdx.trace/1 ]
    done
}

@test "R10 a full disk is an error everywhere" {
    for arguments in help version "trace -h" "completion bash"; do
        # shellcheck disable=SC2086 # a list
        run --separate-stderr bash -c '"$0" "$@" >/dev/full' "$NETDX" $arguments
        [ "$status" -eq 3 ]
        [[ "$stderr" == *"No space left on device"* ]]
    done
}

@test "R10 a report that cannot be opened" {
    run --separate-stderr "$NETDX" trace -o /nonexistent/report --json 127.0.0.1
    [ "$status" -eq 3 ]
    [[ "$stderr" == *'"/nonexistent/report" cannot be opened: No such file or directory'* ]]
    [ "$(jq -r .error.code <<<"$output")" = file.open ]
}

@test "R31 closed descriptors" {
    run bash -c '"$0" help <&- >&-' "$NETDX"
    [ "$status" -eq 3 ]
    run bash -c '"$0" help <&- 2>&-' "$NETDX"
    [ "$status" -eq 0 ]
    run bash -c 'TERM=garbage LC_ALL=xx_YY "$0" help' "$NETDX"
    [ "$status" -eq 0 ]
}

@test "R32 targets that are no targets" {
    refused 'target "-oX" is neither a name nor an address' -- -oX
    refused 'target "$(id)" is neither a name nor an address' '$(id)'
    refused 'target "a\x0ab" holds a blank or a control character' $'a\nb'
    refused 'target "0x7f.1" is neither a name nor an address' 0x7f.1
    refused 'target "127.1" is neither a name nor an address' 127.1
    refused 'target "0.0.0.0" is the unspecified address' 0.0.0.0
    refused 'target "::ffff:127.0.0.1" is an IPv4-mapped address' ::ffff:127.0.0.1
    refused 'target "%eth0" is neither a name nor an address' %eth0
    refused 'target "bücher.example" is not ASCII' bücher.example
    refused 'target "fe80::1%nosuch0" names an interface that does not exist' fe80::1%nosuch0
    refused 'port "70000" is out of range (1 to 65535)' localhost:70000
    refused 'target "[::1" has no matching bracket' '[::1'
    refused 'target "http://" names no host' http://
    run --separate-stderr "$NETDX" trace "$(head -c 65536 /dev/zero | tr '\0' a)"
    [ "$status" -eq 3 ]
    [ "${#stderr}" -lt 300 ]
}

@test "R1 what the user wrote is shown escaped" {
    local hostile=$'a\033[31m\xc2\x9b\u202eb' shown='a\x1b[31m\xc2\x9b\xe2\x80\xaeb'
    refused "target \"$shown\"" "$hostile"
    refused "output file \"/nonexistent/$shown\"" -o "/nonexistent/$hostile" 127.0.0.1
    refused "interval \"$shown\"" --interval "$hostile" 127.0.0.1
    refused "source address \"$shown\"" --source "$hostile" 127.0.0.1
    refused "server list \"$shown\"" --servers "$hostile" 127.0.0.1
    refused "interface \"$shown\"" -i "$hostile" 127.0.0.1
    refused "AS database \"$shown\"" "--asn=$hostile" 127.0.0.1
    refused "list of targets \"$shown\"" --targets "$hostile"
    refused "unknown or ambiguous option \"--$shown\"" "--$hostile" 127.0.0.1
    for arguments in --check --show --seed; do
        run --separate-stderr "$NETDX" lab $arguments "$hostile"
        [ "$status" -eq 3 ]
        [[ "$stderr" == *"$shown"* ]] || { echo "$stderr"; false; }
        [[ "$stderr" != *$'\033'* ]]
    done
}

@test "a list of targets that is none" {
    printf '127.0.0.1\0localhost\n' >"$BATS_TEST_TMPDIR/nul"
    printf ' # nothing\n\n' >"$BATS_TEST_TMPDIR/comments"
    refused 'list of targets "/nonexistent" cannot be read: No such file' --targets /nonexistent
    refused "list of targets \"$BATS_TEST_TMPDIR/nul\" cannot be read: it holds a NUL byte" \
        --targets "$BATS_TEST_TMPDIR/nul"
    refused "list of targets \"$BATS_TEST_TMPDIR/comments\" is empty" \
        --targets "$BATS_TEST_TMPDIR/comments"
    refused 'list of targets "/dev/null" is empty' --targets /dev/null
    refused 'list of targets "/" cannot be read: Is a directory' --targets /
}

@test "files and addresses that are not what they should be" {
    refused 'recording "/nonexistent/r" cannot be written: No such file' --write /nonexistent/r ::1
    refused 'AS database "/nonexistent" cannot be read: No such file' --asn=/nonexistent ::1
    refused 'AS database "/dev/null" cannot be read: not a MaxMind file' --asn=/dev/null ::1
    refused 'server list "x" is not ADDRESS[:PORT],...' --servers x ::1
    refused 'source address "x" is neither an IPv4 nor an IPv6 address' --source x ::1
    refused 'source address "fe80::1%none" names an interface' --source fe80::1%none ::1
}

@test "R38 multicast and broadcast targets are refused" {
    refused 'target "224.0.0.1" is a multicast or broadcast address' 224.0.0.1
    refused 'target "255.255.255.255" is a multicast or broadcast address' 255.255.255.255
    refused 'target "ff02::1" is a multicast or broadcast address' ff02::1
    # Which address is a network's broadcast only the kernel knows: it refuses, and no probe leaves.
    run --separate-stderr timeout 60 unshare -n bash -c "set -eu; . $BATS_TEST_DIRNAME/veth.bash
        $(realpath "$NETDX") trace -n -c 2 --json 10.7.0.255"
    [ "$status" -eq 3 ]
    jq -e '.end.reason == "send_failed" and .counters.sent == 0' <<<"$output"
}

@test "R38 only root may be fast" {
    cp "$NETDX" "$BATS_TEST_TMPDIR/netdx"
    chmod a+rx "$BATS_TEST_TMPDIR/netdx" "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR"
    for interval in 1ms 199ms; do
        run --separate-stderr setpriv --reuid 65534 --clear-groups --inh-caps=-all \
            "$BATS_TEST_TMPDIR/netdx" trace --interval $interval 127.0.0.1
        [ "$status" -eq 3 ]
        [[ "$stderr" == *"interval \"$interval\" is under 200ms, which only root may ask for"* ]]
    done
}

@test "R39 options of help, manual and completion are the same" {
    for command in banner check versions trace lab syn flows version; do
        help=$("$NETDX" "$command" -h | grep -E '^ +-' | long_options)
        manual=$(mandoc -Tascii "$man/netdx-$command.1" | col -b | grep -E '^ +-' | long_options)
        completion=$("$NETDX" completion bash | grep -E "^ +$command\)" | long_options)
        diff <(echo "$help") <(echo "$manual")
        diff <(echo "$help") <(echo "$completion")
    done
}

@test "R39 completion completes" {
    "$NETDX" completion bash >"$BATS_TEST_TMPDIR/completion"
    run bash -c '. "$0"; COMP_WORDS=(netdx trace --multi); COMP_CWORD=2; _netdx
        echo "${COMPREPLY[@]}"' "$BATS_TEST_TMPDIR/completion"
    [ "$output" = "--multipath" ]
    run bash -c '. "$0"; COMP_WORDS=(netdx tr); COMP_CWORD=1; _netdx; echo "${COMPREPLY[@]}"' \
        "$BATS_TEST_TMPDIR/completion"
    [ "$output" = "trace" ]
}

# The commands of a manual's EXAMPLES, one a line.
examples() {
    mandoc -Tascii -O width=200 "$1" | col -bx | sed -n '/^EXAMPLES/,/^[A-Z]/p' |
        grep -oE 'netdx (banner|check|syn|trace|lab) .*'
}

@test "R39 the manuals' examples run" {
    local dir=$BATS_TEST_TMPDIR/examples count=0 line status
    mkdir -p "$dir/bin" && cp "$NETDX" "$dir/bin/netdx"
    for page in "$man"/netdx*.[15]; do
        while read -r line; do
            echo "$page: $line"
            # A finding is no failure of the example: on a busy machine the lab may be late.
            status=0
            (cd "$dir" && PATH=$dir/bin:$PATH timeout 60 unshare -n \
                sh -c "ip link set lo up; $line") </dev/null || status=$?
            [ "$status" -le 2 ]
            count=$((count + 1))
        done < <(examples "$page")
    done
    [ "$count" -ge 4 ]
    mandoc -Tascii "$man/netdx-scenario.5" | col -bx | sed -n '/name: example/,/^[A-Z]/p' |
        sed -n 's/^ \{11\}//p' >"$dir/example.yaml"
    "$NETDX" lab --check "$dir/example.yaml"
}

@test "manual pages are clean" {
    run mandoc -Tlint -W warning "$man"/*.[1-9]
    [ "$status" -eq 0 ]
}
