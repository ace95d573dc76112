#!/bin/bash
# Lines of libcore that each fuzz target's seed corpus reaches: coverage.sh BUILD TARGET...
set -eu

build=$1
shift
profiles=() objects=()
for target; do
    name=$(basename "$target")
    seeds=tests/fuzz/corpus/${name#fuzz_}
    [ -d "$seeds" ] || { echo "$name: no seed corpus" >&2; continue; }
    LLVM_PROFILE_FILE=$target.profraw "$target" -runs=0 "$seeds" 2>/dev/null
    profiles+=("$target.profraw")
    objects+=(${objects:+-object} "$target") # llvm-cov wants the first one bare
done
tool() { command -v "$1" || ls /usr/lib/llvm-*/bin/"$1" | tail -n 1; }
"$(tool llvm-profdata)" merge -o "$build/fuzz.profdata" "${profiles[@]}"
"$(tool llvm-cov)" report "${objects[@]}" -instr-profile "$build/fuzz.profdata" libcore/wire libcore/base \
    libcore/engine/scenario.c libcore/engine/version*.c 2>/dev/null
