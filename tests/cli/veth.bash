# Sourced inside a network namespace of the test's own (unshare -n): a0 here, b0 in a second one.
ip link set lo up
unshare -n sleep 60 &
peer=$!
trap 'kill $peer 2>/dev/null' EXIT
until [ "$(readlink /proc/$peer/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
there() { nsenter -t $peer -n "$@"; }

ip link add a0 type veth peer name b0 netns $peer
ip addr add 10.7.0.1/24 dev a0
ip addr add fd07::1/64 dev a0 nodad
ip link set a0 addrgenmode none
ip addr add fe80::1/64 dev a0 nodad
ip link set a0 up
there ip link set lo up
there ip addr add 10.7.0.2/24 dev b0
there ip addr add fd07::2/64 dev b0 nodad
there ip link set b0 addrgenmode none
there ip addr add fe80::2/64 dev b0 nodad
there ip link set b0 up
# Neighbours are known beforehand: no resolution in the first round trip.
mac() { sed 's/.*link.ether \([^ ]*\).*/\1/'; }
for address in 10.7.0.2 fd07::2 fe80::2; do
    ip neigh replace $address lladdr "$(there ip -o link show b0 | mac)" dev a0 nud permanent
done
for address in 10.7.0.1 fd07::1 fe80::1; do
    there ip neigh replace $address lladdr "$(ip -o link show a0 | mac)" dev b0 nud permanent
done
