#!/bin/sh
# Writes the scenarios named as arguments as a C table to standard output (tools/scenarios.h).
set -eu

echo '#include "tools/scenarios.h"'
n=0
for file; do
    n=$((n + 1))
    printf '\nstatic const char scenario_%d[] = {\n' $n
    od -An -v -tu1 "$file" | sed 's/  */ /g; s/^ /    /; s/\([0-9]\)$/\1,/; s/\([0-9]\) /\1, /g'
    printf '    0};\n'
done
printf '\nconst struct builtin_scenario builtin_scenarios[] = {\n'
n=0
for file; do
    n=$((n + 1))
    name=$(basename "$file" .yaml)
    printf '    {"%s", scenario_%d, sizeof(scenario_%d) - 1},\n' "$name" $n $n
done
printf '};\nconst size_t nbuiltin_scenarios = %d;\n' $n
