#!/usr/bin/env bats
# netdx banner: flags, outputs and failures, against services that say what the test tells them.

bats_require_minimum_version 1.5.0

formats="text json jsonl csv"

setup()
{
    NETDX=$(realpath "${NETDX:-build/netdx}")
    helpers=$(realpath "$BATS_TEST_DIRNAME/../helpers")
    cd "$BATS_TEST_TMPDIR" || return 1
}

# among ANSWERS LINE: bash runs the line on a loopback of its own where tests/helpers/answers.py
# gives the answers; $NETDX, $nobody and $interrupt as in statuses.bats.
among()
{
    local status_wanted=${3:-}
    run --separate-stderr timeout 100 unshare -mnpf --kill-child --mount-proc env NETDX="$NETDX" \
        nobody="setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all --inh-caps=-all" \
        interrupt="timeout --preserve-status -k 5 -s" helpers="$helpers" bash -c "
            ip link set lo up
            coproc answers { exec \$helpers/answers.py $1; }
            read -r ready <&\${answers[0]} && [ \"\$ready\" = ready ] || exit 99
            $2
            exit \$?" 3>&- # not the last line's exec, which would close what the answers live by
    [ "$status" -ne 99 ]
    [ -z "$status_wanted" ] || [ "$status" -eq "$status_wanted" ] ||
        { echo "status $status, not $status_wanted"; echo "$output"; echo "$stderr"; false; }
}

# is FILTER: jq's, of the one document.
is()
{
    [ "$(jq -s length <<<"$output")" -eq 1 ] && jq -e "$1" <<<"$output" >/dev/null ||
        { echo "$1"; echo "$output"; echo "$stderr"; false; }
}

# refused MESSAGE ARGUMENT...: status 3, this message, nothing on standard output.
refused()
{
    local message=$1
    shift
    run --separate-stderr timeout 20 unshare -n sh -c 'ip link set lo up; exec "$@"' sh "$NETDX" banner "$@"
    [ "$status" -eq 3 ]
    [ -z "$output" ]
    [[ $stderr == "netdx banner: $message"* ]] || { echo "$stderr"; false; }
}

http="hear:HTTP/1.1 200 OK\r\nServer: nginx/1.24.0\r\n\r\n"

@test "flags that are wrong are named with their value and what is allowed" {
    refused 'timeout "0" is out of range (1ms to 5m)' --timeout 0 ::1
    refused 'timeout "soon" is not a duration' --timeout soon ::1
    refused 'deadline "-1" is not a duration' -w -1 ::1
    refused 'parallel "0" is out of range (1 to 4096)' --parallel 0 ::1
    refused 'follow "51" is out of range (0 to 50)' --follow 51 ::1
    refused 'body limit "1g" is not a number (0 to 16777216)' --body-limit 1g ::1
    refused 'header "X" is not of the form '"'Name: value'" --header X ::1
    refused 'header "X Y: z" is not of the form' --header 'X Y: z' ::1
    refused 'header "X: a\x0d\x0aY: b" holds a control character' --header $'X: a\r\nY: b' ::1
    refused 'path "x" does not begin with' --path x ::1
    refused 'path "/a b" is empty or holds a blank' --path '/a b' ::1
    refused 'method "" is empty or holds a blank' --method '' ::1
    refused 'host "a\x0ab" holds a control character' --host $'a\nb' ::1
    refused 'user agent "\x1b" holds a control character' --user-agent $'\033' ::1
    refused 'SNI "\x0a" holds a control character' --sni $'\n' ::1
    refused 'protocol "gopher" is not one of http, ssh,' --protocol gopher ::1
    refused 'TLS "maybe" is not one of auto, never, always' --tls maybe ::1
    refused 'days "0" is out of range (1 to 3650)' --cert-days 0 ::1
    refused 'port "70000" is out of range (1 to 65535)' -p 70000 ::1
    refused 'format "xml" is not one of text, json, jsonl, csv' -f xml ::1
    refused 'kind "gopher" is not one of http-server,' --identify gopher
    refused '--identify reads banners and asks no target' --identify ssh ::1
    refused '--identify prints to standard output alone' --identify ssh -o /dev/null
    refused '--escaped needs --identify' --escaped ::1
    refused 'interface "nosuch0" does not exist' -i nosuch0 ::1
    refused 'source address "192.0.2.9" is not an address of this machine' --source 192.0.2.9 127.0.0.1
    refused 'cannot set up TLS: CA file "/dev/null" cannot be read' --ca-file /dev/null ::1
    refused 'cannot set up TLS: CRL file "/nonexistent" cannot be read' --crl-file /nonexistent ::1
    refused 'fingerprints "/nonexistent" cannot be read: No such file' --fingerprints /nonexistent ::1
    refused 'no target given'
    args=()
    for i in $(seq 33); do args+=(--header "X-$i: y"); done
    refused 'header "X-33: y" is one too many (32)' "${args[@]}" ::1
}

@test "usage errors and unusable files are one document too" {
    for arguments in "--bogus ::1" "" "--timeout x ::1" "--targets /nonexistent" "-o /nonexistent/r ::1"; do
        # shellcheck disable=SC2086 # a list
        run --separate-stderr "$NETDX" banner --json $arguments
        [ "$status" -eq 3 ]
        is '.schema == "netdx.banner/1" and .interrupted == false and
            (.error.code == "usage" or .error.code == "file.open") and (.error.message | length) > 0'
    done
}

@test "R32 targets that are no targets, with file, line and column; the others are asked" {
    printf '%s\n' '127.0.0.1:80' '# none' '  $(id)' '[::1' 'a b' '10.0.0.0/33' '224.0.0.1' >list
    head -c 65536 /dev/zero | tr '\0' x >>list
    printf '\nhttp://\n' >>list
    among "'80=$http'" '$NETDX banner --json --timeout 1s --targets list' 3
    is '[.targets[].error.code] == [null, "target.invalid", "target.invalid", "target.invalid",
        "target.invalid", "target.invalid", "target.invalid", "target.invalid"] and
        .answered == 1 and .failed == 7'
    for message in 'list, line 3, column 3: target "$(id)" is neither a name nor an address' \
        'list, line 4, column 1: target "[::1" has no matching bracket' \
        'list, line 5, column 1: target "a b" holds a blank or a control character' \
        'list, line 6, column 1: prefix length "33" is out of range (0 to 32)' \
        'list, line 7, column 1: target "224.0.0.1" is a multicast or broadcast address' \
        'list, line 9, column 1: target "http://" names no host'; do
        jq -e --arg m "$message" 'any(.targets[]; .error.message // "" | startswith($m))' <<<"$output" >/dev/null ||
            { echo "$message"; echo "$output"; false; }
    done
}

@test "R1 hostile bytes are escaped in every format" {
    # In what is said, in who is asked, in a certificate, and in where a redirect leads.
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -utf8 -multivalue-rdn \
        -subj "/CN=$(printf 'ev\033[31mil\302\233')" -keyout key -out certificate 2>/dev/null
    cat certificate key >tls.pem
    local bytes='\x1b[2J\x07\x7f\x9b31m\xe2\x80\xae|"<b>,\\' answers
    answers="'22=SSH-2.0-$bytes\\n' '21=220 $bytes\\r\\n' '110=+OK $bytes\\r\\n' '9000=$bytes\\n'"
    answers+=" '80=hear:HTTP/1.1 302 $bytes\\r\\nServer: $bytes/1.0\\r\\nX$bytes: y\\r\\n\\r\\n'"
    answers+=" '8080=hear:HTTP/1.1 302 x\\r\\nServer: $bytes/1.0\\r\\nLocation: /$bytes\\r\\n\\r\\n'"
    answers+=" '8081=hear:HTTP/1.1 302 x\\r\\nLocation: java$bytes:$bytes\\r\\n\\r\\n'"
    answers+=" '443=tls:tls.pem:HTTP/1.1 200 $bytes\\r\\nServer: $bytes\\r\\n\\r\\n'"
    for format in $formats; do
        among "$answers" "\$NETDX banner -q -v -f $format --timeout 1s --follow 2 \
            127.0.0.1:22,21,110,9000,80,8080,8081,443 \$'x\\033[31m\\u009b'"
        [ "$status" -le 3 ]
        [[ $output == *'\x1b['* ]]
        # C0 but newline, DEL, C1 as a byte or in UTF-8, bidirectional controls.
        ! LC_ALL=C grep -qP '[\x00-\x09\x0b-\x1f\x7f-\xff]' <<<"$output$stderr"
        case $format in
        json) is '.targets | length == 9' ;;
        jsonl) jq -es 'length == 10' <<<"$output" >/dev/null ;;
        csv) python3 -c 'import csv, sys
rows = list(csv.reader(sys.stdin))
assert len(rows) == 10 and {len(row) for row in rows} == {13}, rows' <<<"$output" ;;
        esac
    done
}

@test "R6 endless peers: each ends in time, with its code, in little memory" {
    python3 - >chunks <<'END'
import sys
sys.stdout.buffer.write(b"HTTP/1.1 200 OK\r\nServer: a/1\r\nTransfer-Encoding: chunked\r\n\r\n40000000\r\n" + b"x" * 10000000)
END
    among "80=silent '22=drip:SSH-2.0-OpenSSH_9.2p1\\r\\n' 25=silent '81=endless:HTTP/1.1 200 OK\\r\\nA: b\\r\\n' \
        '82=endless:HTTP/1.1 200 OK\\r\\nA: ' '21=endless:220-a\\r\\n' '3306=endless:\\xff\\xff\\xff\\0\\n' \
        443=silent 83=file:chunks '84=hear:HTTP/1.1 302 x\\r\\nLocation: /x\\r\\n\\r\\n' 23=close \
        '8080=hear:HTTP/1.1 301 x\\r\\nLocation: http://127.0.0.1:8081/\\r\\n\\r\\n' \
        '8081=hear:HTTP/1.1 301 x\\r\\nLocation: http://127.0.0.1:8080/\\r\\n\\r\\n' \
        '6379=hear:\$9\\r\\nredis'" \
        '/usr/bin/time -q -f %M -o memory $NETDX banner --json --timeout 1s --follow 9 --body-limit 1000 \
            127.0.0.1:80,22,25,81,82,21,3306,443,83,84,23,8080,6379' 2
    is '[.targets[] | "\(.port) \(.error.code)"] == ["80 http.timeout", "22 banner.timeout",
        "25 banner.timeout", "81 http.malformed.header", "82 http.too_large", "21 banner.too_large",
        "3306 banner.too_large", "443 tls.timeout", "83 null", "84 http.redirect_loop",
        "23 tcp.closed.on_accept", "8080 http.redirect_loop", "6379 banner.truncated"]' || true
    is '.elapsed_ms < 4000 and ([.targets[] | .timing_ms.total < 3000] | all)'
    is '.targets[8].products[0].name == "a" and .targets[1].products == []'
    [ "$(cat memory)" -lt 60000 ]
}

@test "where redirects lead is told, followed or not" {
    among "'80=hear:HTTP/1.1 302 x\\r\\nServer: one/1.0\\r\\nLocation: http://localhost:81/a\\r\\n\\r\\n' \
        '81=hear:HTTP/1.1 301 x\\r\\nServer: two/2.0\\r\\nLocation: file:///etc/passwd\\r\\n\\r\\n'" \
        '$NETDX banner --json 127.0.0.1:80; $NETDX banner --json --follow 3 http://127.0.0.1:80/ >followed
        $NETDX banner --follow 3 127.0.0.1:80 >text' 0
    is '.targets[0].http | .status == 302 and (.redirects[0] | .to == "http://localhost:81/a"
        and .address == null)'
    jq -e '.targets[0] | .port == 80 and .http.status == 301 and .products[0].name == "two" and
        .error == null and [.http.redirects[] | .to, .address, .products[0].name] ==
        ["http://localhost:81/a", "127.0.0.1", "one", "file:///etc/passwd", null, "two"]' followed
    [ "$(head -n 2 text)" = '127.0.0.1:80  http 301 x  two 2.0
    302 -> http://localhost:81/a (127.0.0.1)  one 1.0' ]
}

@test "what is asked is what was asked for" {
    cat >recorder.py <<'END'
import socket
server = socket.create_server(("", 80))
print("ready", flush=True)
for _ in range(4):
    peer, _ = server.accept()
    request = peer.recv(65536)
    with open("requests", "ab") as file:
        file.write(request)
    peer.sendall(b"HTTP/1.0 405 no\r\n\r\n")
    peer.close()
END
    run timeout 30 unshare -n bash -c 'ip link set lo up
        coproc python3 recorder.py; read -r ready <&${COPROC[0]}
        "$0" banner --method OPTIONS --path "/a?b" --header "X-A: 1" --header "X-B: 2" --host other \
            --user-agent probe 127.0.0.1:80
        "$0" banner 127.0.0.1:80; "$0" banner --body-limit 5 http://localhost/p' "$NETDX"
    [ "$(tr -d '\r' <requests)" = "$(printf '%s\n' 'OPTIONS /a?b HTTP/1.1' 'Host: other' 'User-Agent: probe' \
        'Accept: */*' 'Connection: close' 'X-A: 1' 'X-B: 2' '' \
        'HEAD / HTTP/1.1' 'Host: 127.0.0.1' 'User-Agent: netdx/0.1.0' 'Accept: */*' 'Connection: close' '' \
        'GET / HTTP/1.1' 'Host: 127.0.0.1' 'User-Agent: netdx/0.1.0' 'Accept: */*' 'Connection: close' '' \
        'GET /p HTTP/1.1' 'Host: localhost' 'User-Agent: netdx/0.1.0' 'Accept: */*' 'Connection: close')" ]
}

@test "version endpoints, whose bodies may be long" {
    python3 - <<'END'
import json
def page(name, body, kind="application/json"):
    with open(name, "wb") as file:
        file.write(b"HTTP/1.1 200 OK\r\nServer: front/1.0\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
                   % (kind.encode(), len(body)) + body.encode())
page("docker", json.dumps({"Platform": {"Name": "Docker Engine"}, "Components":
    [{"Name": "Engine", "Version": "24.0.5", "Details": {"a": "x" * 3000}},
     {"Name": "containerd", "Version": "1.6.21"}]}))
page("elastic", json.dumps({"name": "n" * 2000, "version": {"number": "8.9.1", "lucene_version": "9.7.0"},
    "tagline": "You Know, for Search"}))
page("prometheus", json.dumps({"status": "success", "data": {"version": "2.47.0", "goVersion": "go1.21.1"}}))
page("kubernetes", json.dumps({"gitVersion": "v1.27.3-gke.100"}))
END
    among "2375=file:docker 9200=file:elastic 9090=file:prometheus 80=file:kubernetes 6443=file:kubernetes" \
        '$NETDX banner --json 127.0.0.1:2375,9200,9090,6443 http://127.0.0.1:9200/
        $NETDX banner --json --protocol version 127.0.0.1:80 >version' 0
    is '[.targets[] | .protocol, [.products[] | "\(.name) \(.version)"]] == [
        "docker", ["Docker 24.0.5", "containerd 1.6.21", "front 1.0"],
        "elasticsearch", ["Elasticsearch 8.9.1", "Lucene 9.7.0", "front 1.0"],
        "prometheus", ["Prometheus 2.47.0", "Go 1.21.1", "front 1.0"],
        "kubernetes", ["Kubernetes 1.27.3", "front 1.0"],
        "elasticsearch", ["Elasticsearch 8.9.1", "Lucene 9.7.0", "front 1.0"]]'
    jq -e '.targets[0].products[0] | .name == "Kubernetes" and .distro == "gke.100"' version
}

@test "certificates: trusted by --ca-file and SSL_CERT_FILE, and all that is wrong with others" {
    openssl req -x509 -newkey rsa:1024 -nodes -days 3 -subj /CN=other.example -keyout key -out weak.crt 2>/dev/null
    cat weak.crt key >weak.pem
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -keyout key -out good.crt 2>/dev/null
    cat good.crt key >good.pem
    chmod a+r good.crt
    among "'443=tls:good.pem:HTTP/1.0 200 OK\\r\\nServer: a/1\\r\\n\\r\\n' \
        '8443=tls:weak.pem:HTTP/1.0 200 OK\\r\\nServer: b/2\\r\\n\\r\\n'" \
        '$NETDX banner --json localhost:443,8443 >untrusted; echo $?
        $NETDX banner --json --ca-file good.crt localhost:443 >file; echo $?
        SSL_CERT_FILE=good.crt $NETDX banner --json localhost:443 >environment; echo $?
        $NETDX banner --json --ca-file good.crt --cert-days 60 --sni "" localhost:443 >expiring; echo $?'
    [ "$output" = $'1\n0\n0\n1' ]
    jq -e '[.targets[].tls.problems] == [["tls.cert.self_signed"], ["tls.cert.expiring",
        "tls.cert.name_mismatch", "tls.cert.self_signed", "tls.cert.weak_key"]] and
        [.targets[].products[0].name] == ["a", "b"]' untrusted
    jq -e '.targets[0].tls.problems == []' file environment
    jq -e '.targets[0].tls.problems == ["tls.cert.expiring"]' expiring
}

@test "a proxy in the environment is not used, and -v says so" {
    among "'80=$http' 8080=close" 'export http_proxy=http://127.0.0.1:8080 HTTPS_PROXY=x
        $NETDX banner -v 127.0.0.1:80; $NETDX banner 127.0.0.1:80 2>quiet' 0
    [[ $output == *"http 200 OK  nginx 1.24.0"* ]]
    [[ $stderr == *"netdx banner: note: the proxy in http_proxy is not used"* ]]
    [[ $stderr == *"netdx banner: note: the proxy in HTTPS_PROXY is not used"* ]]
    [ ! -s quiet ]
}

@test "the deadline ends a run with what is known" {
    for format in json jsonl; do
        among "80=silent 8000=silent '8080=$http' '8081=$http'" \
            "\$NETDX banner -f $format -w 0.5 --parallel 2 127.0.0.1:8080,80,8081,8000" 2
        jq -es 'last | .interrupted and .elapsed_ms < 1500 and .answered == 2' <<<"$output"
        jq -es '[.[] | (.targets // [.])[] | .error.code // empty] == ["local.interrupted", "local.interrupted"]' \
            <<<"$output"
    done
    among "80=silent '81=$http'" '$NETDX banner -w 0.5 127.0.0.1:81,80' 2
    [ "$output" = '127.0.0.1:81  http 200 OK  nginx 1.24.0
127.0.0.1:80  local.interrupted: the run ended first' ]
}

@test "R12 SIGINT and SIGTERM give the results so far, at once, in every format" {
    for signal in INT:130 TERM:143; do
        among "80=silent '81=$http'" "begun=\$(date +%s%N)
            \$interrupt ${signal%:*} 0.5 \$NETDX banner --json 127.0.0.1:81,80 nosuch.test
            status=\$?; echo \$(((\$(date +%s%N) - begun) / 1000000)) >took; exit \$status" "${signal#*:}"
        is '.interrupted and .targets[0].products[0].version == "1.24.0" and
            .targets[1].error.code == "local.interrupted"'
        [ "$(cat took)" -lt 1500 ]
    done
    for format in text jsonl csv; do
        among "80=silent '81=$http'" "\$interrupt INT 0.5 \$NETDX banner -f $format 127.0.0.1:81,80" 130
        [[ $output == *nginx*local.interrupted* ]]
        [ $format != jsonl ] || jq -es 'length == 3 and .[2].interrupted' <<<"$output" >/dev/null
    done
}

@test "R10 a full disk is an error in every format" {
    for format in $formats; do
        for out in ">/dev/full" "-o /dev/full"; do
            among "'80=$http'" "\$NETDX banner -f $format 127.0.0.1:80 $out" 3
            [ -z "$output" ]
            [[ $stderr == *"netdx banner: writing the report failed: No space left on device"* ]]
        done
    done
    run --separate-stderr bash -c 'echo nginx | "$0" banner --identify http-server >/dev/full' "$NETDX"
    [ "$status" -eq 3 ]
    [[ $stderr == *"No space left on device"* ]]
}

@test "R11 a closed pipe ends it quietly and at once" {
    printf '127.1.0.%d:80\n' $(seq 254) >list
    for i in 1 2 3 4 5 6 7; do cat list list >longer; mv longer list; done
    for format in $formats; do
        among "'80=$http'" "set -o pipefail; \$NETDX banner -f $format --targets list | head -n 1" 141
        [ "$(wc -l <<<"$output")" -eq 1 ]
        [ -z "$stderr" ]
    done
}

@test "R22 10,000 targets with 64 descriptors, in the order of the input, in bounded memory" {
    seq 0 9999 | awk '{ printf "127.1.%d.%d:80 # %d\n", $1 / 250, $1 % 250 + 1, $1 }' >list
    among "'80=$http'" 'ulimit -n 64
        /usr/bin/time -q -f %M -o memory $NETDX banner -q -f csv --targets list' 0
    diff <(sed 's/:.*//' list) <(tail -n +2 <<<"$output" | cut -d, -f 2)
    [ "$(grep -c ',200,"nginx/1.24.0",' <<<"$output")" -eq 10000 ]
    [ "$(cat memory)" -lt 60000 ]
}

@test "R9, R22 100,000 addresses of a network: memory does not grow with them" {
    among "'80=$http'" '/usr/bin/time -q -f %M -o few $NETDX banner -q -f jsonl 127.1.0.0/20:9 >short
        /usr/bin/time -q -f %M -o many $NETDX banner -q -f jsonl --yes 127.2.0.0/15:9 >long
        tail -n 1 long; wc -l <long >lines'
    jq -e '.failed == 131072 and .answered == 0' <<<"$output"
    [ "$(cat lines)" -eq 131073 ]
    [ "$(cat many)" -lt $(($(cat few) + 4000)) ]
    run -3 "$NETDX" banner 127.2.0.0/20:9,10
    [[ $output == *'usage: target "127.2.0.0/20:9,10" has 8192 services; more than 4096 need --yes'* ]]
}

@test "results come in the order of completion as lines, and in the order of the input else" {
    among "80=silent '81=$http'" '$NETDX banner --jsonl --timeout 0.5 127.0.0.1:80,81 >lines
        $NETDX banner --json --timeout 0.5 127.0.0.1:80,81' 2
    is '[.targets[].port] == [80, 81]'
    jq -es '[.[].port // empty] == [81, 80]' lines
}

@test "dead targets: refused, silent, without a route, and who said so" {
    among "9=close" '$NETDX banner --json 127.0.0.1:10 192.0.2.1:80 [::1]:10' 2
    is '[.targets[].error | .code, .phase, .errno] == ["tcp.refused", "connect", "ECONNREFUSED",
        "tcp.unreachable.net", "connect", "ENETUNREACH", "tcp.refused", "connect", "ECONNREFUSED"]'
    run --separate-stderr timeout 60 "$NETDX" lab dead-target -- "$NETDX" banner --json -4 --timeout 1s server.lab:80
    [ "$status" -eq 2 ]
    is '.targets[0] | .error.code == "tcp.timed_out" and .timing_ms.total >= 1000 and .timing_ms.total < 2000'
    run --separate-stderr timeout 60 "$NETDX" lab unreachable -- "$NETDX" banner --json -4 --timeout 2s server.lab:80
    [ "$status" -eq 2 ]
    is '.targets[0].error | (.code | startswith("tcp.unreachable.")) and (.evidence.sender | length) > 0'
}

@test "R20, R21 names: what a resolver says is told apart, and one that is silent holds nothing up" {
    among "'80=$http' 53=close" 'coproc dns { $helpers/dns_server.py 60; }; read -r port <&${dns[0]}
        $NETDX banner --json --servers 127.0.0.1:$port nxdomain.test servfail.test 127.0.0.1:80; exit $?' 2
    is '.targets[2].error == null and ([.targets[0, 1].error.code] | all(startswith("dns.")))'
    among "'80=$http'" 'python3 -c "import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((\"\", 5353)); time.sleep(60)" & sleep 0.3
        $NETDX banner --jsonl --servers 127.0.0.1:5353 nosuch.test 127.0.0.1:80' 2
    jq -es '.[-1].elapsed_ms < 6000 and (.[] | select(.target == "nosuch.test") | .error.code == "dns.timeout")' \
        <<<"$output"
}

@test "R29, R30 no privilege is needed, and none is left" {
    cp "$NETDX" /tmp/netdx-banner-$$ && chmod 755 /tmp/netdx-banner-$$
    among "'80=$http' 81=silent" "\$nobody /tmp/netdx-banner-$$ banner --json 127.0.0.1:80" 0
    rm -f /tmp/netdx-banner-$$
    is '.privilege == "unprivileged" and .targets[0].products[0].version == "1.24.0"'
    [ -z "$stderr" ]
    among "81=silent" '$NETDX banner 127.0.0.1:81 >/dev/null & pid=$!
        for i in $(seq 100); do grep -q "^Seccomp:.2" /proc/$pid/status && break; sleep 0.05; done
        cat /proc/$pid/status; kill $pid; wait $pid' 143
    for set in Inh Prm Eff Amb Bnd; do grep -q "^Cap$set:.0000000000000000$" <<<"$output"; done
    grep -q '^NoNewPrivs:.1$' <<<"$output"
    grep -Pq '^Uid:\t65534\t65534\t65534\t65534$' <<<"$output"
}

@test "R31 closed descriptors, no /proc, no resolv.conf, odd surroundings, little memory" {
    for line in '$NETDX banner 127.0.0.1:80 <&-' '$NETDX banner 127.0.0.1:80 2>&-' \
        'mount -t tmpfs none /proc; $NETDX banner 127.0.0.1:80' \
        'mount --bind /dev/null /etc/resolv.conf; $NETDX banner 127.0.0.1:80' \
        'TERM=garbage LC_ALL=xx_YY $NETDX banner 127.0.0.1:80' 'env -i $NETDX banner 127.0.0.1:80'; do
        among "'80=$http'" "$line" 0
        [ "$output" = "127.0.0.1:80  http 200 OK  nginx 1.24.0" ]
    done
    among "'80=$http'" '$NETDX banner 127.0.0.1:80 >&-' 3
    [[ $stderr == *"writing the report failed: Bad file descriptor"* ]]
    among "'80=$http'" 'for kib in $(seq 20000 500 80000); do
            (ulimit -v $kib; exec $NETDX banner 127.0.0.1:80) >out 2>err && break
            [ -s err ] || { echo "silent at $kib"; exit 1; }
        done; cat out' 0
    [ "$output" = "127.0.0.1:80  http 200 OK  nginx 1.24.0" ]
}

@test "--identify is what netdx version identify does" {
    printf '%s\n' 'nginx/1.24.0' 'Apache/2.4.7 (Ubuntu) PHP/5.5.9-1ubuntu4.29' 'x\x1by/1' >banners
    run diff <("$NETDX" banner --identify http-server <banners) \
        <("$NETDX" version identify http-server <banners)
    [ "$status" -eq 0 ]
    run diff <("$NETDX" banner --identify http-server --escaped <banners) \
        <("$NETDX" version --escaped identify http-server <banners)
    [ "$status" -eq 0 ]
    [ "$("$NETDX" banner --identify http-server <banners | jq -c '[.products[].version]' | head -n 2)" = \
        $'["1.24.0"]\n["2.4.7","5.5.9"]' ]
    mkdir recog
    cat >recog/own.xml <<'END'
<fingerprints matches="http_header.server">
<fingerprint pattern="^odd server (\d+)$"><description>Odd</description>
<param pos="0" name="service.product" value="Odd"/><param pos="1" name="service.version"/></fingerprint>
</fingerprints>
END
    [ "$(echo 'odd server 7' | "$NETDX" banner --identify http-server --fingerprints recog |
        jq -r '.products[0] | "\(.name) \(.version) \(.fingerprint)"')" = "Odd 7 Odd" ]
    among "'80=hear:HTTP/1.1 200 OK\\r\\nServer: odd server 7\\r\\n\\r\\n'" \
        '$NETDX banner --json --fingerprints recog 127.0.0.1:80' 0
    is '.targets[0].products[0] | .name == "Odd" and .version == "7"'
}
