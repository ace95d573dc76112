#!/usr/bin/env bats
# netdx flows: every kind of input, every kind of trouble with it, live captures, and bad days.
# What it says of the packets themselves is compared with the truth in tests/lab.

bats_require_minimum_version 1.5.0

setup_file() {
    export NETDX
    NETDX=$(realpath "${NETDX:-build/netdx}")
    cd "$BATS_FILE_TMPDIR" || return 1
    chmod 755 . ..
    # Over a path that loses 3 %, as the client saw it: one connection that is reset, eight
    # transfers of 200 KB, four of 1 KB.
    cat >lossy.yaml <<'EOF'
name: lossy
defaults: {link: {delay: 2ms}}
server: {services: [{http: {port: 80, size: 200kb}}, {http: {port: 81, reset: after-request}},
  {http: {port: 82, size: 1kb}}]}
path: [{}, {link: {delay: 5ms, loss: 3%}}]
EOF
    "$NETDX" lab --seed 5 --capture-client base.pcapng ./lossy.yaml -- bash -c '
        curl -4 -s -m 5 -o /dev/null server.lab:81
        for i in 1 2 3 4 5 6 7 8; do curl -4 -s -m 20 -o /dev/null server.lab; done
        for i in 1 2 3 4; do curl -4 -s -m 20 -o /dev/null server.lab:82; done'
    editcap -F nsecpcap base.pcapng nano.pcap
    editcap -F pcap base.pcapng micro.pcap
    gzip -k nano.pcap
    zstd -q -k nano.pcap
    gzip -k base.pcapng
    cat nano.pcap.gz >two.gz && : | gzip >>two.gz
    "$NETDX" flows --json -r nano.pcap >nano.json || [ $? -le 2 ]
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    chmod 777 .
    base=$BATS_FILE_TMPDIR
    here=$(realpath "$BATS_TEST_DIRNAME")
}

# refused MESSAGE ARGUMENT...: status 3, this message, nothing on standard output.
refused() {
    local message=$1
    shift
    run --separate-stderr "$NETDX" flows "$@"
    [ "$status" -eq 3 ]
    [ -z "$output" ]
    [[ "$stderr" == "netdx flows: $message"* ]] || { echo "$stderr"; false; }
}

# same FILE...: the document of these files says what nano.json says.
same() {
    local files=() file
    for file; do files+=(-r "$file"); done
    run --separate-stderr "$NETDX" flows --json "${files[@]}"
    [ "$status" -eq 2 ]
    diff <(facts <"$base/nano.json") <(facts <<<"$output")
}

# What does not depend on where the packets came from.
facts() {
    jq -S '{summary, findings, flows, hosts}'
}

is() { # FILTER: true of the document
    jq -e "$1" <<<"$output" >/dev/null || { echo "$output" | head -c 4000; echo "$stderr"; false; }
}

# Two namespaces joined by a veth: 10.7.0.1 here, .2 there. With job control, because without it
# what runs in the background ignores SIGINT.
in_pair() {
    NETDX=$NETDX HELPERS=$HELPERS here=$here run --separate-stderr timeout 60 \
        unshare -n -m bash -c "set -m; . $here/veth.bash; $1"
}

# --- what it refuses -----------------------------------------------------------------------

@test "values and options that make no sense" {
    refused 'top "-1" is not a number (0 to 100000)' --top -1
    refused 'sort key "size" is not one of worst, retransmissions' --sort size
    refused 'max flows "0" is out of range (1 to 16777216)' --max-flows 0
    refused 'snaplen "20" is out of range (128 to 262144)' --snaplen 20
    refused 'workers "0" is out of range (1 to 64)' --workers 0
    refused 'interval "often" is not a duration' --interval often
    refused 'format "xml" is not one of text, json, jsonl, csv' -f xml
    refused '--interface and --read exclude each other' -i lo -r file
    refused 'interface any holds all the others' -i any,lo
    refused '--promiscuous needs an interface by its name' --promiscuous -i any
    refused '--promiscuous is for live captures' -r file --promiscuous
    refused '--count, --interval and --write of a file need its packets in order: one worker' -r file --workers 2 -c 9
    refused 'file "-" was given twice' -r - -r -
    refused 'interface "" has no name' -i lo,,lo
    refused 'unknown or ambiguous option "--bogus"' --bogus
}

@test "what is read is not written over" {
    cp "$base/nano.pcap" in.pcap
    ln in.pcap same.pcap
    refused 'recording "in.pcap" is a capture file that is to be read' -r in.pcap --write in.pcap
    refused 'recording "same.pcap" is a capture file' -r "$base/nano.pcap" -r in.pcap --write same.pcap
    refused 'output file "in.pcap" is a capture file that is to be read' -r in.pcap -o in.pcap
    run --separate-stderr bash -c '"$0" flows -r - -o in.pcap <in.pcap' "$NETDX"
    [ "$status" -eq 3 ]
    cmp in.pcap "$base/nano.pcap"
}

@test "usage errors are one JSON document, wherever --json stands" {
    for arguments in "--json --bogus" "--bogus --json" "--json --top x"; do
        # shellcheck disable=SC2086 # a list
        run --separate-stderr "$NETDX" flows $arguments
        [ "$status" -eq 3 ]
        is '.schema == "netdx.flows/1" and .error.code == "usage"'
    done
    run --separate-stderr "$NETDX" flows --jsonl --bogus
    is '.event == "summary" and .error.code == "usage"'
}

@test "a filter that does not compile: libpcap's message and the place" {
    refused 'filter "tcp port 80 andd host x": can'"'"'t parse filter expression: syntax error, at column 13: "andd"' \
        -r "$base/nano.pcap" tcp port 80 andd host x
    refused 'filter "tcp port": can'"'"'t parse filter expression: syntax error, at its end' \
        -r "$base/nano.pcap" 'tcp port'
    run --separate-stderr "$NETDX" flows --json -r "$base/nano.pcap" 'port 99999'
    [ "$status" -eq 3 ]
    is '.error.code == "filter.invalid"'
    # Raw IP knows no Ethernet addresses.
    refused 'capture file: '"'$base/nano.pcap'" -r "$base/nano.pcap" ether host 1:2:3:4:5:6
}

@test "what is no capture is said to be what it is" {
    echo hello >text
    echo '{"a": [1]}' >json
    gzip -c text >text.gz
    zstd -q text -o text.zst
    head -c 100 /dev/zero | tr '\0' '\1' >noise
    : >empty
    printf 'PK\3\4rest of it' >zip
    refused "capture file: 'text': text, not a capture" -r text
    refused "capture file: 'json': JSON, not a capture" -r json
    refused "capture file: 'text.gz': text, not a capture, packed with gzip" -r text.gz
    refused "capture file: 'text.zst': text, not a capture, packed with zstd" -r text.zst
    refused "capture file: 'noise': not a capture (pcap or pcapng)" -r noise
    refused "capture file: 'empty': empty, not a capture" -r empty
    refused "capture file: 'zip': a zip archive" -r zip
    refused "capture file: '$NETDX': an ELF program, not a capture" -r "$NETDX"
    refused 'capture file "nowhere" cannot be opened: No such file or directory' -r nowhere
    refused "capture file: '.': Is a directory" -r .
    refused "capture file: '-': text, not a capture" -r - <text
    run --separate-stderr "$NETDX" flows --json -r text
    is '.error.code == "file.format"'
}

@test "a link type that is not known" {
    editcap -F pcap -T ieee-802-11 "$base/nano.pcap" wlan.pcap
    refused "capture file: 'wlan.pcap': link type 105 (IEEE802_11) is not known here" -r wlan.pcap
}

# --- every kind of input -------------------------------------------------------------------

@test "the packets are those that tshark sees" {
    for name in nano micro; do
        run --separate-stderr "$NETDX" flows --json -r "$base/$name.pcap"
        [ "$status" -eq 2 ]
        [ "$(jq .summary.packets <<<"$output")" -eq "$(tshark -r "$base/$name.pcap" -Y tcp 2>/dev/null | wc -l)" ]
        [ "$(jq .summary.flows <<<"$output")" -eq 13 ]
        is '.summary.capture_dropped == null and .interrupted == false and .error == null'
        is '[.findings[].id] | contains(["tcp.reset_after_request", "tcp.retransmissions"])'
        is '.flows | length == 10 and all(.server.port | IN(80, 81, 82))'
    done
}

@test "pcap and pcapng, gzip and zstd, standard input and pipes say the same" {
    for file in base.pcapng nano.pcap.gz nano.pcap.zst base.pcapng.gz two.gz; do
        same "$base/$file"
    done
    same - <"$base/nano.pcap.zst"
    same - < <(cat "$base/nano.pcap")
    same /dev/fd/9 9<"$base/base.pcapng"
}

@test "big-endian files" {
    python3 - "$base/nano.pcap" big.pcap <<'EOF'
import struct, sys
data = open(sys.argv[1], "rb").read()
with open(sys.argv[2], "wb") as out:
    out.write(struct.pack(">IHHiIII", *struct.unpack_from("<IHHiIII", data)))
    at = 24
    while at < len(data):
        header = struct.unpack_from("<IIII", data, at)
        out.write(struct.pack(">IIII", *header) + data[at + 16:at + 16 + header[2]])
        at += 16 + header[2]
EOF
    same big.pcap
}

@test "several files are one, in the order of time" {
    editcap -F nsecpcap -c 100 "$base/nano.pcap" part.pcap
    # shellcheck disable=SC2012 # names without blanks
    mapfile -t parts < <(ls -r part*)
    [ "${#parts[@]}" -gt 5 ]
    same "${parts[@]}"
}

@test "a small snaplen changes nothing" {
    editcap -F nsecpcap -s 100 "$base/nano.pcap" short.pcap
    same short.pcap
}

@test "Ethernet and VLAN frames" {
    python3 - "$base/nano.pcap" ether.pcap vlan.pcap <<'EOF'
import struct, sys
data = open(sys.argv[1], "rb").read()
for path, tags in ((sys.argv[2], b""), (sys.argv[3], b"\x81\x00\x00\x2a")):
    with open(path, "wb") as out:
        out.write(data[:20] + struct.pack("<I", 1))
        at = 24
        while at < len(data):
            s, f, n, m = struct.unpack_from("<IIII", data, at)
            packet = data[at + 16:at + 16 + n]
            kind = b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"
            head = bytes(12) + tags + kind
            out.write(struct.pack("<IIII", s, f, n + len(head), m + len(head)) + head + packet)
            at += 16 + n
EOF
    same ether.pcap
    run --separate-stderr "$NETDX" flows --json -r vlan.pcap
    is '.flows[0].vlan == 42'
    diff <(facts <"$base/nano.json" | sed '/"vlan"/d') <(facts <<<"$output" | sed '/"vlan"/d')
}

@test "a filter leaves out flows; frames keep their numbers in the file" {
    run --separate-stderr "$NETDX" flows --json -r "$base/nano.pcap" tcp port 81
    [ "$status" -eq 2 ]
    is '.summary.flows == 1 and .flows[0].server.port == 81'
    frame=$(tshark -r "$base/nano.pcap" -Y tcp.flags.reset==1 -T fields -e frame.number 2>/dev/null | head -n 1)
    is ".flows[0].reset.frame == $frame"
    run --separate-stderr "$NETDX" flows --json -r "$base/nano.pcap" udp
    [ "$status" -eq 0 ]
    is '.summary.flows == 0 and .summary.packets == 0 and .findings == []'
}

@test "a file that is cut: what was there, and a warning" {
    size=$(stat -c %s "$base/nano.pcap")
    head -c $((size - 30)) "$base/nano.pcap" >cut.pcap
    run --separate-stderr "$NETDX" flows --json -r cut.pcap
    [ "$status" -eq 2 ]
    [[ "$stderr" == "netdx flows: warning: cut.pcap: truncated"* ]]
    is '.error.code == "file.cut" and .summary.flows == 13'
    head -c $((size / 2)) "$base/nano.pcap" >half.pcap
    gzip half.pcap
    for file in half.pcap.gz; do
        run --separate-stderr "$NETDX" flows -r $file
        [ "$status" -ge 1 ]
        [[ "$stderr" == *"warning: $file: truncated"* ]]
        [[ "$output" == "flows in $file: "* ]]
    done
    head -c 20000 "$base/nano.pcap.gz" >torn.pcap.gz
    run --separate-stderr "$NETDX" flows --json -r torn.pcap.gz
    [[ "$stderr" == *"warning: torn.pcap.gz: the gzip data ends too early"* ]]
    is '.error.code == "file.cut" and .summary.packets > 10'
    head -c 20000 "$base/base.pcapng" >torn.pcapng
    run --separate-stderr "$NETDX" flows --json -r torn.pcapng
    is '.error.code == "file.cut" and .summary.packets > 10'
}

@test "several workers say of a file what one says, also of one that is cut" {
    size=$(stat -c %s "$base/nano.pcap")
    head -c $((size - 50000)) "$base/nano.pcap" >cut.pcap
    tshark -r "$base/nano.pcap" -Y 'tcp.port == 80' -F nsecpcap -w some.pcap 2>/dev/null
    for files in "-r $base/nano.pcap" "-r cut.pcap" "-r some.pcap -r $base/nano.pcap.gz"; do
        for workers in 1 3; do
            # shellcheck disable=SC2086 # a list
            "$NETDX" flows --json --top 100 --sort start --workers $workers $files 2>err >$workers.json || [ $? -le 2 ]
            jq -e ".workers == $workers and .summary.flows >= 8" $workers.json
            [[ $files != *cut* ]] || grep -q "warning: cut.pcap: truncated" err
        done
        # Flows are numbered by each worker.
        diff <(facts <1.json | jq 'del(.flows[].id, .findings[].example)') \
            <(facts <3.json | jq 'del(.flows[].id, .findings[].example)')
    done
    run --separate-stderr bash -c 'cat "$1" | "$0" flows --workers 2 -r -' "$NETDX" "$base/nano.pcap"
    [ "$status" -eq 3 ]
    [[ "$stderr" == 'netdx flows: capture file "-" is no regular file: one worker can read it' ]]
}

@test "a cut file alone is a warning" {
    tshark -r "$base/nano.pcap" -Y 'tcp.port == 82' -F nsecpcap -w start.pcap 2>/dev/null
    truncate -s -3 start.pcap
    run --separate-stderr "$NETDX" flows -r start.pcap
    [ "$status" -eq 1 ]
}

@test "a bomb is unpacked piece by piece" {
    python3 - "$base/nano.pcap" <<'EOF' | zstd -q >bomb.zst
import struct, sys
sys.stdout.buffer.write(open(sys.argv[1], "rb").read())
record = struct.pack("<IIII", 1800000000, 0, 262144, 262144) + bytes(262144)
for _ in range(8000):
    sys.stdout.buffer.write(record)
EOF
    [ "$(stat -c %s bomb.zst)" -lt 1000000 ]
    run --separate-stderr bash -c 'ulimit -v 700000; "$0" flows --json -r bomb.zst' "$NETDX"
    [ "$status" -eq 2 ]
    is '.summary.flows == 13 and .summary.malformed == 8000'
}

# --- what it says ---------------------------------------------------------------------------

@test "the summary comes first, in words, then flows and details" {
    run --separate-stderr "$NETDX" flows -r "$base/nano.pcap"
    [ "$status" -eq 2 ]
    [[ "${lines[0]}" =~ ^"flows in $base/nano.pcap: "[0-9]+" packets in 13 flows, " ]]
    [[ "${lines[1]}" == "critical: 1 of 13 connections reset by "*" after the request" ]]
    [[ "$output" == *"% of segments from "*" were re-sent ("*"; the loss is before this tap"* ]]
    [[ "$output" == *"capture: "*" frames read"* ]]
    [[ "$output" == *$'\nClient '*"Server "*"Packets"*"Stall"* ]]
    [[ "$output" == *"handshake "*" ms: "*" to the client, "*" to the server"* ]]
    [[ "$output" == *"genuine, "* ]]
    [[ "$output" != *$'\033'* ]]
}

@test "top and sort" {
    run --separate-stderr "$NETDX" flows --json --top 3 --sort bytes -r "$base/nano.pcap"
    is '.flows | length == 3'
    is '[.flows[] | .server.bytes + .client.bytes] | . == (sort | reverse)'
    run --separate-stderr "$NETDX" flows --json --sort start -r "$base/nano.pcap"
    is '[.flows[].start] | . == sort'
    run --separate-stderr "$NETDX" flows --json --top 0 -r "$base/nano.pcap"
    is '.flows == [] and .summary.flows == 13 and (.findings | length > 0)'
}

@test "--jsonl: events as the document counts them, each line on its own" {
    run --separate-stderr "$NETDX" flows --jsonl -r "$base/nano.pcap"
    [ "$status" -eq 2 ]
    events=$(jq -s '[.[] | select(.event == "retransmission")] | length' <<<"$output")
    [ "$events" -eq "$(jq .summary.retransmissions.total "$base/nano.json")" ]
    [ "$events" -gt 5 ]
    run jq -s -e 'all(.[:-1][]; .event != "summary") and .[-1].event == "summary"
        and ([.[] | select(.event == "end")] | length == 13)
        and all(.[] | select(.event == "retransmission");
            (.trigger | IN("fast", "timeout", "tail_probe", "unknown"))
            and (.lost | IN("before_tap", "behind_tap", "unknown"))
            and (.flow.server.port | IN(80, 82)) and .frame > 0 and (.bytes > 0 or .fin))
        and all(.[] | select(.event == "reset"); .phase and .reasons and .confidence >= 0.5)' <<<"$output"
    [ "$status" -eq 0 ]
}

@test "CSV has a row for each flow" {
    run --separate-stderr "$NETDX" flows -f csv --top 100 -r "$base/nano.pcap"
    [ "${#lines[@]}" -eq 14 ]
    python3 -c '
import csv, sys
rows = list(csv.DictReader(sys.stdin))
assert len(rows) == 13 and all(None not in row and None not in row.values() for row in rows)
assert sum(row["reset_phase"] == "after_request" for row in rows) == 1
assert all(row["client_port"].isdigit() for row in rows)' <<<"$output"
}

@test "rates of a file follow its own time and add up" {
    run --separate-stderr "$NETDX" flows --jsonl --interval 50ms -r "$base/nano.pcap"
    [ "$(jq -s '[.[] | select(.event == "rates")] | length' <<<"$output")" -gt 3 ]
    jq -s -e '([.[] | select(.event == "rates") | .packets_pps * .length_ms / 1000] | add | round) as $sum
        | .[-1].summary.packets as $all | $sum <= $all and $sum > $all * 0.8' <<<"$output"
    run --separate-stderr "$NETDX" flows --interval 50ms -r "$base/nano.pcap"
    [[ "${lines[0]}" == Time*Packets/s*Re-sent* ]]
}

@test "absurd stamps make neither endless rates nor a crash" {
    python3 - "$base/nano.pcap" odd.pcap <<'EOF'
import struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
at, n = 24, 0
while at < len(data):
    length = struct.unpack_from("<I", data, at + 8)[0]
    if n % 50 == 7:
        struct.pack_into("<II", data, at, [0, 0xffffffff, 0x80000000][n // 50 % 3], 0xffffffff)
    at, n = at + 16 + length, n + 1
open(sys.argv[2], "wb").write(data)
EOF
    run --separate-stderr timeout 20 "$NETDX" flows --jsonl --interval 1ms -r odd.pcap
    [ "$status" -le 2 ]
    [ "${#lines[@]}" -lt 20000 ]
    jq -s -e '.[-1].summary.time_steps > 0' <<<"$output"
}

@test "--count ends early" {
    run --separate-stderr "$NETDX" flows --json -c 100 -r "$base/nano.pcap"
    is '.summary.frames == 100 and .interrupted == false'
}

@test "a table that is full closes flows and says so" {
    run --separate-stderr "$NETDX" flows --json --max-flows 1 -r "$base/nano.pcap"
    is '.summary.flows >= 13 and .summary.evicted > 0'
}

@test "65,536 flows to one port" {
    python3 - many.pcap <<'EOF'
import struct, sys
with open(sys.argv[1], "wb") as out:
    out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 96, 101))
    for n in range(65536):
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, 1, 0, 64, 6, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
        tcp = struct.pack(">HHIIBBHHH", n, 80, n, 0, 0x50, 2, 1000, 0, 0)
        out.write(struct.pack("<IIII", 1700000000, n, 40, 40) + ip + tcp)
EOF
    run --separate-stderr timeout 20 "$NETDX" flows --json -r many.pcap
    is '.summary.flows == 65536 and .summary.ends.evicted == 0'
    run --separate-stderr timeout 20 "$NETDX" flows --json --max-flows 1000 -r many.pcap
    is '.summary.flows == 65536 and .summary.evicted >= 64000'
}

# --- what it saves --------------------------------------------------------------------------

@test "--write saves the packets of flows with findings, and no others" {
    run --separate-stderr "$NETDX" flows --json --top 100 --write found.pcapng -r "$base/nano.pcap"
    [ "$status" -eq 2 ]
    wanted=$(jq -r '.flows[] | select(.findings != []) | .client.port' <<<"$output" | sort)
    [ -n "$wanted" ]
    [ "$(wc -l <<<"$wanted")" -lt 13 ]
    saved=$(tshark -r found.pcapng -T fields -e tcp.srcport -e tcp.dstport | tr '\t' '\n' |
        grep -vx '8[012]' | sort -u)
    diff <(echo "$wanted") <(echo "$saved")
    frames=$(tshark -r found.pcapng 2>/dev/null | wc -l)
    is ".saved.frames == $frames and .saved.cut_flows == 0 and .saved.path == \"found.pcapng\""
    [ "$frames" -eq "$(jq '[.flows[] | select(.findings != []) | .client.packets + .server.packets] | add' <<<"$output")" ]
    # The same flows, the same verdicts: times and bytes came through.
    run --separate-stderr "$NETDX" flows --json -r found.pcapng
    diff <(jq '.flows[0] | del(.id, .reset.frame, .reset.summary, .stall.frame, .stall.summary)' \
        "$base/nano.json") \
        <(jq '.flows[0] | del(.id, .reset.frame, .reset.summary, .stall.frame, .stall.summary)' <<<"$output")
    refused 'recording "/nowhere/x" cannot be written: No such file or directory' \
        --write /nowhere/x -r "$base/nano.pcap"
}

# --- bad days -------------------------------------------------------------------------------

@test "R10 a full disk under the report and under what is saved" {
    run --separate-stderr bash -c '"$0" flows -r "$1" >/dev/full' "$NETDX" "$base/nano.pcap"
    [ "$status" -eq 3 ]
    [[ "$stderr" == *"No space left on device"* ]]
    run --separate-stderr "$NETDX" flows -o /dev/full --json -r "$base/nano.pcap"
    [ "$status" -eq 3 ]
    run --separate-stderr "$NETDX" flows --write /dev/full -r "$base/nano.pcap"
    [ "$status" -eq 3 ]
    [[ "$stderr" == *"No space left on device"* ]]
    refused 'output file "/nowhere/x" cannot be opened' -o /nowhere/x -r "$base/nano.pcap"
}

@test "R11 a closed pipe ends quietly and at once" {
    run --separate-stderr bash -c '"$0" flows --jsonl -r "$1" 2>err | head -n 1; echo ${PIPESTATUS[0]}; cat err >&2' \
        "$NETDX" "$base/nano.pcap"
    [ "${#lines[@]}" -eq 2 ]
    [ -z "$stderr" ]
    [[ "${lines[1]}" =~ ^(141|2)$ ]]
    # More than a pipe holds.
    run --separate-stderr bash -c 'for i in {1..50}; do echo "-r $1"; done | xargs "$0" flows --jsonl 2>err | head -n 1; echo ${PIPESTATUS[1]}; cat err >&2' \
        "$NETDX" "$base/nano.pcap"
    [ -z "$stderr" ]
}

@test "R12 SIGINT and SIGTERM while a pipe gives nothing: the results so far, at once" {
    for signal in INT TERM; do
        mkfifo $signal
        (cat "$base/nano.pcap"; sleep 3) >$signal &
        start=$(date +%s%3N)
        run timeout --preserve-status -s $signal 0.8 "$NETDX" flows --json -r - -o out <$signal
        took=$(($(date +%s%3N) - start))
        [ "$status" -eq "$([ $signal = INT ] && echo 130 || echo 143)" ]
        jq -e '.interrupted == true and .summary.flows == 13' out
        [ "$took" -lt 1200 ]
    done
}

@test "R31 closed descriptors and odd environments" {
    run bash -c '"$0" flows -r "$1" <&- >out 2>&-' "$NETDX" "$base/nano.pcap"
    [ "$status" -eq 2 ]
    run bash -c '"$0" flows -r "$1" >&-' "$NETDX" "$base/nano.pcap"
    [ "$status" -eq 3 ]
    run bash -c 'TERM=garbage LC_ALL=xx_YY "$0" flows -r "$1" >out' "$NETDX" "$base/nano.pcap"
    [ "$status" -eq 2 ]
}

@test "R1 names of files are escaped" {
    cp "$base/nano.pcap" $'a\033[2Jb'
    run --separate-stderr "$NETDX" flows -r $'a\033[2Jb'
    [[ "${lines[0]}" == 'flows in a\x1b[2Jb: '* ]]
    echo text >$'a\033[2Jb'
    run --separate-stderr "$NETDX" flows -r $'a\033[2Jb'
    [[ "$stderr" != *$'\033'* ]]
}

# --- live ------------------------------------------------------------------------------------

@test "an interface that does not exist or is down" {
    run --separate-stderr "$NETDX" flows --json -i nosuch0
    [ "$status" -eq 3 ]
    is '.error.code == "interface.unknown"'
    in_pair 'ip link set a0 down; "$NETDX" flows -i a0'
    [ "$status" -eq 3 ]
    [[ "$stderr" == "netdx flows: cannot capture: interface 'a0': is down" ]]
}

@test "R29 without CAP_NET_RAW the message names it and the ways out; files need nothing" {
    run --separate-stderr capsh --drop=cap_net_raw -- -c "$NETDX flows --json -i lo"
    [ "$status" -eq 3 ]
    is '.error.code == "permission" and (.error.message | contains("CAP_NET_RAW"))'
    run --separate-stderr capsh --drop=cap_net_raw -- -c "$NETDX flows --json -r $base/nano.pcap"
    [ "$status" -eq 2 ]
}

@test "R30 after the start: no capability, no root, no file can be opened" {
    in_pair '"$NETDX" flows -i a0 -w 3s >out & sleep 1; pid=$!
        grep -E "^(Uid|CapEff|CapPrm|CapBnd|NoNewPrivs|Seccomp):" /proc/$pid/status
        for task in /proc/$pid/task/*; do grep -h ^Seccomp: $task/status; done | sort -u | wc -l
        kill $pid'
    [[ "$output" == *"CapPrm:"*"0000000000000000"* ]]
    [[ "$output" == *$'CapEff:\t0000000000000000'* ]]
    [[ "$output" == *$'NoNewPrivs:\t1'* ]]
    [[ "$output" == *$'Seccomp:\t2'* ]]
    [[ "$output" != *$'Uid:\t0'* ]]
    [ "${lines[-1]}" = 1 ]
}

@test "live TCP is seen, whole, by one worker and by several" {
    for workers in 1 3; do
        in_pair '
            there python3 -m http.server -b 10.7.0.2 8000 >/dev/null 2>&1 & server=$!
            for _ in $(seq 50); do there ss -ltn | grep -q :8000 && break; sleep 0.1; done
            "$NETDX" flows --json -i a0 --workers '$workers' tcp port 8000 >out & netdx=$!
            sleep 0.7
            for i in 1 2 3 4 5 6 7 8 9 10; do curl -s -m 5 -o /dev/null http://10.7.0.2:8000/; done
            sleep 0.2; kill -INT $netdx; wait $netdx; kill -- -$server; cat out'
        is '.interrupted and .summary.flows == 10 and .workers == '$workers
        is '.summary.capture_dropped == 0 and .summary.interface_dropped == 0'
        is '.flows | all(.complete and .end.reason == "fin" and .server.port == 8000)'
        is '.flows | all(.client.packets + .server.packets >= 8)'
        is '.summary.frames == .summary.packets'
    done
}

@test "R16, R17: at full speed nothing is lost that is not reported" {
    for options in "--workers 2" "--workers 1 --buffer 1"; do
        in_pair 'exec 2>err
            "$NETDX" flows --json -i a0 '"$options"' udp port 9 >out & netdx=$!
            sleep 0.7
            $HELPERS/flood 10.7.0.2 9 300000 >one & flood=$!
            $HELPERS/flood 10.7.0.2 9 300000 >two; wait $flood
            sleep 0.3; kill -INT $netdx; wait $netdx; cat out'
        is '.summary.frames + .summary.capture_dropped == 600000'
        is '.summary.other == .summary.frames'
    done
}

@test "R18 an interface that is removed ends the run with what there is" {
    in_pair '"$NETDX" flows --json -i a0 >out 2>err & netdx=$!
        sleep 0.7; ping -c 2 -i 0.2 10.7.0.2 >/dev/null; ip link del a0
        wait $netdx; echo $? >status; cat out; cat err >&2'
    is '.error.code == "network.lost" and .summary.frames >= 4'
    [[ "$stderr" == *"warning: a0: the interface was removed"* ]]
}

@test "R12 a live capture is interrupted, at once" {
    for signal in INT TERM; do
        in_pair '"$NETDX" flows --json -i a0 >out & netdx=$!; sleep 0.7
            start=$(date +%s%3N); kill -'$signal' $netdx; wait $netdx; echo $? >status
            echo $(($(date +%s%3N) - start)) >took; cat out'
        is '.interrupted == true and .error == null'
        [ "$(cat took)" -lt 400 ]
        [ "$(cat status)" -eq "$([ $signal = INT ] && echo 130 || echo 143)" ]
    done
}

@test "a deadline and a count end a live capture" {
    in_pair '"$NETDX" flows --json -i a0,lo -w 0.5s'
    [ "$status" -eq 0 ]
    is '.interrupted == true and .source == "a0, lo"'
    in_pair '(sleep 0.7; ping -c 5 -i 0.1 10.7.0.2 >/dev/null) & "$NETDX" flows --json -i any -c 4 icmp'
    is '.summary.frames == 4'
}

@test "rates of a live capture, and the table on a terminal" {
    in_pair '(sleep 0.5; ping -c 5 -i 0.1 10.7.0.2 >/dev/null) &
        "$NETDX" flows --jsonl -i a0 --interval 200ms -w 1.3s'
    [ "$(jq -s '[.[] | select(.event == "rates")] | length' <<<"$output")" -ge 4 ]
    in_pair 'TERM=xterm script -qec "$NETDX flows -i a0 -w 1.5s" /dev/null'
    [[ "$output" == *$'\033['*A* ]]
    [[ "$output" == *"flows in a0"* ]]
}
