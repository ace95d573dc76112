# Sourced after veth.bash: behind b0 lie 10.128.0.0/16 and fd80::/112. 80 and 443 are open on the
# addresses in $OPEN, 10.128.2.0/24 is rejected, 10.128.3.0/24 is silent, everything else refuses.
far() { exec nsenter -t $peer -n "$@"; } # to be run in the background: $! is its own

ip route add 10.128.0.0/16 via 10.7.0.2
ip route add fd80::/112 via fd07::2
there ip route add local 10.128.0.0/16 dev lo
there ip route add local fd80::/112 dev lo
there nft 'table ip t { chain c { type filter hook input priority 0
    ip daddr 10.128.2.0/24 reject with icmp host-unreachable
    ip daddr 10.128.3.0/24 drop; }; }'
there sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_msgs_per_sec=100000 \
    net.ipv4.icmp_msgs_burst=10000 2>/dev/null || true

cat >"$T/server.py" <<'END'
import socket, sys, time
keep = []
for address in sys.argv[2:]:
    for port in (80, 443):
        s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.setsockopt(socket.SOL_IP, 15, 1)  # IP_FREEBIND
        s.bind((address, port))
        s.listen(1000)
        keep.append(s)
open(sys.argv[1], "w").close()
time.sleep(100)
END
rm -f "$T/ready"
# shellcheck disable=SC2086 # a list
far /usr/bin/python3 "$T/server.py" "$T/ready" $OPEN >/dev/null 2>"$T/server" &
server=$!
trap 'kill $server $peer 2>/dev/null' EXIT
until [ -e "$T/ready" ]; do
    kill -0 $server || { cat "$T/server"; exit 1; }
    sleep 0.05
done

# recording FILE COMMAND...: what leaves meanwhile, as the other side captures it.
recording()
{
    local file=$1 tcpdump
    shift
    far tcpdump -i b0 -B 4096 --nano -w "$file" 'tcp[13] = 2' 2>"$T/said" &
    tcpdump=$!
    until grep -q listening "$T/said"; do sleep 0.05; done
    "$@"
    sleep 0.5
    kill $tcpdump
    wait $tcpdump || true
}
