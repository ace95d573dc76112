#!/usr/bin/env bats
# netdx banner against real servers: what it says is what the package manager installed.

bats_require_minimum_version 1.5.0

setup()
{
    NETDX=$(realpath "${NETDX:-build/netdx}")
}

# among LINE: run by bash where servers.bash has been sourced; its processes end with it.
among()
{
    run --separate-stderr timeout 100 unshare -mnpf --kill-child --mount-proc env NETDX="$NETDX" \
        bash -c ". '$BATS_TEST_DIRNAME/servers.bash'; $1" 3>&-
    [ "$status" -eq "${2:-0}" ] || { echo "status $status"; echo "$output"; echo "$stderr"; false; }
}

# upstream PACKAGE: its version without epoch and revision.
upstream()
{
    # shellcheck disable=SC2016 # dpkg's own variable
    dpkg-query -W -f '${Version}\n' "$1" | sed 's/^[0-9]*://; s/-[^-]*$//; s/[+~]dfsg.*//; s/[+]ds.*//'
}

# names N PRODUCT PACKAGE: the N-th target is without failure and names the product, in its version.
names()
{
    local wanted
    wanted=$(upstream "$3")
    [ -n "$wanted" ]
    jq -e --argjson n "$1" --arg name "$2" --arg version "$wanted" '.targets[$n] | .error == null and
        any(.products[]; .name == $name and .version == $version)' <<<"$output" >/dev/null ||
        { echo "$2 $wanted is not in"; jq ".targets[$1]" <<<"$output"; false; }
}

# holds FILTER: jq's, of the document.
holds()
{
    jq -e "$1" <<<"$output" >/dev/null || { echo "$1"; jq . <<<"$output"; false; }
}

@test "nginx, with and without TLS, and its redirects" {
    among 'nginx_on 80 443
        $NETDX banner --json --ca-file $work/tls.crt --follow 3 localhost:80,443 \
            http://localhost/moved http://localhost/secure'
    for n in 0 1 2 3; do names $n nginx nginx; done
    holds '.targets[0] | .protocol == "http" and .tls == null and .http.version == "1.1"
        and .http.status == 200 and .timing_ms.connect > 0 and .wire.syn_rtt_ms > 0'
    holds '.targets[1] | .protocol == "http" and (.tls | .problems == []
        and (.version | startswith("TLSv1.")) and .certificate.names == ["localhost", "127.0.0.1"])'
    holds '.targets[2].http | .status == 200 and [.redirects[].to] == ["http://localhost/"]'
    holds '.targets[3] | .tls.problems == [] and .http.redirects[0].status == 301
        and .http.redirects[0].to == "https://localhost/"'
}

@test "nginx, asked the wrong way: recognised, and asked again where that is allowed" {
    among 'nginx_on 443 80
        $NETDX banner --json --ca-file $work/tls.crt localhost:80,443 \
            http://localhost:80/ https://localhost:443/' 2
    names 0 nginx nginx
    names 1 nginx nginx
    holds '.targets[0] | .tls.problems == [] and (.notes | index("http.plain_on_tls"))'
    holds '.targets[1] | .tls == null and .notes == ["tls.not_tls"]'
    holds '[.targets[2, 3].error | .code, .phase] ==
        ["http.plain_on_tls", "http", "tls.not_tls.http", "tls"]'
}

@test "Apache, its certificate's problems beside its banner" {
    among 'apache_on 80 443; $NETDX banner --json 127.0.0.2:80 localhost:80,443 || test $? -eq 2
        $NETDX banner -f csv localhost:80,443 >&2' 1
    names 1 Apache apache2-bin
    names 2 Apache apache2-bin
    holds '.targets[0].error.code == "tcp.refused"'
    holds '.targets[1].products[0] | .lower_bound and .distro == "Debian" and .source == "server"'
    holds '.targets[2].tls.problems == ["tls.cert.self_signed"]'
    [ "$(grep -c ",\"http\",.*,\"Apache/$(upstream apache2-bin) " <<<"$stderr")" -eq 2 ]
}

@test "lighttpd" {
    among 'lighttpd_on 80; $NETDX banner --json 127.0.0.1:80'
    names 0 lighttpd lighttpd
}

@test "HAProxy, by the page of its statistics and by its metrics" {
    among 'haproxy_on 8404; $NETDX banner --json 127.0.0.1:8404 http://127.0.0.1:8404/stats'
    names 0 HAProxy haproxy
    names 1 HAProxy haproxy
    holds '.targets[0] | .protocol == "haproxy" and .products[0].lower_bound'
    among 'haproxy_on 80; $NETDX banner --json --protocol prometheus --path /metrics 127.0.0.1:80'
    names 0 haproxy_process haproxy
}

@test "OpenSSH, on its port and on others'" {
    among 'sshd_on 22; sshd_on 2000; sshd_on 443; $NETDX banner --json 127.0.0.1:22,2000,443'
    for n in 0 1 2; do
        names $n OpenSSH openssh-server
        holds ".targets[$n] | .protocol == \"ssh\" and .products[0].lower_bound and .tls == null"
    done
    holds '.targets[2].notes == ["tls.not_tls"]'
    [[ $(jq -r '.targets[0].banner' <<<"$output") == SSH-2.0-OpenSSH_* ]]
}

@test "vsftpd" {
    among 'vsftpd_on 21; vsftpd_on 80; $NETDX banner --json 127.0.0.1:21,80'
    names 0 vsftpd vsftpd
    names 1 vsftpd vsftpd
    holds '[.targets[].protocol] == ["ftp", "ftp"]'
    holds '.targets[1].notes == ["protocol.unexpected"]'
}

@test "Redis, open and with a password" {
    among 'redis_on 6379; redis_on 6380 --requirepass secret
        $NETDX banner --json 127.0.0.1:6379,6380'
    names 0 Redis redis-server
    holds '.targets[1] | .protocol == "redis" and .error == null
        and [.products[] | .name, .version] == ["Redis", null]'
}

@test "MariaDB" {
    among 'mariadb_on 3306; $NETDX banner --json 127.0.0.1:3306'
    names 0 MariaDB mariadb-server-core
    holds '.targets[0].protocol == "mysql"'
}

@test "memcached" {
    among 'memcached_on 11211; $NETDX banner --json 127.0.0.1:11211'
    names 0 memcached memcached
}

@test "PostgreSQL is known, and shows no version" {
    among 'postgresql_on 5432; $NETDX banner --json 127.0.0.1:5432'
    holds '.targets[0] | .protocol == "postgresql" and .error == null and .products == []'
}

@test "nghttpd, which speaks HTTP/2 alone" {
    among 'certificate
        serve nghttpd 443 nghttpd -d $work 443 $work/tls.key $work/tls.crt
        $NETDX banner --json --http2 --ca-file $work/tls.crt localhost:443'
    names 0 nghttp2 nghttp2-server
    holds '.targets[0] | .http.version == "2" and .tls.alpn == "h2"'
}
