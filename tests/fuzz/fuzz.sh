#!/bin/bash
# One fuzz target for FUZZ_SECONDS over its seed corpus; a finding is left in the build directory.
set -u

target=$1
name=$(basename "$target")
name=${name#fuzz_}
found=$target.found/
work=$target.corpus
mkdir -p "$found" "$work"
seeds=tests/fuzz/corpus/$name
[ -d "$seeds" ] || seeds=

# shellcheck disable=SC2086 # no seeds is no argument
if "$target" -max_total_time="${FUZZ_SECONDS:-5}" -timeout=5 -rss_limit_mb=1024 -max_len=4096 \
    -artifact_prefix="$found" -print_final_stats=1 "$work" $seeds >&2; then
    echo "ok 1 - fuzz $name for ${FUZZ_SECONDS:-5} s"
else
    echo "not ok 1 - fuzz $name: see $found"
fi
echo 1..1
