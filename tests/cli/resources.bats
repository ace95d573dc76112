#!/usr/bin/env bats
# netdx trace when memory, descriptors, disks, queues and time are short.

bats_require_minimum_version 1.5.0

formats="text json jsonl csv mtr-json"

setup() {
    NETDX=$(realpath "${NETDX:-build/netdx}")
    export NETDX
    cd "$BATS_TEST_TMPDIR" || return 1
}

# on_loopback SCRIPT: in network and mount namespaces of its own, with $NETDX.
on_loopback() {
    run --separate-stderr timeout 100 unshare -mn bash -c "ip link set lo up; $1"
}

in_lab() {
    run --separate-stderr timeout 60 "$NETDX" lab "$1" -- bash -c "$2"
}

@test "R9 10,000 rounds leave memory and descriptors as they were" {
    # shellcheck disable=SC2016 # expanded inside
    on_loopback 'rounds() { /usr/bin/time -q -f %M -o "$1" "$NETDX" trace -q -n -c "$1" \
            --interval 1ms -f csv 127.0.0.1 >report & }
        rounds 1000; wait $!
        rounds 10000
        sleep 1; pid=$(pgrep -P $!)
        before=$(ls /proc/$pid/fd | wc -l)
        sleep 7; echo $(($(ls /proc/$pid/fd | wc -l) - before))
        wait $!; cut -d, -f 8,9 report | tail -n 1'
    [ "$status" -eq 0 ]
    [ "${lines[0]}" -eq 0 ]
    [ "${lines[1]}" = 10000,10000 ]
    [ "$(($(cat 10000) - $(cat 1000)))" -lt 500 ] # KiB
}

@test "R10 a full disk is said of every format and of a recording" {
    for format in $formats; do
        for out in ">/dev/full" "-o /dev/full"; do
            on_loopback "\$NETDX trace -n -c 1 -f $format 127.0.0.1 $out"
            [ "$status" -eq 3 ]
            [ -z "$output" ]
            [[ $stderr == *"writing the report failed: No space left on device"* ]]
        done
    done
    on_loopback '$NETDX trace -n -c 1 --write /dev/full 127.0.0.1'
    [ "$status" -eq 3 ]
    [[ $stderr == *'recording "/dev/full" cannot be written: No space left on device'* ]]
    on_loopback 'mount -t tmpfs -o size=8k,mode=777 none /mnt
        $NETDX trace -n -c 100 --interval 2ms --write /mnt/recording 127.0.0.1'
    [ "$status" -eq 3 ]
    [[ $output == *"reached 127.0.0.1"* ]]
    [[ $stderr == *"writing the recording failed: No space left on device"* ]]
}

@test "R11 every format ends quietly when nobody reads" {
    for format in $formats; do
        on_loopback "set -o pipefail
            \$NETDX trace -n -c 20 --interval 20ms -f $format 127.0.0.1 | :"
        [ "$status" -eq 141 ]
        [ -z "$stderr" ]
    done
    for arguments in help "lab --list" "completion bash"; do
        on_loopback "\$NETDX $arguments | :"
        [ -z "$stderr" ]
    done
}

@test "R13 SIGTSTP, SIGSTOP and SIGCONT: the pause is no loss" {
    for signal in TSTP STOP; do
        in_lab healthy "\$NETDX trace -n -c 30 --interval 50ms --json server.lab >report & pid=\$!
            sleep 0.5; kill -$signal \$pid; sleep 2.5; kill -CONT \$pid; wait \$pid"
        [ "$status" -eq 0 ]
        jq -e '.elapsed_ms > 3500 and .findings == [] and .counters.late == 0 and
            ([.hops[] | .received == .sent and .sent == 30 and .rtt_ms.max < 1000] | all)' report
    done
}

@test "R15 a queue without room is waited for, and loses nothing" {
    in_lab healthy 'tc qdisc add dev lab0 root tbf rate 800kbit burst 1600 limit 3000
        $NETDX trace -n -4 -c 5 --interval 100ms --size 1400 --json server.lab; status=$?
        tc -s qdisc show dev lab0 >&2; exit $status'
    [ "$status" -eq 0 ]
    [[ $stderr =~ dropped\ [1-9] ]] # the kernel did say no
    jq -e '.findings == [] and .counters.send_errors == 0 and
        ([.hops[] | .received == .sent] | all)' <<<"$output"
}

@test "R17 what our own capture dropped is shown, and warned of" {
    on_loopback '$NETDX trace -n -c 20 --interval 50ms --json 127.0.0.1 >report & pid=$!
        sleep 0.4; kill -STOP $pid
        ping -q -f -c 20000 -s 1400 127.0.0.1 >&2
        kill -CONT $pid; wait $pid'
    [ "$status" -eq 1 ]
    jq -e '.counters.capture_dropped > 1000 and .hops[0].received == 20 and
        ([.findings[] | [.id, .severity]] == [["local.capture_drops", "warning"]])' report
}

@test "R31 closed descriptors" {
    for closed in "<&-" "2>&-" "<&- 2>&-"; do
        on_loopback "\$NETDX trace -n -c 1 127.0.0.1 $closed"
        [ "$status" -eq 0 ]
        [[ $output == *"reached 127.0.0.1 at hop 1" ]]
    done
    on_loopback '$NETDX trace -n -c 1 127.0.0.1 >&-'
    [ "$status" -eq 3 ]
    [[ $stderr == *"writing the report failed: Bad file descriptor"* ]]
    on_loopback '$NETDX trace -n -c 1 --json -o report 127.0.0.1 <&- >&- 2>&-'
    [ "$status" -eq 0 ]
    jq -e '.end.reason == "reached"' report
}

@test "R31 no /proc, no resolv.conf, a terminal and a locale that nobody knows" {
    on_loopback 'mount -t tmpfs none /proc; $NETDX trace -n -c 1 127.0.0.1'
    [ "$status" -eq 0 ]
    on_loopback 'mount -t tmpfs none /proc; $NETDX lab healthy -- true'
    [ "$status" -eq 3 ]
    [[ $stderr == *"/proc is not mounted"* ]]
    on_loopback 'mount --bind /dev/null /etc/resolv.conf; $NETDX trace -c 1 127.0.0.1'
    [ "$status" -eq 0 ]
    on_loopback 'mount --bind /dev/null /etc/resolv.conf; $NETDX trace --json nosuch.test'
    [ "$status" -eq 2 ]
    [[ "$(jq -r .error.code <<<"$output")" == dns.* ]]
    for environment in "TERM=garbage LC_ALL=xx_YY" "TERM= LANG=\$'\\xff'" "-i"; do
        on_loopback "env $environment \"\$NETDX\" trace -n -c 1 127.0.0.1"
        [ "$status" -eq 0 ]
        [[ $output == *"reached 127.0.0.1 at hop 1" ]]
    done
}

# Where the loader is through, the program runs, or it says what is short: from too little upwards
# until all is well. Prints the statuses met.
upwards='
upwards() # LIMIT VALUES...
{
    local limit=$1 value status
    shift
    for value; do
        (ulimit "$limit" "$value"; exec "$NETDX" trace -n -c 1 --json 127.0.0.1) >out 2>err
        status=$?
        echo $status
        [ $status -ne 0 ] || return
        [ $status -eq 127 ] || grep -q "^netdx trace: " err || { echo "silent at $value"; return; }
    done
}'

@test "R31 little memory" {
    on_loopback "$upwards; upwards -v \$(seq 6000 100 60000); jq -r .end.reason out"
    [ "$(uniq <<<"$output" | tr '\n' ' ')" = "127 3 0 reached " ]
}

@test "R31 few descriptors" {
    on_loopback "$upwards; upwards -n \$(seq 4 40); jq -r .end.reason out"
    [ "$(uniq <<<"$output" | tr '\n' ' ')" = "127 3 0 reached " ]
}

@test "1,100 open descriptors do not matter to a trace" {
    cat >open.py <<'PYTHON'
import os
import sys
for _ in range(1100):
    os.set_inheritable(os.open("/dev/null", os.O_RDONLY), True)
os.execv(sys.argv[1], sys.argv[1:])
PYTHON
    on_loopback 'ulimit -n 4096
        exec python3 open.py "$NETDX" trace -n -c 2 --json 127.0.0.1'
    [ "$status" -eq 0 ]
    jq -e '.end.reason == "reached" and .hops[0].received == 2' <<<"$output"
}
