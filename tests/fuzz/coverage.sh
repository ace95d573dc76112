#!/bin/bash
# R3: how much of each parser the seed corpora reach, in TAP. In the environment: PARSERS, the
# files; FUZZERS, the targets built with clang's coverage.
set -u

asked=90 # percent of the lines, of each file
n=0 failed=0

result() # PASSED TEXT
{
    n=$((n + 1))
    if [ "$1" = true ]; then
        echo "ok $n - R3: $2"
    else
        echo "not ok $n - R3: $2"
        failed=1
    fi
}

tool() # NAME: Debian has some without a version in the path, some with
{
    command -v "$1" || ls /usr/lib/llvm-*/bin/"$1" | tail -n 1
}

profiles=() objects=()
for target in $FUZZERS; do
    name=$(basename "$target")
    seeds=tests/fuzz/corpus/${name#fuzz_}
    if [ ! -d "$seeds" ] ||
        ! LLVM_PROFILE_FILE=$target.profraw "$target" -runs=0 "$seeds" 2>"$target.log"; then
        result false "$name has a seed corpus without a finding"
        continue
    fi
    profiles+=("$target.profraw")
    objects+=(${objects:+-object} "$target") # llvm-cov wants the first one bare
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$(tool llvm-profdata)" merge -o "$work/profile" "${profiles[@]}"
# Lines of the listing are "   12|  3.4k|code"; the summary counts a header's unused copies twice.
# shellcheck disable=SC2086 # a list of files
"$(tool llvm-cov)" show -show-instantiations=false "${objects[@]}" -instr-profile "$work/profile" \
    $PARSERS 2>/dev/null | awk -F '|' -v here="$PWD/" '
    /^\/.*:$/ { file = substr($0, length(here) + 1); sub(/:$/, "", file) }
    $1 ~ /^ *[0-9]+$/ && $2 ~ /[0-9]/ { lines[file]++; covered[file] += $2 !~ /^ *0$/ }
    END { for (f in lines) print f, lines[f], covered[f] }' >"$work/lines"

total=0 reached=0
for file in $PARSERS; do
    read -r lines covered < <(awk -v file="$file" '$1 == file { print $2, $3 }' "$work/lines")
    lines=${lines:-0} covered=${covered:-0} # 0: in no target
    total=$((total + lines)) reached=$((reached + covered))
    result "$([ "$lines" -gt 0 ] && [ $((100 * covered)) -ge $((asked * lines)) ] && echo true)" \
        "$(printf '%5d of %5d lines  %s' "$covered" "$lines" "$file")"
done
result "$([ "$total" -gt 0 ] && [ $((100 * reached)) -ge $((asked * total)) ] && echo true)" \
    "$(printf '%5d of %5d lines of all parsers: %d %%, asked %d %%' "$reached" "$total" \
        "$((total ? 100 * reached / total : 0))" "$asked")"
echo "1..$n"
exit $failed
