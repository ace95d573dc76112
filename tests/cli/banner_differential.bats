#!/usr/bin/env bats
# --differential: servers that one change alone cures, and what it says when none does.

setup()
{
    NETDX=$(realpath "${NETDX:-build/netdx}")
    PICKY=$BATS_TEST_DIRNAME/../helpers/picky.py
    export NETDX PICKY
    cd "$BATS_TEST_TMPDIR"
    . "$BATS_TEST_DIRNAME/tls.bash"
}

# The script $1 in a network namespace of its own, with `ask NAME ARGUMENT...`.
isolated()
{
    timeout 100 unshare -n bash -c ". $BATS_TEST_DIRNAME/started.bash"'
        ask()
        {
            local name=$1
            shift
            "$NETDX" banner --differential --timeout 1s --json "$@" >"$name.json"
            echo $? >"$name.status"
        }
        '"$1"
}

# What failed, and what cures it.
cures()
{
    jq -r '.targets[0] | (.error.code // "status \(.http.status)") + ": " +
        if .differential == null then "not asked"
        elif .differential.intermittent then "comes and goes"
        else .differential.cures | join(" ") end' "$1.json"
}

tried() # NAME CHANGE
{
    jq -r --arg change "$2" '.targets[0].differential.tries[] | select(.change == $change) |
        .code' "$1.json"
}

@test "one change of TLS cures: version, SNI, ALPN, or the size of the ClientHello" {
    isolated '
        start 7001 python3 "$PICKY" 7001:tls1.3 7002:alpn 7003:no-alpn 7004:large=210 7005:first \
            7006:none
        start 7011 openssl s_server -accept 7011 -cert cert.pem -key key.pem -tls1_1 \
            -cipher ALL@SECLEVEL=0 -www
        start 7012 openssl s_server -accept 7012 -cert cert.pem -key key.pem -www \
            -servername other.example -servername_fatal -cert2 cert.pem -key2 key.pem
        sni="--sni localhost"
        ask tls13 $sni https://127.0.0.1:7001/
        ask alpn --http2 $sni https://127.0.0.1:7002/
        ask noalpn $sni https://127.0.0.1:7003/
        ask large $sni https://127.0.0.1:7004/
        ask first $sni https://127.0.0.1:7005/
        ask fine $sni https://127.0.0.1:7006/
        ask old --method GET $sni https://127.0.0.1:7011/
        ask nosni --method GET $sni https://127.0.0.1:7012/
        "$NETDX" banner --differential -v --timeout 1s $sni https://127.0.0.1:7001/ >text; true'
    [ "$(cures tls13)" = "tcp.reset.after_client_hello: tls_1_2" ]
    [ "$(tried tls13 tls_1_3)" = tcp.reset.after_client_hello ]
    [ "$(tried tls13 tls_old)" = tls.version_mismatch ]
    [ "$(cures alpn)" = "tcp.reset.after_client_hello: alpn_off" ]
    [ "$(cures noalpn)" = "tcp.reset.after_client_hello: alpn_on" ]
    [ "$(cures large)" = "tls.timeout: small_hello" ]
    [ "$(cures first)" = "tcp.reset.after_client_hello: comes and goes" ]
    [ "$(cures fine)" = "status 200: not asked" ]
    [ "$(cures old)" = "tls.version_mismatch: tls_old" ]
    [ "$(cures nosni)" = "tls.alert.unrecognized_name: sni_off" ]
    [ "$(cat tls13.status)" -eq 2 ] # a cure does not make it well
    grep -q '^    differential: it works with TLS 1.2 alone$' text
    grep -q '^    and fails without SNI (tcp.reset.after_client_hello), ' text
}

@test "one change of the request cures: User-Agent, method, SNI for a name; or nothing does" {
    cat >nginx.conf <<CONF
daemon off; pid nginx.pid; error_log stderr; events {}
http {
    access_log access; client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t;
    uwsgi_temp_path t; scgi_temp_path t; ssl_certificate cert.pem; ssl_certificate_key key.pem;
    server { listen 127.0.0.1:7001;
             location / { if (\$http_user_agent ~ netdx) { return 403; } return 200 hi; } }
    server { listen 127.0.0.1:7002;
             location / { if (\$http_user_agent ~ netdx) { return 444; } return 200 hi; } }
    server { listen 127.0.0.1:7003;
             location / { if (\$request_method = HEAD) { return 405; } return 200 hi; } }
    server { listen 127.0.0.1:7004;
             location / { if (\$request_method = GET) { return 403; } return 200; } }
    server { listen 127.0.0.1:7005 ssl default_server; ssl_reject_handshake on; }
    server { listen 127.0.0.1:7005 ssl; server_name localhost; location / { return 200 hi; } }
    server { listen 127.0.0.1:7006; location / { return 503; } }
}
CONF
    isolated '
        start 7006 nginx -p . -c nginx.conf
        ask agent http://127.0.0.1:7001/
        ask silent http://127.0.0.1:7002/
        ask head --method HEAD http://127.0.0.1:7003/
        ask get --method GET http://127.0.0.1:7004/
        ask sni --host localhost https://127.0.0.1:7005/
        ask down http://127.0.0.1:7006/
        ask refused http://127.0.0.1:7007/; true'
    [ "$(cures agent)" = "status 403: user_agent" ]
    [ "$(cures silent)" = "http.no_response: user_agent" ]
    [ "$(cures head)" = "status 405: get" ]
    [ "$(cures get)" = "status 403: head" ]
    [ "$(cures sni)" = "tls.alert.unrecognized_name: sni_on" ]
    [ "$(cures down)" = "http.status.503: " ]
    [ "$(tried down user_agent)" = http.status.503 ]
    [ "$(cures refused)" = "tcp.refused: " ]
    [ "$(jq '.targets[0].differential.tries | length' refused.json)" -eq 1 ]
    # Each change once: nginx saw no more than the change, its control and the first tries.
    [ "$(grep -c . access)" -le 30 ]
    [ "$(grep -c Firefox access)" -ge 2 ]
}

@test "the other address family cures" {
    isolated '
        start 7001 openssl s_server -6 -accept "[::1]:7001" -cert cert.pem -key key.pem -www
        ask family localhost:7001 --tls always --protocol http --method GET
        ask bound localhost:7001 --tls always --protocol http --method GET -4; true'
    v4='.targets[] | select(.address == "127.0.0.1")'
    [ "$(jq -c "$v4 | .differential.cures" family.json)" = '["family"]' ]
    [ "$(jq -c "$v4 | .differential.cures" bound.json)" = '[]' ] # -4 allows no other
}
