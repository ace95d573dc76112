#!/usr/bin/env bats
# netdx banner among services that mean harm: memory, time and output stay within bounds.

bats_require_minimum_version 1.5.0

setup()
{
    NETDX=$(realpath "${NETDX:-build/netdx}")
    cd "$BATS_TEST_TMPDIR"
}

# scenario SERVICES
scenario()
{
    printf 'name: hostile\nserver: {services: [%s]}\npath: [{}, {}]\n' "$1" >hostile.yaml
}

# banner ARGUMENT...: in the lab; what it says in "out", its peak memory and its time in "cost"
banner()
{
    timeout 60 "$NETDX" lab ./hostile.yaml -- \
        /usr/bin/time -f '%M %e' -o cost timeout 50 "$NETDX" banner "$@" >out 2>err || true
}

# costs KILOBYTES SECONDS: what the run may have taken at most
costs()
{
    tail -n 1 cost # said when it fails
    awk -v kb="$1" -v s="$2" 'END { exit !($1 > 0 && $1 <= kb && $2 <= s) }' cost
}

code()
{
    jq -r '.targets[].error.code' out
}

# Nothing but text: no control character, none of C1 (in UTF-8: C2 80 to C2 9F), valid UTF-8.
is_clean()
{
    [ -s "$1" ]
    run ! grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$1"
    iconv -f UTF-8 -t UTF-8 "$1" >/dev/null
}

@test "headers without end" {
    scenario '{script: {port: 81, steps: [{wait: any, send: "HTTP/1.1 200 OK\r\n"}, {send: "X-More: and more\r\n", times: 1gb}]}},
        {script: {port: 82, steps: [{wait: any, send: "HTTP/1.1 200 OK\r\nX: "}, {send: "one line without end", times: 1gb}]}},
        {script: {port: 83, steps: [{wait: any, send: "HTTP/1.1 100 Continue\r\n\r\n", times: 1gb}]}},
        {script: {port: 84, steps: [{wait: any, send: "HTTP/1.1 200 OK\r\nX: 1\r\n"}, {send: " folded\r\n", times: 1gb}]}}'
    banner --json --protocol http -p 81-84 --timeout 5s server.lab
    [ "$(code | sort -u)" = http.too_large ]
    [ "$(code | wc -l)" -eq 8 ]
    costs 40000 5
}

@test "a byte a second ends when the answer's time does" {
    scenario '{script: {port: 81, steps: [{wait: any, send: "HTTP/1.1 200 OK\r\nServer: slow\r\n", drip: 1s}]}},
        {script: {port: 82, tls: {}, steps: [{wait: any, send: "HTTP/1.1 200 OK\r\nServer: slow\r\n", drip: 1s}]}},
        {script: {port: 83, steps: [{wait: any, hex: "16 03 03 00 7a 02 00 00 76 03 03", drip: 1s}]}},
        {script: {port: 84, steps: [{send: "220-slow and slower", drip: 1s}]}},
        {script: {port: 85, steps: [{wait: any, send: "HTTP/1.1 302 Found\r\nLocation: /on\r\n", drip: 1s}]}}'
    banner -4 --json -p 81 --protocol http --timeout 2s server.lab
    [ "$(code)" = http.timeout ]
    costs 40000 3
    banner -4 --json -p 82,83 --protocol http --tls always --timeout 2s server.lab
    [ "$(code | xargs)" = 'http.timeout tls.timeout' ]
    costs 40000 3
    banner -4 --json -p 84 --protocol smtp --timeout 2s server.lab
    [ "$(code)" = banner.timeout ]
    costs 40000 3
    banner -4 --json -p 85 --protocol http --follow 10 --timeout 2s server.lab
    [ "$(code)" = http.timeout ]
    costs 40000 3
}

@test "bodies of a gigabyte are not waited for" {
    scenario '{http: {port: 81, size: 1gb}}, {script: {port: 82, steps: [{wait: any,
        send: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"}, {send: "4\r\nabcd\r\n", times: 1gb}]}},
        {script: {port: 83, steps: [{wait: any, send: "HTTP/1.0 200 OK\r\n\r\n"}, {send: "no length", times: 1gb}]}},
        {script: {port: 84, tls: {}, steps: [{wait: any, send: "HTTP/1.0 200 OK\r\n\r\n"}, {send: "no length", times: 1gb}]}},
        {script: {port: 85, steps: [{wait: any, send: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"}, {send: "Trailer: more\r\n", times: 1gb}]}}'
    banner -4 --json -p 81-83 --protocol http --method GET --body-limit 100000 server.lab
    [ "$(code | sort -u)" = null ]
    costs 40000 5
    banner -4 --json -p 84 --protocol http --tls always --method GET --body-limit 100000 server.lab
    [ "$(code)" = null ]
    costs 40000 5
    banner -4 --json -p 85 --protocol http --method GET --body-limit 100000 --timeout 2s server.lab
    [ "$(code)" = http.timeout ]
    costs 40000 3
}

@test "200 hostile services at once take no more than their shares" {
    scenario '{script: {port: 81, steps: [{wait: any, send: "HTTP/1.1 200 OK\r\nX: "}, {send: "0123456789abcdef0123456789abcdef", times: 1gb}]}}'
    for _ in $(seq 200); do echo 10.99.0.2:81; done >targets
    banner --json --protocol http --timeout 5s --targets targets
    [ "$(code | sort | uniq -c | xargs)" = '200 http.too_large' ]
    costs 100000 20
}

@test "compressed bodies stay compressed" {
    # Who would decompress it finds a product, and then five megabytes of nothing.
    text='{"name": "x", "cluster_name": "y", "version": {"number": "8.11.1"}, "tagline": "You Know, for Search"}'
    python3 - "$text" >bomb <<'PYTHON'
import gzip, sys
print(gzip.compress(sys.argv[1].encode() + b" " * 5 * 10**6).hex(" "))
PYTHON
    scenario "{script: {port: 9200, steps: [{wait: any, send: \"HTTP/1.1 200 OK\\r\\nContent-Encoding: gzip\\r\\n\\r\\n\"},
        $(fold -w 600 bomb | sed 's/.*/{hex: "&"},/') {end: close}]}},
        {script: {port: 9202, steps: [{wait: any, send: \"HTTP/1.1 200 OK\\r\\n\\r\\n\"}, {send: '$text'}]}}"
    banner -4 --json -p 9200,9202 --protocol elasticsearch --body-limit 1000000 server.lab
    [ "$(code | xargs)" = 'null null' ]
    [ "$(jq -c '[.targets[].products[].version]' out)" = '["8.11.1"]' ]
    costs 40000 3
}

@test "escapes from the network reach no terminal, from whatever field" {
    bad='\e[31m\e]0;owned\a\u009b31m\x7f\x08'
    scenario "{script: {port: 81, steps: [{wait: any, send: \"HTTP/1.1 200 O$bad\\r\\nServer: nginx/1.24.0$bad\\r\\nX-$bad: $bad\\r\\nX-Powered-By: PHP/8.1$bad\\r\\nVia: 1.1 proxy$bad\\r\\n\\r\\n\"}]}},
        {script: {port: 82, steps: [{wait: any, send: \"HTTP/1.1 302 Found\\r\\nLocation: http://x$bad/$bad\\r\\n\\r\\n\"}]}},
        {script: {port: 83, steps: [{wait: any, send: \"HTTP/1.1 302 Found\\r\\nLocation: javascript:$bad\\r\\n\\r\\n\"}]}},
        {script: {port: 84, steps: [{wait: any, send: \"HTTP/1.1 502 $bad\\r\\nServer: $bad\\r\\n\\r\\n\"}]}},
        {script: {port: 85, steps: [{wait: any, send: \"HTTP/1.1 $bad\\r\\n\\r\\n\"}]}},
        {script: {port: 86, steps: [{wait: any, send: \"HTTP/1.1 302 Found\\r\\nLocation: /$bad?$bad\\r\\nSet-Cookie: a=$bad\\r\\n\\r\\n\"}]}},
        {script: {port: 22, steps: [{send: \"SSH-2.0-OpenSSH_9.2p1$bad\\r\\n\"}]}},
        {script: {port: 25, steps: [{send: \"220-mail$bad\\r\\n220 ESMTP Postfix $bad\\r\\n\"}]}},
        {script: {port: 3306, steps: [{hex: \"15 00 00 00 0a\", end: hold}]}},
        {script: {port: 6379, steps: [{wait: any, send: \"-ERR $bad\\r\\n\"}]}}"
    for format in text json jsonl csv; do
        for ports in 81-86 22,25,6379 81-86,22,25; do
            banner -4 --format $format -v --follow 3 --color never -p $ports $([[ $ports = 81-86 ]] && echo --protocol http) server.lab
            is_clean out
            [ ! -s err ] || is_clean err
        done
    done
    grep -q owned out # the text itself is shown
}

@test "escapes in certificates reach no terminal" {
    bad=$'\e[31m\e]0;owned\a'
    printf '[req]\ndistinguished_name=d\nprompt=no\nstring_mask=utf8only\n[d]\nCN=x%s\nO=%s\n' "$bad" "$bad" >config
    printf '[e]\nsubjectAltName=DNS:y%s,DNS:z\n' "$bad" >>config
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -config config -extensions e \
        -keyout key -out certificate -days 30 2>openssl.err
    scenario ''
    timeout 60 "$NETDX" lab ./hostile.yaml -- sh -c '
        openssl s_server -quiet -accept 4433 -key key -cert certificate -www &
        for i in 1 2 3 4 5 6 7 8 9 10; do
            '"$NETDX"' banner -v -p 4433 --protocol http --tls always --color never 127.0.0.1 >out
            grep -q refused out || break
            sleep 0.3
        done
        '"$NETDX"' banner --json -p 4433 --protocol http --tls always 127.0.0.1 >json; true'
    is_clean out
    is_clean json
    grep -q 'certificate .*owned' out
    jq -e '.targets[0].tls.certificate.names[0] | contains("owned")' json
}

@test "ten thousand names in a certificate" {
    scenario '{script: {port: 443, tls: {certificate: many-names}, steps: [{wait: request, send: "HTTP/1.1 200 OK\r\n\r\n"}]}}'
    banner -4 --json -p 443 server.lab
    [ "$(jq '.targets[0].tls.certificate | .names_total, (.names | length)' out | xargs)" = '10000 64' ]
    [ "$(jq -c '.targets[0].tls.problems' out)" = '[]' ]
    costs 60000 3
    banner -4 -v -p 443 server.lab
    [ "$(wc -c <out)" -lt 2000 ]
}

@test "a neighbour that does not answer is not a host behind a router" {
    run timeout 30 unshare -n sh -c "ip link set lo up; ip link add d0 type veth peer name d1
        ip address add 192.0.2.1/24 dev d0; ip link set d0 up; ip link set d1 up
        '$NETDX' banner --json --timeout 8s -p 80 192.0.2.2"
    [ "$(jq -r '.targets[0].error.code' <<<"$output")" = tcp.unreachable.neighbour ]
}
