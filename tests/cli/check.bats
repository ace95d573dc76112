#!/usr/bin/env bats
# netdx check against a real nginx and services that fail, as a monitoring system sees it.

bats_require_minimum_version 1.5.0

setup_file()
{
    export CERTIFICATES=$BATS_FILE_TMPDIR/certificates
    mkdir "$CERTIFICATES"
    pushd "$CERTIFICATES"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=authority \
        -days 400 -keyout ca.key -out ca.pem 2>/dev/null
    certificate good server.test 90
    certificate soon server.test 3
    certificate past server.test -2
    certificate other other.test 90
    popd
}

# certificate FILE NAME DAYS: days below 0 are in the past.
certificate()
{
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" \
        -keyout "$1.key" -out "$1.csr" 2>/dev/null
    mkdir -p new && : >new/index && echo 01 >new/serial
    printf '[ca]\ndefault_ca=x\n[x]\ndatabase=new/index\nserial=new/serial\nnew_certs_dir=new\n' >new/ca
    printf 'default_md=sha256\npolicy=p\nx509_extensions=e\nunique_subject=no\n[p]\nCN=supplied\n' >>new/ca
    printf '[e]\nsubjectAltName=DNS:%s\n' "$2" >>new/ca
    # An hour is added, so that a whole number of days is left while the test runs.
    openssl ca -batch -notext -config new/ca -cert ca.pem -keyfile ca.key -in "$1.csr" -out "$1.pem" \
        -startdate "$(date -u -d '-30 days' +%Y%m%d%H%M%SZ)" \
        -enddate "$(date -u -d "$3 days 1 hour" +%Y%m%d%H%M%SZ)" 2>/dev/null
    rm -r new
}

setup()
{
    NETDX=$(realpath "${NETDX:-build/netdx}")
    helpers=$(realpath "$BATS_TEST_DIRNAME/../helpers")
    cd "$BATS_TEST_TMPDIR"
    upstream=$(dpkg-query -W -f '${Version}' nginx | sed -E 's/^[0-9]+://; s/-.*//')
}

tls_server()
{
    printf 'server { listen %s ssl; ssl_certificate %s.pem; ssl_certificate_key %s.key;\n location / { return 200 fine; } }\n' \
        "$1" "$CERTIFICATES/$2" "$CERTIFICATES/$2"
}

# nginx LINE...: the lines run beside an nginx, alone on a loopback.
beside_nginx()
{
    {
        printf 'daemon off; pid nginx.pid; error_log error.log; events { }\nhttp { access_log access.log;\n'
        printf '%s_temp_path temp;\n' client_body proxy fastcgi uwsgi scgi
        printf 'server { listen 80; listen [::1]:80; location / { return 200 fine; }\n'
        printf 'location /busy { return 503; } location /gone { return 404; } }\n'
        tls_server 443 good
        tls_server 444 soon
        tls_server 445 past
        tls_server 446 other
        echo '}'
    } >nginx.conf
    NETDX=$NETDX helpers=$helpers CERTIFICATES=$CERTIFICATES timeout 60 unshare -n bash -c '
        ip link set lo up
        nginx -p "$PWD" -c "$PWD/nginx.conf" 2>start.log & server=$!
        trap "kill $server; wait $server" EXIT
        for i in $(seq 100); do ss -Hltn | grep -q ":446 " && break; sleep 0.05; done
        '"$1"
}

# plugin FILTER: the output, as an independent reader of plugins' output has it, passes jq's filter.
plugin()
{
    "$helpers/plugin_output.py" <<<"$output" >plugin.json
    jq -e "$1" plugin.json >/dev/null || { echo "$output"; cat plugin.json; false; }
}

@test "one service: its level, status and version, and performance data" {
    run beside_nginx '"$NETDX" check --warn 1s --crit 5s 127.0.0.1:80'
    [ "$status" -eq 0 ]
    [[ "$output" == "OK 127.0.0.1:80 200 nginx $upstream | connect=0.0"*"s;1;5;0 "* ]]
    plugin '.level == "OK" and .lines == [] and (.data | keys) == ["connect", "first_byte", "total"]
        and all(.data[]; .unit == "s" and .warn == "1" and .crit == "5" and .min == "0")
        and (.data | (.connect.value | tonumber) <= (.first_byte.value | tonumber)
            and (.first_byte.value | tonumber) <= (.total.value | tonumber))'
}

@test "the time is judged, and it is the one that is printed" {
    run beside_nginx '"$NETDX" check --warn 1us --crit 10s 127.0.0.1:80'
    [ "$status" -eq 1 ]
    plugin '.level == "WARNING" and (.text | test("took [0-9.]+m?u?s, the limit is 1us \\(check.slow\\)$"))'
    run beside_nginx '"$NETDX" check --warn 1us --crit 2us 127.0.0.1:80'
    [ "$status" -eq 2 ]
    plugin '.level == "CRITICAL"'
}

@test "versions are expected" {
    run beside_nginx '"$NETDX" check --expect "nginx>=1.0" --expect "nginx!=1.0.1" 127.0.0.1:80'
    [ "$status" -eq 0 ]
    rm access.log
    run beside_nginx '"$NETDX" check --expect "nginx>=99.1" 127.0.0.1:80'
    [ "$status" -eq 2 ]
    [[ "$output" == "CRITICAL 127.0.0.1:80 200 nginx $upstream: nginx>=99.1 is not met by nginx $upstream (check.version) |"* ]]
    [ "$(grep -c . access.log)" -eq 1 ] # it was not tried again
    run beside_nginx '"$NETDX" check --expect "Apache>=2.4" 127.0.0.1:80'
    [ "$status" -eq 3 ]
    plugin '.level == "UNKNOWN" and (.text | contains("no product has that name"))'
    # A certain failure outweighs what cannot be told.
    run beside_nginx '"$NETDX" check --retries 0 --expect "Apache>=2.4" http://127.0.0.1/gone'
    [ "$status" -eq 2 ]
}

@test "statuses are asked for" {
    run beside_nginx '"$NETDX" check http://127.0.0.1/gone'
    [ "$status" -eq 2 ]
    plugin '.text | startswith("CRITICAL http://127.0.0.1/gone 404 nginx ")'
    run beside_nginx '"$NETDX" check --status 200-299,404 http://127.0.0.1/gone'
    [ "$status" -eq 0 ]
}

@test "a status of 500 is tried again, with twice the wait each time" {
    run beside_nginx '"$NETDX" check --retries 2 --backoff 150ms http://127.0.0.1/busy
        s=$?; sed -n "s/.*\"HEAD.* 503 .*/asked/p" access.log; exit $s'
    [ "$status" -eq 2 ]
    [ "$(grep -c ^asked <<<"$output")" -eq 3 ]
    [[ "$output" == *"(http.status.503), 3 tries |"* ]]
    run beside_nginx '"$NETDX" check --json --retries 2 --backoff 150ms http://127.0.0.1/busy'
    jq -e '.elapsed_ms >= 450 and .elapsed_ms < 5000 and .targets[0].tries == 3
        and .targets[0].http.status == 503' <<<"$output"
    run beside_nginx '"$NETDX" check --status 503 --backoff 150ms http://127.0.0.1/busy'
    [ "$status" -eq 0 ]
    [[ "$output" != *tries* ]]
}

@test "a dead port is critical after all tries" {
    run beside_nginx '"$NETDX" check --retries 2 --backoff 10ms 127.0.0.1:81'
    [ "$status" -eq 2 ]
    [[ "$output" == "CRITICAL 127.0.0.1:81: Connection refused (tcp.refused), 3 tries |"* ]]
    plugin 'all(.data[]; .value == "U")'
    run beside_nginx '"$NETDX" check --retries 0 127.0.0.1:81'
    [[ "$output" == "CRITICAL 127.0.0.1:81: Connection refused (tcp.refused) |"* ]]
}

@test "a server that comes up late is found by a later try" {
    run beside_nginx '(sleep 0.4; exec timeout 5 python3 -m http.server -b 127.0.0.1 8000 >/dev/null 2>&1) &
        "$NETDX" check --retries 5 --backoff 200ms 127.0.0.1:8000; s=$?; kill %2; exit $s'
    [ "$status" -eq 0 ]
    [[ "$output" =~ ^OK\ 127.0.0.1:8000\ 200\ SimpleHTTP,\ Python\ [0-9.]+,\ ([2-6])\ tries\ \| ]]
}

@test "certificates: good, about to expire, expired, for another name" {
    tls='"$NETDX" check --ca-file $CERTIFICATES/ca.pem --sni server.test'
    run beside_nginx "$tls 127.0.0.1:443"
    [ "$status" -eq 0 ]
    plugin '.data.cert_days == {value: "90", unit: "", warn: "7:", crit: "0:", min: null, max: null}
        and (.data | keys) == ["cert_days", "connect", "first_byte", "tls", "total"]'
    run beside_nginx "$tls --cert-days 91 127.0.0.1:443"
    [ "$status" -eq 1 ]
    plugin '(.text | contains("the certificate expires in 90 days (tls.cert.expiring)"))
        and .data.cert_days.warn == "91:"'
    run beside_nginx "$tls 127.0.0.1:444"
    [ "$status" -eq 1 ]
    plugin '(.text | contains("in 3 days")) and .data.cert_days.value == "3"'
    run beside_nginx "$tls 127.0.0.1:445"
    [ "$status" -eq 2 ]
    plugin '(.text | contains("the certificate has expired (tls.cert.expired)"))
        and .data.cert_days.value == "-2" and (.text | contains(" nginx "))'
    run beside_nginx "$tls 127.0.0.1:446"
    [ "$status" -eq 2 ]
    plugin '.text | contains("(tls.cert.name_mismatch)")'
}

@test "a certificate that nobody trusts is what the user says it is" {
    for level in ok:0 warning:1 critical:2; do
        run beside_nginx '"$NETDX" check --sni server.test --distrust '"${level%:*}"' 127.0.0.1:443'
        [ "$status" -eq "${level#*:}" ]
    done
    [[ "$output" == *"(tls.cert."* ]]
}

@test "several services: a summary, a line each, the worst wins, no label twice" {
    run beside_nginx '"$NETDX" check --retries 0 127.0.0.1:80 "[::1]:80" 127.0.0.1:81 http://127.0.0.1/gone'
    [ "$status" -eq 2 ]
    plugin '.level == "CRITICAL" and .text == "CRITICAL 4 services: 2 critical, 2 ok"
        and (.lines | map(split(" ")[0:2])) == [["OK", "127.0.0.1:80"], ["OK", "[::1]:80"],
            ["CRITICAL", "127.0.0.1:81:"], ["CRITICAL", "http://127.0.0.1/gone"]]
        and (.data | length) == 12 and .data["127.0.0.1:81 connect"].value == "U"
        and .data["[::1]:80 total"].unit == "s"'
    run beside_nginx '"$NETDX" check --retries 0 127.0.0.1:80 nosuch:http'
    [ "$status" -eq 3 ] # the largest number
}

@test "every address of a name is checked" {
    run beside_nginx 'printf "127.0.0.2 pair.test\n127.0.0.3 pair.test\n" >hosts
        unshare -m bash -c "mount --bind hosts /etc/hosts
        \"$NETDX\" check --retries 0 pair.test:80"'
    [ "$status" -eq 0 ]
    plugin '(.lines | sort | map(split(" ")[1:3])) == [["pair.test:80", "(127.0.0.2)"],
            ["pair.test:80", "(127.0.0.3)"]]
        and (.data | has("pair.test:80 127.0.0.3 connect"))'
}

@test "nothing from outside gets into the performance data or the terminal" {
    run beside_nginx 'python3 -c "
import socket
server = socket.create_server((\"127.0.0.1\", 8000))
for answer in range(2):
    peer = server.accept()[0]
    peer.recv(4096)
    peer.sendall(b\"HTTP/1.1 200 OK\r\nServer: a|b=1;;;0 \x1b[31m/2|3\r\nContent-Length: 0\r\n\r\n\")
    peer.close()
" & for i in $(seq 100); do ss -Hltn | grep -q ":8000 " && break; sleep 0.05; done
        "$NETDX" check --expect "a|b=1" 127.0.0.1:8000; s=$?; wait %2; exit $s'
    plugin '(.data | keys) == ["connect", "first_byte", "total"] and (.text | contains("\\x7c"))'
    run "$NETDX" check --retries 0 'a|b=1' "x'y z"
    [ "$status" -eq 3 ]
    plugin '.level == "UNKNOWN"'
}

@test "wrong usage is unknown, on standard output too, where monitoring systems look" {
    run --separate-stderr "$NETDX" check --retries 101 127.0.0.1
    [ "$status" -eq 3 ]
    [ "$output" = 'UNKNOWN retries "101" is out of range (0 to 100)' ]
    [[ "$stderr" == 'netdx check: retries "101" is out of range (0 to 100)'* ]]
    for list in '' 99 600 200- 399-200 2xx 200,; do
        run --separate-stderr "$NETDX" check --status "$list" 127.0.0.1
        [ "$status" -eq 3 ]
        [[ "$stderr" == "netdx check: status \"$list\" is not a list of statuses from 100 to 599"* ]]
    done
    run --separate-stderr "$NETDX" check --expect 'nginx>>1' 127.0.0.1
    [[ "$stderr" == 'netdx check: expectation "nginx>>1" column '* ]]
    run --separate-stderr "$NETDX" check --warn 2s --crit 1s 127.0.0.1
    [[ "$stderr" == 'netdx check: --warn is longer than --crit'* ]]
}

@test "the deadline ends it, and what has not answered is critical" {
    run beside_nginx 'nft "add table ip t; add chain ip t in { type filter hook input priority 0; }
            add rule ip t in ip daddr 127.0.0.9 drop"
        "$NETDX" check --json -w 300ms --retries 0 127.0.0.1:80 127.0.0.9:80'
    [ "$status" -eq 2 ]
    jq -e '.interrupted and .level == "critical" and .elapsed_ms < 3000
        and (.targets | map(.level)) == ["ok", "critical"]' <<<"$output"
}

@test "lines of JSON come as services are done" {
    run beside_nginx '"$NETDX" check --jsonl --retries 1 --backoff 200ms 127.0.0.1:81 127.0.0.1:80'
    [ "$status" -eq 2 ]
    jq -se 'map(.event) == ["check", "check", "summary"] and map(.port) == [80, 81, null]
        and map(.level) == ["ok", "critical", "critical"] and .[1].tries == 2
        and .[2].services == {ok: 1, warning: 0, critical: 1, unknown: 0}
        and .[1].findings == [{level: "critical", code: "tcp.refused", detail: "Connection refused"}]' \
        <<<"$output"
}
