#!/usr/bin/env bats
# The lab's services and kernels when they misbehave, as tshark sees it at the client.

setup()
{
    NETDX=$(realpath "${NETDX:-build/netdx}")
    cd "$BATS_TEST_TMPDIR"
}

# scenario SERVER [PATH [CLIENT]]
scenario()
{
    printf 'name: net\nclient: {%s}\nserver: {%s}\npath: [%s]\n' "${3:-}" "$1" "${2:-{\}, {\}}" >net.yaml
}

lab()
{
    timeout 60 "$NETDX" lab --capture-client c.pcapng ./net.yaml -- sh -c "$1"
}

# frames FILTER FIELD...: one line per frame of the capture
frames()
{
    local filter=$1 field fields=()
    shift
    for field; do fields+=(-e "$field"); done
    tshark -r c.pcapng -Y "$filter" -T fields -E separator=' ' "${fields[@]}" 2>tshark.err
}

synack()
{
    frames 'tcp.flags.syn == 1 and tcp.flags.ack == 1' "$@"
}

@test "services reset when they are told to" {
    scenario 'services: [{http: {port: 81, reset: on-accept}}, {http: {port: 82, reset: after-request}},
        {http: {port: 83, reset: mid-response, size: 200kb}}, {http: {port: 84, reset: unread}},
        {tcp-echo: {port: 85, reset: after-request}}, {http: {port: 86, reset: after-close}}]'
    lab '(exec 3<>/dev/tcp/server.lab/81; sleep 0.2) 2>/dev/null
        for port in 82 83 84; do
            curl -s -m 5 -o "$port" -w "$port %{http_code} %{size_download}\n" "server.lab:$port"
        done >curl
        bash -c "exec 3<>/dev/tcp/server.lab/85; echo a >&3; read -u 3 -t 1"
        bash -c "exec 3<>/dev/tcp/server.lab/86; printf \"GET / HTTP/1.1\r\n\r\n\" >&3; sleep 0.2
            echo more >&3; sleep 0.2"
        bash -c "exec 3<>/dev/tcp/server.lab/81; sleep 0.2"; true'
    [ "$(cat curl)" = $'82 000 0\n83 200 100000\n84 200 19' ]
    for port in 81 82 83 84 85 86; do
        [ "$(frames "tcp.flags.reset == 1 and tcp.srcport == $port" frame.number | wc -l)" -ge 1 ]
    done
    # Nothing but the handshake comes before the first; the request alone before the second.
    [ -z "$(frames 'tcp.port == 81 and tcp.len > 0' frame.number)" ]
    [ -z "$(frames 'tcp.srcport == 82 and tcp.len > 0' frame.number)" ]
    [ -n "$(frames 'tcp.dstport == 82 and tcp.len > 0' frame.number)" ]
    [ -n "$(frames 'tcp.srcport == 86 and tcp.flags.fin == 1' frame.number)" ]
}

@test "services drip, stall and send what size they are told to" {
    scenario 'services: [{http: {port: 81, drip: 20ms, body: "0123456789"}}, {http: {port: 82, stall: 5}},
        {http: {port: 83, size: 1.5mb}}]'
    lab 'curl -s -o drip -w "%{time_total}\n" server.lab:81 >time
        curl -s -m 2 -o stall server.lab:82; echo $? >status; curl -s -o size server.lab:83'
    [ "$(cat drip)" = 0123456789 ]
    python3 -c "assert 0.18 <= float('$(cat time)') < 2"
    [ "$(frames 'tcp.srcport == 81 and tcp.len == 1' frame.number | wc -l)" -eq 10 ]
    [ "$(wc -c <stall)" -eq 5 ]
    [ "$(cat status)" -eq 28 ] # curl's own time-out
    [ "$(wc -c <size)" -eq 1500000 ]
}

@test "a sink that pauses closes its window and opens it again" {
    scenario 'services: [{tcp-sink: {receive-buffer: 4096, pause: {after: 20kb, for: 1s}}}]'
    lab 'bash -c "head -c 100000 /dev/zero >/dev/tcp/server.lab/9"; sleep 2'
    zero=$(frames 'tcp.srcport == 9 and tcp.window_size_value == 0' frame.time_relative | head -n 1)
    open=$(frames 'tcp.srcport == 9 and tcp.window_size_value > 0' frame.time_relative | tail -n 1)
    python3 -c "assert 0.5 < float('$open') - float('$zero') < 5"
}

@test "a full backlog ignores, a busy one answers what is repeated" {
    scenario 'services: [{http: {port: 81, backlog: full}}, {http: {port: 82, backlog: busy}}]'
    lab 'curl -s -m 2.5 server.lab:81; echo $? >full
        for i in 1 2 3 4; do
            curl -s -m 5 -o page -w "%{http_code} %{time_connect}\n" server.lab:82; sleep 0.3
        done >busy'
    [ "$(cat full)" -eq 28 ]
    [ "$(frames 'tcp.dstport == 81 and tcp.flags.syn == 1' frame.number | wc -l)" -ge 2 ]
    [ -z "$(frames 'tcp.srcport == 81' frame.number)" ]
    [ "$(grep -c '^200' busy)" -eq 4 ]
    awk '$2 >= 1 && $2 < 1.5 { late++ } $2 < 0.5 { soon++ } END { exit !(late && soon) }' busy
}

@test "a listening socket has the MSS, window and TTL of its service" {
    scenario 'services: [{http: {mss: 900, window: 1300, ttl: 99}}]' '{}'
    lab 'curl -s -4 -o page server.lab; curl -s -6 -o page server.lab'
    # Whole segments of what is left beside timestamps: 888.
    [ "$(synack tcp.options.mss_val tcp.window_size_value ip.ttl ipv6.hlim | tr -s ' ')" = \
        $'900 888 98 \n900 888 98' ]
}

@test "what a service does without, its kernel does without" {
    scenario 'services: [{http: {without: [timestamps, wscale]}}]'
    lab 'curl -s -4 -o page server.lab'
    [ "$(synack tcp.option_kind)" = 2,1,1,4 ]
}

@test "SYN cookies leave no options without timestamps" {
    scenario 'services: [{http: {syn-cookies: true}}]' '' 'kernel: {net.ipv4.tcp_timestamps: 0}'
    lab 'curl -s -4 -o page server.lab'
    [ "$(frames 'tcp.flags.syn == 1' tcp.option_kind)" = $'2,1,1,4,1,3\n2' ]
}

@test "Fast Open, ECN and echo are as the scenario has them" {
    scenario 'echo: silent, services: [{http: {fast-open: true, ecn: ignored}}]' '' \
        'kernel: {net.ipv4.tcp_fastopen: 1, net.ipv4.tcp_ecn: 1}'
    lab 'curl -s -4 --tcp-fastopen -o page server.lab; ping -c 1 -W 1 server.lab; echo $? >ping'
    [ -n "$(synack tcp.options.tfo.cookie)" ]
    [ "$(frames 'tcp.flags.syn == 1' tcp.flags.ece)" = $'1\n0' ]
    [ "$(cat ping)" -eq 1 ]
}

@test "kernels are set as the scenario says, on either side" {
    scenario 'kernel: {net.ipv4.tcp_sack: 0}, services: [{http: {}}]' '' \
        'kernel: {net.ipv4.tcp_congestion_control: reno, net.ipv4.tcp_rmem: 4096 131072 6291456}'
    lab 'curl -s -4 -o page server.lab; cat /proc/sys/net/ipv4/tcp_congestion_control >cc
        cat /proc/sys/net/ipv4/tcp_rmem >rmem'
    [ "$(cat cc)" = reno ]
    [ "$(tr '\t' ' ' <rmem)" = '4096 131072 6291456' ]
    [ "$(synack tcp.option_kind)" = 2,1,1,8,1,3 ]
}

@test "a kernel that does not take a setting is said" {
    scenario 'kernel: {net.ipv4.tcp_congestion_control: nonesuch}'
    run lab true
    [ "$status" -eq 3 ]
    [[ $output == *'setting net.ipv4.tcp_congestion_control to "nonesuch" failed: '*'(this kernel does not take that value)'* ]]
    scenario 'kernel: {kernel.panic: 1}'
    run lab true
    [ "$status" -eq 3 ]
    [[ $output == *'server.kernel: "kernel.panic" is no kernel setting known here'* ]]
    scenario 'services: [{http: {ecn: accurate}}]'
    run lab true
    [ "$status" -eq 0 ]
    [[ $output == *'note: "ecn: accurate" of port 80 is for virtual time'* ]]
}

@test "a SYN proxy carries a transfer over a lossy link, byte by byte" {
    scenario 'services: [{http: {size: 1mb}}]' \
        '{link: {delay: 3ms, loss: 2%}}, {name: proxy, syn-proxy: {}}, {link: {delay: 3ms, loss: 2%}}'
    lab 'for family in -4 -6; do
            curl -s -m 30 $family -w "%{http_code} %{size_download}\n" -o page server.lab; cksum <page
        done >got'
    expected=$(head -c 1000000 /dev/zero | tr '\0' x | cksum)
    [ "$(cat got)" = "200 1000000
$expected
200 1000000
$expected" ]
    [ "$(synack tcp.window_size_value)" = $'0\n0' ]
    [ -n "$(frames 'tcp.options.sack_le' frame.number)" ]
}

@test "a device that forgets idle flows resets what comes later" {
    scenario 'services: [{tcp-echo: {}}]' '{}, {name: fw, idle: {after: 1s, action: reset, ttl: 50}}, {}'
    lab 'for family in ipv4 ipv6; do
            bash -c "exec 3<>/dev/tcp/$family.server.lab/7; echo a >&3; read -u 3 -t 2 answer
                echo \$answer; sleep 1.5; echo b >&3; sleep 0.3"
        done >got'
    [ "$(cat got)" = $'a\na' ]
    [ "$(frames 'tcp.flags.reset == 1 and tcp.srcport == 7' ip.ttl ipv6.hlim | tr -d ' ')" = $'49\n49' ]
}
