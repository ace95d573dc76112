#!/usr/bin/env bats
# R28: the exit status and the document of every command on good days and bad ones. A golden table:
#
#   row DAY COMMAND STATUS DOCUMENT SCENARIO LINE
#
# DAY is one of the days below; every command has a row for each. DOCUMENT is a jq filter that holds
# for the one document on standard output; "" where none is due, and standard error must speak. LINE
# is run by bash on the client's side of SCENARIO, or on a loopback alone where that is "-". In it,
# $NETDX is the program, $nobody before it takes every right away, $interrupt SIGNAL TIME before it
# ends it like that; $work is a place for files.

bats_require_minimum_version 1.5.0

days=(fine loss dead unresolvable no-privilege bad-flag signal full-disk)

# What documents have in common. `report` is of a trace that ran, `failure` of one that could not.
documents='
def common: .schema == "netdx.trace/1" and (.netdx | test("^[0-9.]+$"));
def report($reason): common and .error == null and .end.reason == $reason and .interrupted == false
    and (.start | test("^[0-9-]{10}T[0-9:]{8}\\.[0-9]{9}Z$")) and .elapsed_ms > 0
    and .counters.sent >= .counters.received and (.hops | length) > 0;
def finds($ids): [.findings[].id] == $ids;
def banner: .schema == "netdx.banner/1" and .error == null and .elapsed_ms > 0;
def syn: .schema == "netdx.syn/1" and .error == null and .elapsed_ms > 0;
def flows: .schema == "netdx.flows/1" and .error == null and .elapsed_ms > 0;
def check: .schema == "netdx.check/1" and .error == null and .elapsed_ms > 0;
def versions: .schema == "netdx.versions/1" and .error == null and .elapsed_ms > 0;
def failure($code): common and .interrupted == false and .error.code == $code
    and (.error.message | length) > 0 and (.hops // [] | length) == 0;'

table()
{
    row fine trace 0 'report("reached") and finds([])' healthy \
        '$NETDX trace --json -c 3 --interval 50ms server.lab'
    row fine trace 0 'report("reached") and .protocol == "tcp" and .privilege == "unprivileged"' \
        healthy '$nobody $NETDX trace --json -T -p 80 -c 2 --interval 200ms server.lab'
    row loss trace 1 'report("reached") and any(.findings[]; .id == "path.loss" and .ttl == 5)' \
        loss '$NETDX trace --json -4 -c 200 --interval 20ms server.lab'
    row dead trace 2 'report("ttl_limit") and finds(["route.blackhole"])' dead-target \
        '$NETDX trace --json -c 2 --interval 50ms server.lab'
    row dead trace 2 'report("unreachable") and .end.ttl == 5' unreachable \
        '$NETDX trace --json -c 2 --interval 50ms server.lab'
    row dead trace 2 'failure("route.none")' - '$NETDX trace --json 192.0.2.1'
    row unresolvable trace 2 'failure("dns.nxdomain")' healthy \
        'coproc dns { $helpers/dns_server.py 3; }; read -r port <&${dns[0]}
        $NETDX trace --json --servers 127.0.0.1:$port nosuch.test; exit $?'
    row unresolvable trace 2 'failure("dns.unreachable")' healthy '$NETDX trace --json nosuch.test'
    row no-privilege trace 3 'failure("permission")' healthy \
        '$nobody $NETDX trace --json --privilege raw server.lab'
    row no-privilege trace 3 'failure("permission")' - \
        'sysctl -qw net.ipv4.ping_group_range="1 0"; $nobody $NETDX trace --json --icmp 127.0.0.1'
    row bad-flag trace 3 'failure("usage")' - '$NETDX trace --json --nonsense 127.0.0.1'
    row bad-flag trace 3 'failure("usage")' - '$NETDX trace --json --max-ttl 300 127.0.0.1'
    row bad-flag trace 3 '' - '$NETDX trace --nonsense 127.0.0.1'
    row signal trace 130 'common and .interrupted and .error == null and .hops[0].received > 2' \
        healthy '$interrupt INT 0.7 $NETDX trace --json -c 0 --interval 50ms server.lab'
    row signal trace 143 'common and .interrupted and .error == null and .hops[0].received > 2' \
        healthy '$interrupt TERM 0.7 $NETDX trace --json -c 0 --interval 50ms server.lab'
    row full-disk trace 3 '' - '$NETDX trace --json -c 1 127.0.0.1 >/dev/full'
    row full-disk trace 3 '' - '$NETDX trace -c 1 -o /dev/full 127.0.0.1'

    row fine syn 0 'syn and .targets[0].outcome == "open" and .targets[0].findings == []' healthy \
        '$NETDX syn --json -c 5 --interval 20ms server.lab:80'
    row fine syn 0 'syn and .privilege == "unprivileged" and .targets[0].outcome == "open"' healthy \
        '$nobody $NETDX syn --json -c 2 --interval 200ms server.lab:80'
    row loss syn 1 'syn and any(.targets[].findings[]; .id == "path.loss")' loss \
        '$NETDX syn --json -4 -c 200 --interval 10ms --repeats 0 --timeout 1s server.lab:80'
    row dead syn 2 'syn and .targets[0].outcome == "timed_out"' dead-target \
        '$NETDX syn --json -4 -c 2 --interval 20ms server.lab:80'
    row dead syn 2 'syn and .targets[0].outcome == "refused"' - '$NETDX syn --json -c 1 127.0.0.1:9'
    row unresolvable syn 2 '.targets[0].error.code == "dns.unreachable"' healthy \
        '$NETDX syn --json nosuch.test'
    row no-privilege syn 3 '.error.code == "permission"' healthy \
        '$nobody $NETDX syn --json --privilege raw server.lab:80'
    row bad-flag syn 3 '.schema == "netdx.syn/1" and .error.code == "usage"' - \
        '$NETDX syn --json --nonsense 127.0.0.1'
    row bad-flag syn 3 '' - '$NETDX syn --nonsense 127.0.0.1'
    row signal syn 130 'syn and .interrupted and .targets[0].answered > 2' healthy \
        '$interrupt INT 0.7 $NETDX syn --json -c 0 --interval 50ms server.lab:80'
    row signal syn 143 'syn and .interrupted and .targets[0].answered > 2' healthy \
        '$interrupt TERM 0.7 $NETDX syn --json -c 0 --interval 50ms server.lab:80'
    row full-disk syn 3 '' - '$NETDX syn --json -c 1 127.0.0.1:9 >/dev/full'

    # What others say to each other while it listens, and what a file says that lab captured.
    row fine flows 0 'flows and .privilege == "raw" and .summary.flows == 1 and .findings == []' \
        healthy '$NETDX flows --json -c 8 -w 9s port 80 & sleep 0.7
        curl -s -o /dev/null server.lab; wait $!'
    row fine flows 0 'flows and .privilege == "file" and .summary.flows == 1' - \
        '$NETDX lab --capture-client $work/seen healthy -- curl -s -o /dev/null server.lab >&2
        $nobody $NETDX flows --json -r - <$work/seen'
    row loss flows 1 'flows and any(.findings[]; .id == "tcp.retransmissions")' loss \
        '$NETDX flows --json -w 6s port 80 & netdx=$!; sleep 0.7
        for i in {1..40}; do curl -4 -m 5 -s -o /dev/null server.lab & done; wait $netdx'
    row dead flows 2 'flows and any(.findings[]; .id == "tcp.timed_out")' dead-target \
        '$NETDX flows --json -w 5s port 80 & sleep 0.7
        curl -4 -m 4 -s -o /dev/null server.lab; wait $!'
    row dead flows 2 'flows and any(.findings[]; .id == "tcp.refused")' - \
        '$NETDX flows --json -i lo -c 2 port 9 & sleep 0.7; curl -s 127.0.0.1:9; wait $!'
    row unresolvable flows 3 '.schema == "netdx.flows/1" and .error.code == "filter.invalid"' \
        healthy '$NETDX flows --json host nosuch.test'
    row unresolvable flows 3 '.error.code == "interface.unknown"' - '$NETDX flows --json -i nosuch'
    row unresolvable flows 3 '.error.code == "file.open"' - '$NETDX flows --json -r nosuch.pcapng'
    row no-privilege flows 3 '.error.code == "permission"' healthy '$nobody $NETDX flows --json'
    row bad-flag flows 3 '.schema == "netdx.flows/1" and .error.code == "usage"' - \
        '$NETDX flows --json --nonsense'
    row bad-flag flows 3 '' - '$NETDX flows --nonsense'
    row bad-flag flows 3 '.error.code == "filter.invalid"' - '$NETDX flows --json tcp porrt 80'
    row signal flows 130 'flows and .interrupted and .summary.packets >= 8' healthy \
        '(sleep 0.7; curl -s -o /dev/null server.lab) & $interrupt INT 2 $NETDX flows --json'
    row signal flows 143 'flows and .interrupted and .summary.packets >= 8' healthy \
        '(sleep 0.7; curl -s -o /dev/null server.lab) & $interrupt TERM 2 $NETDX flows --json'
    row full-disk flows 3 '' - '$NETDX flows --json -i lo -w 200ms >/dev/full'
    row full-disk flows 3 '' - '$NETDX flows -i lo -w 200ms -o /dev/full'

    row fine banner 0 'banner and .answered == 1 and .targets[0].http.status == 200' healthy \
        '$NETDX banner --json -4 server.lab:80'
    row loss banner 0 'banner and .answered == 1 and .targets[0].error == null' loss \
        '$NETDX banner --json -4 --timeout 20s server.lab:80'
    row dead banner 2 'banner and .targets[0].error.code == "tcp.timed_out"' dead-target \
        '$NETDX banner --json -4 --timeout 1s server.lab:80'
    row dead banner 2 'banner and .targets[0].error.code == "tcp.refused"' - \
        '$NETDX banner --json 127.0.0.1:9'
    row unresolvable banner 2 'banner and .targets[0].error.code == "dns.unreachable"' healthy \
        '$NETDX banner --json nosuch.test'
    row no-privilege banner 0 'banner and .privilege == "unprivileged" and .answered == 1' healthy \
        '$nobody $NETDX banner --json -4 server.lab:80'
    row bad-flag banner 3 '.schema == "netdx.banner/1" and .error.code == "usage"' - \
        '$NETDX banner --json --nonsense 127.0.0.1'
    row bad-flag banner 3 '' - '$NETDX banner --tls maybe 127.0.0.1'
    row signal banner 130 'banner and .interrupted and .failed == 1' dead-target \
        '$interrupt INT 0.7 $NETDX banner --json -4 --timeout 20s server.lab:80'
    row signal banner 143 'banner and .interrupted and .failed == 1' dead-target \
        '$interrupt TERM 0.7 $NETDX banner --json -4 --timeout 20s server.lab:80'
    row full-disk banner 3 '' - '$NETDX banner --json 127.0.0.1:9 >/dev/full'
    row full-disk banner 3 '' - '$NETDX banner -o /dev/full 127.0.0.1:9'

    row fine check 0 'check and .level == "ok" and .targets[0].http.status == 200' healthy \
        '$NETDX check --json -4 server.lab:80'
    row loss check 1 'check and .level == "warning" and .targets[0].findings[0].code == "check.slow"' \
        loss '$NETDX check --json -4 --warn 10ms --timeout 20s server.lab:80'
    row dead check 2 'check and .targets[0].error.code == "tcp.timed_out" and .targets[0].tries == 2' \
        dead-target '$NETDX check --json -4 --timeout 500ms --retries 1 --backoff 10ms server.lab:80'
    row dead check 2 'check and .targets[0].error.code == "tcp.refused"' - \
        '$NETDX check --json --retries 0 127.0.0.1:9'
    row unresolvable check 2 '.targets[0].error.code == "dns.unreachable" and .level == "critical"' \
        healthy '$NETDX check --json nosuch.test'
    row no-privilege check 0 'check and .privilege == "unprivileged" and .level == "ok"' healthy \
        '$nobody $NETDX check --json -4 server.lab:80'
    row bad-flag check 3 '.schema == "netdx.check/1" and .error.code == "usage"' - \
        '$NETDX check --json --nonsense 127.0.0.1'
    row signal check 130 'check and .interrupted and .targets[0].tries == 1' healthy \
        '$interrupt INT 0.7 $NETDX check --json --backoff 10s server.lab:9'
    row signal check 143 'check and .interrupted and .targets[0].tries == 1' healthy \
        '$interrupt TERM 0.7 $NETDX check --json --backoff 10s server.lab:9'
    row full-disk check 3 '' - '$NETDX check --json --retries 0 127.0.0.1:9 >/dev/full'
    row full-disk check 3 '' - '$NETDX check --retries 0 -o /dev/full 127.0.0.1:9'

    local matrix='matrix() { echo "{environments: [a], components: {w: {targets: {a: $1}}}}"; }; '
    row fine versions 0 'versions and .worst == "notice" and .answered == 1' healthy \
        "$matrix"'matrix server.lab:80 | $NETDX versions --json -4 -'
    row loss versions 0 'versions and .answered == 1 and .failed == 0' loss \
        "$matrix"'matrix server.lab:80 | $NETDX versions --json -4 --timeout 20s -'
    row dead versions 2 'versions and .findings[0].member.error.code == "tcp.timed_out"' dead-target \
        "$matrix"'matrix server.lab:80 | $NETDX versions --json -4 --timeout 500ms -'
    row dead versions 2 'versions and .findings[0].id == "versions.unreachable"' - \
        "$matrix"'matrix 127.0.0.1:9 | $NETDX versions --json -'
    row unresolvable versions 2 '.findings[0].member.error.code == "dns.unreachable"' healthy \
        "$matrix"'matrix nosuch.test | $NETDX versions --json -'
    row no-privilege versions 0 'versions and .privilege == "unprivileged" and .answered == 1' healthy \
        "$matrix"'matrix server.lab:80 | $nobody $NETDX versions --json -4 -'
    row bad-flag versions 3 '.schema == "netdx.versions/1" and .error.code == "usage"' - \
        '$NETDX versions --json --nonsense -'
    row bad-flag versions 3 '.error.code == "file.format"' - 'echo "a: [" | $NETDX versions --json -'
    row bad-flag versions 3 '' - 'echo "a: [" | $NETDX versions -'
    row signal versions 130 'versions and .interrupted and .unfinished == 1' dead-target \
        "$matrix"'$interrupt INT 0.7 $NETDX versions --json -4 <(matrix server.lab:80)'
    row signal versions 143 'versions and .interrupted and .unfinished == 1' dead-target \
        "$matrix"'$interrupt TERM 0.7 $NETDX versions --json -4 <(matrix server.lab:80)'
    row full-disk versions 3 '' - \
        "$matrix"'matrix 127.0.0.1:9 | $NETDX versions --json - >/dev/full'
    row full-disk versions 3 '' - \
        "$matrix"'matrix 127.0.0.1:9 | $NETDX versions -o /dev/full -'

    # The lab has no document of its own: its command's comes through as it is.
    row fine lab 0 '.answer == 42' - '$NETDX lab healthy -- echo "{\"answer\": 42}"'
    row fine lab 7 '.answer == 42' - \
        '$NETDX lab healthy -- sh -c "echo \"{\\\"answer\\\": 42}\"; exit 7"'
    row loss lab 1 'report("reached") and any(.findings[]; .id == "path.loss")' - \
        '$NETDX lab loss -- $NETDX trace --json -4 -c 200 --interval 20ms server.lab'
    row dead lab 2 'report("ttl_limit")' - \
        '$NETDX lab dead-target -- $NETDX trace --json -c 1 server.lab'
    row unresolvable lab 3 '' - '$NETDX lab nosuch -- true'
    row unresolvable lab 3 '' - '$NETDX lab ./nosuch.yaml -- true'
    row no-privilege lab 3 '' - \
        'mount --bind $tun /dev/net/tun; $nobody $NETDX lab healthy -- true'
    row bad-flag lab 3 '' - '$NETDX lab --nonsense healthy -- true'
    row bad-flag lab 3 '' - '$NETDX lab --seed -1 healthy -- true'
    row signal lab 143 '' - '$interrupt TERM 0.7 $NETDX lab healthy -- sh -c "echo up >&2; sleep 9"'
    row full-disk lab 3 '' - '$NETDX lab --log /dev/full healthy -- ping -c 1 -W 2 server.lab >&2'
    row full-disk lab 3 '' - '$NETDX lab --list >/dev/full'
}

setup()
{
    NETDX=${NETDX:-build/netdx}
    work=$(mktemp -d /tmp/netdx-statuses-XXXXXX) # where nobody may look
    chmod 755 "$work"
    cp "$NETDX" "$work/netdx"
    chmod 755 "$work/netdx"
    mknod -m 600 "$work/tun" c 10 200
    helpers=$(realpath "$BATS_TEST_DIRNAME/../helpers")
}

teardown()
{
    rm -rf "$work"
}

# place SCENARIO LINE: runs the line there.
place()
{
    local nobody="setpriv --reuid 65534 --regid 65534 --clear-groups"
    nobody+=" --bounding-set=-all --inh-caps=-all"
    local interrupt="timeout --preserve-status -k 5 -s"
    local env=(env NETDX="$work/netdx" nobody="$nobody" interrupt="$interrupt" helpers="$helpers"
        tun="$work/tun" work="$work")

    if [ "$1" = - ]; then
        "${env[@]}" timeout 60 unshare -mn bash -c "ip link set lo up; $2"
    else
        "${env[@]}" timeout 60 "$work/netdx" lab "$1" -- bash -c "$2"
    fi
}

row()
{
    local day=$1 command=$2 wanted=$3 document=$4 status=0

    seen+=("$day $command")
    [ "$day" = "$today" ] || return 0
    place "$5" "$6" >"$work/out" 2>"$work/err" 3>&- || status=$?
    if [ "$status" -ne "$wanted" ] || ! documented "$document"; then
        echo "$day, $command: $6"
        echo "status $status, wanted $wanted: $document"
        head -c 1000 "$work/out"
        cat "$work/err"
        bad=1
    fi
}

documented()
{
    if [ -z "$1" ]; then
        [ ! -s "$work/out" ] && [ -s "$work/err" ]
    else
        [ "$(jq -s length "$work/out")" -eq 1 ] && jq -e "$documents $1" "$work/out" >/dev/null
    fi
}

all_rows_of()
{
    local today=$1 bad=0 seen=()

    table
    [ "$bad" -eq 0 ]
}

@test "R28 fine" { all_rows_of fine; }
@test "R28 loss" { all_rows_of loss; }
@test "R28 a dead target" { all_rows_of dead; }
@test "R28 a name that cannot be resolved" { all_rows_of unresolvable; }
@test "R28 no privilege" { all_rows_of no-privilege; }
@test "R28 a bad flag" { all_rows_of bad-flag; }
@test "R28 a signal" { all_rows_of signal; }
@test "R28 a full disk" { all_rows_of full-disk; }

@test "R28 every command has its row for each day" {
    local today=none seen=() command day
    table
    for command in $("$NETDX" help | awk '/^  [a-z]/ { print $1 }'); do
        [[ $command != completion && $command != help && $command != version ]] || continue
        for day in "${days[@]}"; do
            printf '%s\n' "${seen[@]}" | grep -qx "$day $command" ||
                { echo "$day $command"; false; }
        done
    done
}
