#!/bin/bash
# Every built-in scenario against what it expects: the findings it names and no others.
# One line of TAP per expectation and address family.
set -u

NETDX=${NETDX:-build/netdx}
JOBS=${JOBS:-2}
here=$(dirname "$0")

# Lines "SCENARIO INDEX FAMILY" of every expectation.
list()
{
    local scenario
    "$NETDX" lab --list | awk '{ print $1 }' | while read -r scenario; do
        "$NETDX" lab --show "$scenario" | python3 "$here/expect.py" list "$scenario"
    done
}

if [ ! -x "$NETDX" ] || ! "$NETDX" lab --list >/dev/null 2>&1; then
    echo "not ok 1 - the lab has scenarios"
    echo 1..1
    exit
fi

export NETDX here
list | xargs -r -P "$JOBS" -L 1 bash -c '
    "$NETDX" lab --show "$1" | timeout -k 5 200 python3 "$here/expect.py" run "$NETDX" "$1" "$2" "$3"
' expect
