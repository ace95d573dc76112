# Sourced inside a network namespace of the test's own: the loopback is up, and `start PORT
# COMMAND...` runs a server until the script ends, and waits until somebody listens on its port.
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait' EXIT
start()
{
    local port=$1
    shift
    "$@" >>servers.out 2>&1 3>&- &
    pids+=($!)
    for _ in {1..100}; do
        ! ss -Hltn | grep -q ":$port " || return 0
        sleep 0.05
    done
    echo "nobody listens on port $port" >&2
    cat servers.out >&2
    return 1
}
ip link set lo up
