#!/bin/bash
# Runs test programs and counts what they say in TAP.
#
#   run.sh [-j JOBS] [-t SECONDS] DIR PROGRAM...   run each, leave DIR/NAME.tap, count
#   run.sh -c DIR...                               count what is there
#
# A program that dies, hangs or says nothing is one failed test. The last line is the count;
# the status is 1 when anything failed or nothing ran.
set -u

jobs=2 seconds=60 count_only=

failures()
{
    grep '^not ok' "$1" | grep -viq '# *skip'
}

run_one()
{
    local dir=$1 seconds=$2 program=$3 name tap status
    name=$(basename "$program")
    name=${name%.*}
    tap=$dir/$name.tap
    case $program in
    *.bats) timeout -k 5 "$seconds" bats --tap "$program" ;;
    */fuzz/fuzz_*) timeout -k 5 "$seconds" tests/fuzz/fuzz.sh "$program" ;;
    *) CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 5 "$seconds" "$program" ;;
    esac >"$tap" 2>"$dir/$name.err" </dev/null
    status=$?
    if [ $status -eq 124 ] || [ $status -eq 137 ]; then
        echo "not ok - $name: not finished after $seconds s" >>"$tap"
    elif [ $status -ne 0 ] && ! failures "$tap"; then
        echo "not ok - $name: exit status $status" >>"$tap"
    elif ! grep -Eq '^(not )?ok' "$tap" && ! grep -q '^1\.\.0' "$tap"; then
        echo "not ok - $name: said nothing" >>"$tap"
    fi
    if failures "$tap"; then
        echo "FAIL $program"
        grep -A 12 '^not ok' "$tap" | sed 's/^/    /'
        tail -n 40 "$dir/$name.err" | sed 's/^/    /'
    fi
}

count()
{
    find "$@" -name '*.tap' -exec cat {} + 2>/dev/null | awk '
        # cmocka says "not ok" of a skipped test
        /^(not )?ok/ && tolower($0) ~ /# *skip/ { skipped++; print "skipped: " $0; next }
        /^not ok/ { failed++; next }
        /^ok/ { passed++ }
        END {
            printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
            exit failed > 0 || passed + failed == 0
        }'
}

while getopts cj:t: option; do
    case $option in
    c) count_only=1 ;;
    j) jobs=$OPTARG ;;
    t) seconds=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))

if [ -n "$count_only" ]; then
    count "$@"
    exit
fi

dir=$1
shift
rm -rf "$dir"
mkdir -p "$dir"
export -f run_one failures
[ $# -eq 0 ] ||
    printf '%s\0' "$@" | xargs -0 -n 1 -P "$jobs" bash -c 'run_one "$@"' run_one "$dir" "$seconds"
printf '%s: ' "$(basename "$dir")"
count "$dir"
