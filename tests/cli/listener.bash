# Sourced inside a network namespace of the test's own: port 80 listens, of both families, here and
# (with veth.bash before it) on the other side.
ip link set lo up
pids=()
listen()
{
    "$@" python3 -c 'import socket, time
server = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
time.sleep(60)' >/dev/null 2>&1 &
    pids+=($!)
    until "$@" ss -Hltn | grep -q ':80 '; do sleep 0.05; done
}
listen env
[ -z "${peer:-}" ] || listen nsenter -t "$peer" -n
trap 'kill ${peer:-} "${pids[@]}" 2>/dev/null' EXIT
