# Sourced inside a network namespace of the test's own (unshare -n): here - r1 - r2 - s, all real
# kernels. IPv4 10.9.N.0/24 and IPv6 fd09:N::/64 on link N; the target is 10.9.3.2 or fd09:3::2.
pids=()
trap 'kill "${pids[@]}" 2>/dev/null' EXIT
for node in r1 r2 s; do
    unshare -n sleep 60 >/dev/null 2>&1 &
    pids+=($!)
    until [ "$(readlink /proc/$!/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do
        sleep 0.01
    done
    printf -v "$node" '%s' $!
done
at() { local pid=$1; shift; nsenter -t "$pid" -n "$@"; }

here=$$
for pid in $here $r1 $r2 $s; do
    at $pid ip link set lo up
    at $pid sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
        net.ipv6.conf.default.accept_dad=0 net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 net.ipv4.icmp_msgs_per_sec=10000
done
join() # A B N: link N from A to B
{
    at $1 ip link add "to$3" type veth peer name "from$3" netns $2
    at $1 ip addr add 10.9.$3.1/24 dev "to$3"
    at $2 ip addr add 10.9.$3.2/24 dev "from$3"
    at $1 ip addr add fd09:$3::1/64 dev "to$3" nodad
    at $2 ip addr add fd09:$3::2/64 dev "from$3" nodad
    at $1 ip link set "to$3" up
    at $2 ip link set "from$3" up
}
join $here $r1 1
join $r1 $r2 2
join $r2 $s 3
ip route add default via 10.9.1.2
ip -6 route add default via fd09:1::2
at $r1 ip route add 10.9.3.0/24 via 10.9.2.2
at $r1 ip -6 route add fd09:3::/64 via fd09:2::2
at $r2 ip route add 10.9.1.0/24 via 10.9.2.1
at $r2 ip -6 route add fd09:1::/64 via fd09:2::1
at $s ip route add default via 10.9.3.1
at $s ip -6 route add default via fd09:3::1
nsenter -t $s -n python3 -c 'import socket, time
server = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True)
time.sleep(60)' >/dev/null 2>&1 &
pids+=($!)
until at $s ss -Hltn | grep -q ':80 '; do sleep 0.05; done

# Neighbours resolved and addresses settled: the first round is like the others.
for target in 10.9.3.2 fd09:3::2; do
    until ping -q -c 1 -W 0.2 $target >/dev/null; do :; done
done

# Somebody who has nothing: no user, group or capability.
nobody()
{
    setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all --inh-caps=-all "$@"
}
