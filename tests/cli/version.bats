#!/usr/bin/env bats
# netdx version: comparing, against the programs whose algorithms it speaks of, and reading banners.

bats_require_minimum_version 1.5.0

setup() {
    NETDX=${NETDX:-build/netdx}
}

# refused MESSAGE ARGUMENT...: status 3, this message, nothing on standard output.
refused() {
    local message=$1
    shift
    run --separate-stderr "$NETDX" version "$@" </dev/null
    [ "$status" -eq 3 ]
    [ -z "$output" ]
    [[ "$stderr" == "netdx version: $message"* ]] || { echo "$stderr"; false; }
}

# compared ANSWER ARGUMENT...: the first word of the answer.
compared() {
    local answer=$1
    shift
    run "$NETDX" version compare "$@"
    [[ "$output" == "$answer: "* ]] || { echo "$output"; false; }
}

# products KIND [OPTION...]: "name version" of each product of standard input.
products() {
    "$NETDX" version identify "$@" | jq -r '.products[] | "\(.name) \(.version)"'
}

# pairs SEED: version pairs out of the letters that algorithms treat differently.
pairs() {
    python3 - "$1" <<'PY'
import random, sys
random.seed(int(sys.argv[1]))
def version():
    parts = [random.choice(["0", "1", "01", "10", "2", "9"])]
    for _ in range(random.randrange(5)):
        parts.append(random.choice([".", "~", "+", ".", "a", "rc", "p", "~~", "+dfsg", "b"]))
        parts.append(random.choice(["", "0", "1", "1", "10", "a", "z"]))
    return "".join(parts) + random.choice(["", "", "-1", "-1.1", "-2+deb12u3", "-1~bpo1"])
for _ in range(150):
    print(version(), version())
PY
}

@test "version alone prints netdx's own" {
    run "$NETDX" version
    [ "$status" -eq 0 ]
    [[ "$output" =~ ^netdx\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
    [ "$output" = "$("$NETDX" --version)" ]
}

@test "answers and exit statuses of compare" {
    compared lt 9.2p1 9.10p1
    [ "$status" -eq 0 ]
    compared gt 1.1.1w 1.1.1
    [ "$status" -eq 0 ]
    compared eq 10.0 10
    [ "$status" -eq 0 ]
    compared eq 8.4.0-ubuntu0.22.04 8.4.0
    [[ "$output" == *"distro build, a lower bound" ]]
    compared unknown '' 1.0
    [ "$status" -eq 3 ]
    compared incomparable 1.1.1w 9.2p1
    [ "$status" -eq 3 ]
    compared lt --scheme semver 3.0.0-beta1 3.0.0
    compared gt --scheme deb 3.0.0-beta1 3.0.0
    compared incomparable --scheme semver 10.0 10.0.0
}

@test "compare as a document" {
    run "$NETDX" version --json compare 8.4.0-ubuntu0.22.04 8.4.0
    [ "$status" -eq 0 ]
    [ "$(jq -s length <<<"$output")" -eq 1 ]
    [ "$(jq -c '[.schema, .answer, .scheme, .a.upstream, .a.distro, .b.distro, .lower_bound]' \
        <<<"$output")" = '["netdx.version/1","eq","semver","8.4.0","ubuntu0.22.04",null,true]' ]
    run "$NETDX" version compare --json $'1.\033[2J' 1
    [ "$status" -eq 3 ]
    [ "$(jq -r .a.text <<<"$output")" = '1.\x1b[2J' ]
    [ "$(jq -r .answer <<<"$output")" = incomparable ]
    [ "$(jq -r .scheme <<<"$output")" = dotted ]
}

@test "usage errors name what is wrong" {
    refused 'compare needs two versions' compare 1.0
    refused 'compare needs two versions' compare 1.0 1.1 1.2
    refused 'identify needs a kind of banner' identify
    refused 'kind "htp" is not one of http-server' identify htp
    refused 'unknown argument "bogus" (compare or identify)' bogus
    refused 'scheme "python" is not one of auto, semver' --scheme python compare 1 2
    refused 'expectation "nginx>=" column 8: expected a version, not the end' \
        --expect 'nginx>=' identify http-server
    refused 'fingerprints "/nonexistent" cannot be read: No such file' \
        --fingerprints /nonexistent identify ssh
    refused 'fingerprints "'"$BATS_TEST_TMPDIR"'" hold no file that ends in .xml' \
        --fingerprints "$BATS_TEST_TMPDIR" identify ssh
    run --separate-stderr "$NETDX" version --json bogus
    [ "$status" -eq 3 ]
    [ "$(jq -r '.schema + " " + .error.code' <<<"$output")" = 'netdx.version/1 usage' ]
}

@test "deb is dpkg's order" {
    seed=${SEED:-$RANDOM}
    echo "SEED=$seed"
    pairs "$seed" | while read -r a b; do
        answer=$("$NETDX" version compare --scheme deb "$a" "$b")
        dpkg --compare-versions "$a" "${answer%%:*}" "$b" || { echo "$answer"; exit 1; }
    done
}

@test "rpm is rpm's order" {
    seed=${SEED:-$RANDOM}
    echo "SEED=$seed"
    pairs "$seed" >"$BATS_TEST_TMPDIR/pairs"
    { echo '%{lua:'; sed "s/\(.*\) \(.*\)/print(rpm.vercmp('\1','\2')..'\\\\n')/" \
        "$BATS_TEST_TMPDIR/pairs"; echo '}'; } >"$BATS_TEST_TMPDIR/lua"
    rpm --eval "$(cat "$BATS_TEST_TMPDIR/lua")" | grep . >"$BATS_TEST_TMPDIR/truth"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/truth")" -eq 150 ]
    while read -r a b; do
        "$NETDX" version compare --scheme rpm "$a" "$b" | cut -d: -f1
    done <"$BATS_TEST_TMPDIR/pairs" | sed 's/lt/-1/; s/eq/0/; s/gt/1/' >"$BATS_TEST_TMPDIR/ours"
    diff <(paste "$BATS_TEST_TMPDIR/pairs" "$BATS_TEST_TMPDIR/truth") \
        <(paste "$BATS_TEST_TMPDIR/pairs" "$BATS_TEST_TMPDIR/ours")
}

@test "identify prints a line for a line" {
    run "$NETDX" version identify http-server <<<$'nginx/1.22.1\n\nApache/2.4.7 (Ubuntu)\r'
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 3 ]
    [ "$(jq -c '[.line, .cut, [.products[].name], .error]' <<<"${lines[0]}")" = \
        '[1,false,["nginx"],null]' ]
    [ "$(jq -c '[.line, .products]' <<<"${lines[1]}")" = '[2,[]]' ]
    [ "$(jq -c '.products[0] | [.version, .source, .raw, .comment, .distro, .lower_bound, .scheme]' \
        <<<"${lines[2]}")" = \
        '["2.4.7","server","Apache/2.4.7 (Ubuntu)","Ubuntu","Ubuntu",true,"dotted"]' ]
    run "$NETDX" version identify ssh < <(printf 'SSH-2.0-OpenSSH_9.2p1')
    [ "$(jq -r '.products[0].version' <<<"$output")" = 9.2p1 ]
    run "$NETDX" version identify ssh </dev/null
    [ "$status" -eq 0 ]
    [ -z "$output" ]
}

@test "identify of what is no banner of its kind" {
    run "$NETDX" version identify docker-version <<<'{"a": nope}'
    [ "$status" -eq 0 ]
    [ "$(jq -c '[.products, .error.code, .error.message]' <<<"$output")" = \
        '[[],"banner.bad","not JSON"]' ]
    run "$NETDX" version --escaped identify mysql <<<'\x59\x00\x00\x00\x0a5.5.5-10.6.1'
    [ "$(jq -r .error.code <<<"$output")" = banner.truncated ]
}

@test "identify takes escaped bytes" {
    [ "$(products mysql --escaped <<<'\x1d\x00\x00\x00\x0a5.5.5-10.6.12-MariaDB\x00\x01')" = \
        'MariaDB 10.6.12' ]
    [ "$(products redis-info --escaped <<<'# Server\x0d\x0aredis_version:7.0.15\x0d\x0a')" = \
        'Redis 7.0.15' ]
}

@test "R1 identify lets no control byte through" {
    printf 'evil\033]0;x\a/1.0 (\302\233\177\001) \342\200\256x/2\n' |
        "$NETDX" version identify http-server >"$BATS_TEST_TMPDIR/out"
    run ! grep -qP '[\x00-\x09\x0b-\x1f\x7f]|\xc2\x9b|\xe2\x80\xae' "$BATS_TEST_TMPDIR/out"
    [ "$(jq -r '.products[0].name' "$BATS_TEST_TMPDIR/out")" = 'evil\x1b]0' ]
}

@test "R6 a line without end is cut" {
    head -c 10000000 /dev/zero | tr '\0' a >"$BATS_TEST_TMPDIR/long"
    echo >>"$BATS_TEST_TMPDIR/long"
    echo nginx/1.22.1 >>"$BATS_TEST_TMPDIR/long"
    run "$NETDX" version identify http-server <"$BATS_TEST_TMPDIR/long"
    [ "$status" -eq 0 ]
    [ "$(jq -c '[.line, .cut]' <<<"${lines[0]}")" = '[1,true]' ]
    [ "$(jq -c '[.line, .cut, .products[0].version]' <<<"${lines[1]}")" = '[2,false,"1.22.1"]' ]
}

# judged STATUS RESULT EXPECTATION HEADER
judged() {
    run "$NETDX" version --expect "$3" identify http-server <<<"$4"
    [ "$status" -eq "$1" ]
    [ "$(jq -r '.expectations[0].result' <<<"$output")" = "$2" ]
}

@test "expectations give the exit status" {
    judged 0 met 'nginx>=1.23.3' nginx/1.23.3
    judged 2 violated 'nginx>=1.23.3' nginx/1.23.2
    judged 1 violated 'Apache>=2.4.50' 'Apache/2.4.7 (Ubuntu)'
    [ "$(jq -c '.expectations[0] | [.expectation, .version, .lower_bound, .may_be_patched]' \
        <<<"$output")" = '["Apache>=2.4.50","2.4.7",true,true]' ]
    judged 3 unknown 'Apache>=2.4.50' Apache/2.4
    [ "$(jq -r '.expectations[0].reason' <<<"$output")" = 'it does not show its whole version' ]
    judged 3 unknown 'nginx>=1.23.3' nginx
    judged 3 unknown nginx Apache
    run "$NETDX" version --expect 'nginx>=1.20' --expect 'nginx<1.25' identify http-server \
        <<<$'nginx/1.20.0\nnginx/1.25.0'
    [ "$status" -eq 2 ]
    [ "$(jq -r '.expectations[].result' <<<"$output" | tr '\n' ' ')" = 'met met met violated ' ]
}

fingerprints() {
    mkdir -p "$BATS_TEST_TMPDIR/prints"
    cat >"$BATS_TEST_TMPDIR/prints/$1"
}

@test "fingerprints are preferred" {
    fingerprints b.xml <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<fingerprints matches="ssh.banner">
  <fingerprint pattern="^RomSShell_([\d\.]+)$">
    <description>Allegro RomSShell SSH</description>
    <param pos="0" name="service.vendor" value="Allegro Software"/>
    <param pos="0" name="service.product" value="Allegro RomSShell"/>
    <param pos="1" name="service.version"/>
  </fingerprint>
</fingerprints>
XML
    run --separate-stderr "$NETDX" version --fingerprints "$BATS_TEST_TMPDIR/prints" identify ssh \
        <<<'SSH-2.0-RomSShell_4.62'
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    [ "$(jq -c '[.products[] | .name, .version, .fingerprint]' <<<"$output")" = \
        '["Allegro RomSShell","4.62","Allegro RomSShell SSH"]' ]
    fingerprints a.xml <<<'<fingerprints matches="ssh.banner"><fingerprint pattern="("/></fingerprints>'
    run --separate-stderr "$NETDX" version --fingerprints "$BATS_TEST_TMPDIR/prints" identify ssh \
        <<<'SSH-2.0-RomSShell_4.62'
    [ "$status" -eq 0 ]
    [[ "$stderr" == *'a.xml" line 1, column 36: pattern is not understood: missing closing'*'(passed over)' ]]
    [ "$(jq -r '.products[0].name' <<<"$output")" = 'Allegro RomSShell' ]
    rm "$BATS_TEST_TMPDIR/prints/a.xml"
    fingerprints c.xml <<<$'<fingerprints matches="ssh.banner">\n<fingerprint>'
    refused "fingerprints \"$BATS_TEST_TMPDIR/prints/c.xml\" line 3, column 1: not well-formed" \
        --fingerprints "$BATS_TEST_TMPDIR/prints" identify ssh
}

@test "R10 a full disk is an error of identify and compare" {
    run --separate-stderr bash -c \
        'yes nginx/1.22.1 | head -n 5000 | "$0" version identify http-server >/dev/full' "$NETDX"
    [ "$status" -eq 3 ]
    [[ "$stderr" == *"No space left on device"* ]]
    run --separate-stderr bash -c '"$0" version compare 1 2 >/dev/full' "$NETDX"
    [ "$status" -eq 3 ]
    [[ "$stderr" == *"No space left on device"* ]]
}

@test "R11 a closed pipe ends identify" {
    run bash -c 'yes nginx/1.22.1 | timeout 10 "$0" version identify http-server | head -n 1' "$NETDX"
    [ "$status" -eq 0 ]
    [ "$(jq -r '.products[0].version' <<<"$output")" = 1.22.1 ]
}

@test "R12 a signal ends identify with the lines so far" {
    mkfifo "$BATS_TEST_TMPDIR/in"
    for signal in INT TERM; do
        "$NETDX" version identify http-server <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out" &
        pid=$!
        exec 9>"$BATS_TEST_TMPDIR/in"
        echo nginx/1.22.1 >&9
        for _ in $(seq 100); do
            [ ! -s "$BATS_TEST_TMPDIR/out" ] || break
            sleep 0.05
        done
        kill -$signal $pid
        status=0
        wait $pid || status=$?
        exec 9>&-
        [ "$status" -eq $((128 + $(kill -l $signal))) ]
        [ "$(jq -r '.products[0].version' "$BATS_TEST_TMPDIR/out")" = 1.22.1 ]
    done
}

@test "R39 the manual's kinds and schemes are the program's" {
    manual=$(mandoc -Tascii "$BATS_TEST_DIRNAME/../../man/netdx-version.1" | col -b)
    run --separate-stderr "$NETDX" version identify bogus
    kinds=${stderr#*is not one of }
    for kind in ${kinds//,/}; do
        grep -qwe "$kind" <<<"$manual" || { echo "$kind"; false; }
    done
    run --separate-stderr "$NETDX" version --scheme bogus
    schemes=${stderr#*is not one of }
    for scheme in ${schemes//,/}; do
        sed -n '/^SCHEME/,/^EXPECTATION/p' <<<"$manual" | grep -qwe "$scheme" || { echo "$scheme"; false; }
    done
}
