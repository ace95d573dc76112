# Sourced inside namespaces of the test's own (network, mounts and processes): real servers on the
# loopback, each with a configuration of ours in $work (where its own user may go) and none of the
# package's. They end with the process namespace, and their files with that of mounts.
set -eu
ip link set lo up
work=/mnt
mount -t tmpfs tmpfs "$work"

# listens PORT [PID]: waits until somebody does; fails with the log when the server has died.
listens()
{
    local tries=0
    while [ $((tries++)) -lt 400 ]; do
        [ -z "$(ss -Hltn "sport = :$1")" ] || return 0
        [ -z "${2:-}" ] || kill -0 "$2" 2>/dev/null || break
        sleep 0.05
    done
    echo "nobody listens on port $1" >&2
    cat "$work"/*.log >&2
    return 1
}

# serve NAME PORT COMMAND...: in the background, with what it says in NAME.log.
serve()
{
    local name=$1 port=$2
    shift 2
    "$@" >"$work/$name.log" 2>&1 </dev/null &
    listens "$port" $!
}

# A certificate for localhost, signed by itself, as $work/tls.pem (with its key).
certificate()
{
    [ ! -e "$work/tls.pem" ] || return 0
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
        -keyout "$work/tls.key" -out "$work/tls.crt" 2>"$work/openssl.log" ||
        { cat "$work/openssl.log" >&2; return 1; }
    cat "$work/tls.crt" "$work/tls.key" >"$work/tls.pem"
}

nginx_on() # PORT TLS_PORT
{
    certificate
    cat >"$work/nginx.conf" <<END
user root;
daemon off;
master_process off;
error_log stderr;
pid $work/nginx.pid;
events {}
http {
    access_log off;
    server {
        listen 127.0.0.1:$1;
        listen 127.0.0.1:$2 ssl http2;
        ssl_certificate $work/tls.crt;
        ssl_certificate_key $work/tls.key;
        location = /moved { return 302 /; }
        location = /secure { return 301 https://localhost:$2/; }
        location / { return 200 "hello"; }
    }
}
END
    serve nginx "$1" nginx -p "$work" -c "$work/nginx.conf"
    listens "$2"
}

apache_on() # PORT TLS_PORT
{
    certificate
    cat >"$work/apache.conf" <<END
ServerRoot /usr/lib/apache2
ServerName localhost
PidFile $work/apache.pid
ErrorLog $work/apache-error.log
Mutex file:$work
User www-data
Group www-data
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule socache_shmcb_module modules/mod_socache_shmcb.so
LoadModule ssl_module modules/mod_ssl.so
StartServers 1
Listen 127.0.0.1:$1
Listen 127.0.0.1:$2
DocumentRoot $work
<VirtualHost *:$2>
    SSLEngine on
    SSLCertificateFile $work/tls.pem
</VirtualHost>
END
    serve apache "$1" apache2 -D FOREGROUND -f "$work/apache.conf"
    listens "$2"
}

lighttpd_on() # PORT
{
    cat >"$work/lighttpd.conf" <<END
server.document-root = "$work"
server.bind = "127.0.0.1"
server.port = $1
END
    serve lighttpd "$1" lighttpd -D -f "$work/lighttpd.conf"
}

haproxy_on() # PORT
{
    cat >"$work/haproxy.cfg" <<END
defaults
    mode http
    timeout client 10s
    timeout connect 10s
    timeout server 10s
frontend stats
    bind 127.0.0.1:$1
    http-request use-service prometheus-exporter if { path /metrics }
    stats enable
    stats uri /stats
END
    serve haproxy "$1" haproxy -db -f "$work/haproxy.cfg"
}

sshd_on() # PORT
{
    [ -e "$work/ssh_key" ] || ssh-keygen -q -t ed25519 -N '' -f "$work/ssh_key"
    mkdir -p /run/sshd
    serve "sshd-$1" "$1" /usr/sbin/sshd -D -e -f /dev/null -h "$work/ssh_key" \
        -o Port="$1" -o ListenAddress=127.0.0.1 -o PidFile=none
}

vsftpd_on() # PORT
{
    printf '%s\n' listen=YES listen_address=127.0.0.1 listen_port="$1" anonymous_enable=YES \
        background=NO secure_chroot_dir="$work/empty" anon_root="$work/empty" >"$work/vsftpd-$1.conf"
    mkdir -p "$work/empty"
    serve "vsftpd-$1" "$1" vsftpd "$work/vsftpd-$1.conf"
}

redis_on() # PORT [OPTION...]
{
    local port=$1
    shift
    serve "redis-$port" "$port" redis-server --port "$port" --bind 127.0.0.1 --save '' \
        --dir "$work" "$@"
}

mariadb_on() # PORT
{
    mariadb-install-db --no-defaults --user=root --datadir="$work/mariadb" \
        --skip-test-db --auth-root-authentication-method=normal >"$work/mariadb-install.log" 2>&1
    serve mariadb "$1" mariadbd --no-defaults --user=root --datadir="$work/mariadb" \
        --bind-address=127.0.0.1 --port="$1" --socket="$work/mariadb/socket" \
        --innodb-buffer-pool-size=8M --innodb-log-file-size=4M
}

memcached_on() # PORT
{
    serve memcached "$1" memcached -l 127.0.0.1 -p "$1" -U 0 -u nobody -m 8
}

postgresql_on() # PORT
{
    local bin
    bin=$(ls -d /usr/lib/postgresql/*/bin)
    mkdir "$work/postgresql"
    chown postgres "$work/postgresql"
    setpriv --reuid postgres --regid postgres --clear-groups "$bin/initdb" -N -A trust \
        -D "$work/postgresql" >"$work/initdb.log" 2>&1
    serve postgresql "$1" setpriv --reuid postgres --regid postgres --clear-groups \
        "$bin/postgres" -D "$work/postgresql" -h 127.0.0.1 -p "$1" -k "$work/postgresql"
}
