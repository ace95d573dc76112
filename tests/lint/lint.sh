#!/bin/bash
# Rules of the house that a compiler does not know. Says its findings in TAP.
set -u

CC=${CC:-cc} CLANG=${CLANG:-clang}
FLAGS=(-D_GNU_SOURCE -Ilibcore -I. -std=c17 -Wall -Wextra -Werror)
n=0

# result NAME FINDINGS: no finding is a pass.
result()
{
    n=$((n + 1))
    if [ -z "$2" ]; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"
        printf '%s\n' "$2" | sed 's/^/# /'
    fi
}

skip()
{
    n=$((n + 1))
    echo "ok $n - $1 # SKIP $2"
}

# includes DIR PATTERN: includes in DIR that match.
includes()
{
    [ -d "$1" ] && grep -rnE --include='*.[ch]' "^#[[:space:]]*include[[:space:]]*[<\"]($2)" "$1"
}

layers()
{
    result "base knows no other layer" "$(includes libcore/base '(wire|io|engine|report|tools)/')"
    result "wire knows base alone" "$(includes libcore/wire '(io|engine|report|tools)/')"
    result "engine knows neither io nor report" "$(includes libcore/engine '(io|report|tools)/')"
    result "engine has no socket, clock or stdio" "$(includes libcore/engine \
        'stdio\.h|time\.h|sys/time\.h|sys/socket\.h|unistd\.h|netinet/|arpa/')"
    result "io knows engine in virtual alone" \
        "$(includes libcore/io '(engine|report|tools)/' | grep -v '^libcore/io/virtual\.[ch]:')"
    result "report sees results, not io" "$(includes libcore/report '(io|tools)/')"
    result "commands do not include each other" "$(for c in trace syn lab flows banner check versions; do
        includes tools "tools/$c(_[a-z_]*)?\.h" | grep -vE "^tools/$c(_[a-z_]*)?\.[ch]:"; done)"
    result "libpcap in io alone" "$(for d in libcore/base libcore/wire libcore/engine \
        libcore/report tools; do includes $d 'pcap'; done)"
    result "libnet in wire/craft alone" "$(for d in libcore tools; do
        includes $d 'libnet\.h'; done | grep -v '^libcore/wire/craft\.c:')"
    result "nghttp2 in engine/http2 alone" "$(for d in libcore tools; do
        includes $d 'nghttp2'; done | grep -v '^libcore/engine/http2[a-z_]*\.[ch]:')"
    result "the library does not print or exit" "$(grep -rnwE --include='*.c' \
        '(printf|puts|putchar|perror|exit|_exit|abort) *\(|stdout|stderr' libcore |
        grep -vE ':[[:space:]]*(/?\*|//)')"
}

# Leftovers of a fuzzer, a profile or a capture got here before.
top_level()
{
    result "nothing else at the top level" "$(git ls-files 2>/dev/null | cut -d/ -f1 | sort -u |
        grep -vxE '(\.ci|\.clang-format|\.editorconfig|\.gitignore|LICENSE|Makefile|README\.md|libcore|man|tests|tools)')"
}

words()
{
    result "no banned function" "$(grep -rnE --include='*.[ch]' \
        '\b(strcpy|strcat|sprintf|vsprintf|atoi|atol|gets|strtok|alloca|system|popen|getenv) *\(' \
        libcore tools | grep -vE ':[[:space:]]*(/?\*|//)')"
    result "nothing is left to do" "$(grep -rnwE --include='*.[ch1-7]' 'TODO|FIXME|XXX|HACK' \
        libcore tools tests/unit tests/fuzz tests/bench tests/helpers man 2>/dev/null)"
}

headers()
{
    local compiler header
    for compiler in "$CC" "$CLANG"; do
        # shellcheck disable=SC2086 # a compiler may be several words
        result "every header compiles alone ($compiler)" "$(
            find libcore tools -name '*.h' | sort | while read -r header; do
                printf '#include "%s"\n' "${header#libcore/}" |
                    $compiler "${FLAGS[@]}" -fsyntax-only -x c - 2>&1 | head -n 3
            done)"
    done
}

# Functions begin at a { in column 0 and end at a } in column 0.
sizes()
{
    local all
    all=$(find libcore tools -name '*.c' | sort | xargs -r awk '
        FNR == 1 { start = 0 }
        /^[a-z].*\(/ { name = $0 }
        /^\{/ { start = FNR }
        /^\}$/ && start { print FNR - start - 1, FILENAME ":" start ": " name; start = 0 }')
    printf '%s\n' "$all" | sort -n | awk '
        { lines[NR] = $1 } END { if (NR > 1) printf "# %d functions: median %d lines, 90 %% within %d\n",
            NR, lines[int((NR + 1) / 2)], lines[int(NR * 0.9)] }'
    result "no function over 80 lines" "$(printf '%s\n' "$all" | awk '$1 > 80')"
    result "no file over 900 lines" "$(find libcore tools tests/unit -name '*.[ch]' \
        -exec wc -l {} + | awk '$1 > 900 && $2 != "total"')"
    result "no line over 100 columns" "$(grep -rnE --include='*.[ch]' '^.{101,}$' libcore tools)"
}

manuals()
{
    local pages
    pages=$(ls man/*.[157] 2>/dev/null)
    # shellcheck disable=SC2086 # a list
    [ -z "$pages" ] || result "manual pages are clean" "$(mandoc -Tlint -W warning $pages 2>&1)"
    result "shell scripts are clean" "$(find tests tools .ci -type f \( -name '*.sh' -o -path .ci/run \) \
        -exec shellcheck -S warning {} + 2>&1)"
}

# Options as "-x" and "--long" words: of a command's help, and of the tags in its manual.
help_options()
{
    "$NETDX" "$1" --help 2>/dev/null | grep -E '^ +-' |
        grep -oE -- '(^|[ ,])--[a-z0-9][a-z0-9-]*' | tr -d ' ,' | sort -u
}

manual_options()
{
    mandoc -Tascii "$1" | col -b | sed -n '/^OPTIONS/,/^[A-Z]/p; /^DESCRIPTION/,/^[A-Z]/p' |
        grep -E '^ +-' | grep -oE -- '--[a-z0-9][a-z0-9-]*' | sort -u
}

# R39: flags in the manual, the help and the completion are the same.
options()
{
    local verb page
    for verb in banner check versions trace syn flows lab version; do
        page=man/netdx-$verb.1
        if [ ! -x "${NETDX:-}" ] || [ ! -f "$page" ]; then
            skip "R39 options of $verb: help = manual" "no $page or program"
            continue
        fi
        result "R39 options of $verb: help = manual" \
            "$(diff <(help_options $verb) <(manual_options $page))"
        [ ! -f tools/netdx.bash ] || result "R39 options of $verb: help = completion" \
            "$(help_options $verb | while read -r o; do
                grep -qwe "$o" tools/netdx.bash || echo "$o is not completed"; done)"
    done
}

layers
top_level
words
headers
sizes
manuals
options
echo "1..$n"
