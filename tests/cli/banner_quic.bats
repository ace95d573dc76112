#!/usr/bin/env bats
# QUIC by version negotiation, against a responder written after RFC 9000; tshark reads the probe.

setup()
{
    NETDX=$(realpath "${NETDX:-build/netdx}")
    QUIC=$BATS_TEST_DIRNAME/../helpers/quic_says.py
    export NETDX QUIC
    cd "$BATS_TEST_TMPDIR"
    cat >nginx.conf <<'CONF'
daemon off; pid nginx.pid; error_log stderr; events {}
http {
    access_log off; client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t;
    uwsgi_temp_path t; scgi_temp_path t;
    server { listen 127.0.0.1:7001; location / { return 200 hi; } }
    server { listen 127.0.0.1:7002; location / { return 200 hi; } }
    server { listen 127.0.0.1:7003; location / { return 200 hi; } }
    server { listen 127.0.0.1:7004; location / { return 200 hi; } }
    server { listen 127.0.0.1:7005; location / { return 200 hi; } }
    server { listen 127.0.0.1:7006; add_header Alt-Svc 'h3=":7001"; ma=60';
             location / { return 200 hi; } }
    server { listen 127.0.0.1:7007; add_header Alt-Svc 'h3="other.example:7001"';
             location / { return 200 hi; } }
}
CONF
}

quic()
{
    jq -r '.targets[0].quic | if . == null then "not asked" else
        [.code, .port, .why, .sent, (.versions | join(",")), .sender // "-", .icmp_type // "-",
         .icmp_code // "-"] | join(" ") end' "$1.json"
}

@test "QUIC answers, late, not at all, or is refused; Alt-Svc makes it be asked" {
    timeout 100 unshare -n bash -c '
        trap "kill \$nginx \$quic \$tcpdump 2>/dev/null; wait" EXIT
        ip link set lo up
        nginx -p . -c nginx.conf 2>nginx.err 3>&- & nginx=$!
        python3 "$QUIC" 7001:answer 7002:late 7003:stray 7004:silent >seen 3>&- & quic=$!
        tcpdump -i lo -U -w c.pcap "udp port 7001" 2>tcpdump.err 3>&- & tcpdump=$!
        until grep -q ready seen && grep -q listening tcpdump.err && ss -Hltn | grep -q :7007; do
            sleep 0.05
        done
        for port in 7001 7002 7003 7004 7005; do
            "$NETDX" banner --quic --timeout 2s --json http://127.0.0.1:$port/ >$port.json
        done
        "$NETDX" banner --json http://127.0.0.1:7006/ >7006.json
        "$NETDX" banner --json http://127.0.0.1:7007/ >7007.json
        "$NETDX" banner http://127.0.0.1:7006/ >promised
        "$NETDX" banner --quic --timeout 1s http://127.0.0.1:7004/ http://127.0.0.1:7005/ >asked
        sleep 0.3'
    [ "$(quic 7001)" = "quic.version_negotiation 7001 asked 1 1,2,reserved - - -" ]
    [ "$(quic 7002)" = "quic.version_negotiation 7002 asked 2 1,2,reserved - - -" ]
    [ "$(quic 7003)" = "quic.no_reply 7003 asked 2  - - -" ] # nobody who saw the probe
    [ "$(quic 7004)" = "quic.no_reply 7004 asked 2  - - -" ]
    [ "$(quic 7005)" = "quic.unreachable 7005 asked 1  127.0.0.1 3 3" ]
    [ "$(quic 7006)" = "quic.version_negotiation 7001 alt_svc 1 1,2,reserved - - -" ]
    [ "$(quic 7007)" = "not asked" ]
    [ "$(jq '.targets[0].quic.rtt_ms > 0 and .targets[0].quic.rtt_ms < 1000' 7001.json)" = true ]
    [ "$(jq '.targets[0].quic.rtt_ms' 7002.json)" = null ] # nobody knows which probe is answered
    grep -q 'QUIC on UDP 7001, which Alt-Svc promises: alive, versions 1, 2, reserved' promised
    grep -q 'QUIC on UDP 7004: no reply to 1 probe (quic.no_reply)' asked
    grep -q 'QUIC on UDP 7005: refused by 127.0.0.1, ICMP 3/3 (quic.unreachable)' asked
    # What the responder and tshark saw.
    [ "$(grep -c '^7001 1200 1a2a3a4a$' seen)" -eq 3 ]
    [ "$(grep -c '^7004 ' seen)" -eq 3 ]
    [ "$(tshark -r c.pcap -d udp.port==7001,quic -Y 'udp.dstport == 7001' -T fields -e quic.version \
        -e quic.dcil -e quic.scil 2>/dev/null | sort -u)" = $'0x1a2a3a4a\t8\t8' ]
    [ "$(tshark -r c.pcap -d udp.port==7001,quic -Y 'quic.supported_version' -T fields \
        -e quic.supported_version 2>/dev/null | sort -u)" = 0x00000001,0x6b3343cf,0x2a3a4a5a ]
}
