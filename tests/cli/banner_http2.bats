#!/usr/bin/env bats
# HTTP/2: real servers of the distribution, and servers that say bytes written after RFC 9113.

setup()
{
    NETDX=$(realpath "${NETDX:-build/netdx}")
    SAYS=$BATS_TEST_DIRNAME/../helpers/says.py
    export NETDX SAYS
    cd "$BATS_TEST_TMPDIR"
    . "$BATS_TEST_DIRNAME/tls.bash"
}

# The script $1 in a network namespace of its own.
isolated()
{
    timeout 60 unshare -n bash -c ". $BATS_TEST_DIRNAME/started.bash; $1"
}

first()
{
    jq -r '.targets[0] | [.error.code // "-", .http.version // "-", .http.status // "-",
        .products[0].name // "-", .products[0].version // "-", .tls.alpn // "-",
        (.notes | join(","))] | join(" ")' "$1"
}

hex()
{
    od -An -v -tx1 | tr -d ' \n'
}

upstream() # PACKAGE: its upstream version
{
    dpkg-query -W -f '${Version}' "$1" | sed 's/^[0-9]*://; s/-[^-]*$//; s/[+~].*//'
}

@test "nghttpd and nginx speak HTTP/2: by ALPN, by prior knowledge, or HTTP/1.1 where it is not asked" {
    mkdir www
    echo hello >www/index.html
    cat >nginx.conf <<CONF
daemon off; pid nginx.pid; error_log stderr; events {}
http {
    access_log access; client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t;
    uwsgi_temp_path t; scgi_temp_path t;
    server { listen 127.0.0.1:8443 ssl http2; ssl_certificate cert.pem;
              ssl_certificate_key key.pem; location / { return 200 hi; } }
    server { listen 127.0.0.1:9443 ssl; ssl_certificate cert.pem;
              ssl_certificate_key key.pem; location / { return 200 hi; } }
}
CONF
    isolated '
        start 8081 nghttpd -a 127.0.0.1 --no-tls -d www 8081
        start 4443 nghttpd -a 127.0.0.1 -d www 4443 key.pem cert.pem
        start 8443 nginx -p . -c nginx.conf
        export SSL_CERT_FILE=cert.pem
        "$NETDX" banner --json --http2 https://127.0.0.1:4443/ --sni localhost >nghttpd.json
        "$NETDX" banner --json --http2 https://127.0.0.1:8443/ --sni localhost >nginx.json
        "$NETDX" banner --json --http2 https://127.0.0.1:9443/ --sni localhost >old.json
        "$NETDX" banner --json https://127.0.0.1:8443/ --sni localhost >http1.json
        "$NETDX" banner --json --http2-prior-knowledge http://127.0.0.1:8081/ >plain.json
        "$NETDX" banner --json --http2-prior-knowledge http://127.0.0.1:8081/none >none.json
        "$NETDX" banner --json http://127.0.0.1:8081/ >asked1.json
        "$NETDX" banner --http2 https://127.0.0.1:8443/ --sni localhost >text; true'
    nghttp2=$(upstream nghttp2-server) nginx=$(upstream nginx)
    [ "$(first nghttpd.json)" = "- 2 200 nghttpd - h2 " ]
    [ "$(jq -r '.targets[0].products[1] | .name + " " + .version' nghttpd.json)" = "nghttp2 $nghttp2" ]
    [ "$(first nginx.json)" = "- 2 200 nginx $nginx h2 " ]
    [ "$(first old.json)" = "- 1.1 200 nginx $nginx http/1.1 h2.alpn_missing" ]
    [ "$(first http1.json)" = "- 1.1 200 nginx $nginx - " ]
    [ "$(first plain.json)" = "- 2 200 nghttpd - - " ]
    [ "$(first none.json)" = "- 2 404 nghttpd - - " ]
    [ "$(first asked1.json)" = "http.not_http.http2 - - - - - " ]
    grep -q "http/2+tls 200" text
    # The servers' own word for it.
    [ "$(grep -c '"HEAD / HTTP/2.0" 200' access)" -eq 2 ]
    [ "$(grep -c '"HEAD / HTTP/1.1" 200' access)" -eq 2 ]
}

@test "every way in which HTTP/2 fails has its code" {
    settings="000000040000000000"
    cat >says <<SAYS
4001 h2 hold $settings 00000b070000000000 00000000 0000000b 63616c
4002 h2 hold $settings 00000807000000000000000000 00000000
4003 h2 hold $settings 0000040300000000010000000d
4004 h2 close $(printf 'HTTP/1.1 400 Bad Request\r\nServer: nginx/1.22.1\r\nContent-Length: 0\r\n\r\n' | hex)
4005 h2 hold $settings 004001000000000001
4006 h2 hold
4007 h2 close $settings
4008 h2 hold $settings 00000101040000000188 0000050000000000016865
4009 - close $(printf 'HTTP/1.1 200 OK\r\nServer: x/1\r\nContent-Length: 0\r\n\r\n' | hex)
4010 plain close $settings 00000101050000000188
SAYS
    isolated '
        start 4010 python3 "$SAYS" says
        for p in {4001..4009}; do
            "$NETDX" banner --json --timeout 1s --http2 --body-limit 10 "https://127.0.0.1:$p/" >$p.json
        done
        "$NETDX" banner --json --http2-prior-knowledge http://127.0.0.1:4010/ >4010.json; true'
    [ "$(first 4001.json)" = "h2.goaway.enhance_your_calm - - - - h2 " ]
    [ "$(jq -r .targets[0].error.detail 4001.json)" = \
        'the server ends the connection with ENHANCE_YOUR_CALM, "cal"' ]
    [ "$(jq .targets[0].error.evidence.offset 4001.json)" -eq 9 ]
    [ "$(first 4002.json)" = "h2.goaway.no_error - - - - h2 " ]
    [ "$(first 4003.json)" = "h2.rst_stream.http_1_1_required - - - - h2 " ]
    [ "$(first 4004.json)" = "h2.http1_reply 1.1 400 nginx 1.22.1 h2 " ]
    [ "$(first 4005.json)" = "h2.protocol - - - - h2 " ]
    [ "$(first 4006.json)" = "h2.settings_timeout - - - - h2 " ]
    [ "$(first 4007.json)" = "http.truncated.headers - - - - h2 " ]
    [ "$(first 4008.json)" = "http.timeout 2 200 - - h2 " ]
    [ "$(first 4009.json)" = "- 1.1 200 x 1 - h2.alpn_missing" ]
    [ "$(first 4010.json)" = "- 2 200 - - - " ]
}
