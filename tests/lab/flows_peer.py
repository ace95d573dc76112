"""One end of a TCP transfer, with the kernel's counters read while it goes on.

flows_peer.py listen|connect send|receive ADDRESS PORT JSON   the options of both ends are the same

The sender prints one JSON object: the counters before and after, and every change of those that
tell why something was sent again, with its time.
"""
import errno
import json
import socket
import sys
import threading
import time

FILES = ("/proc/thread-self/net/snmp", "/proc/thread-self/net/netstat")
CAUSES = ("TCPTimeouts", "TCPLossProbes", "TCPFastRetrans", "TCPSlowStartRetrans", "RetransSegs",
          "TCPSynRetrans")
POLL_S = 0.0005


def counters():
    found = {}
    for path in FILES:
        with open(path) as file:
            lines = file.read().splitlines()
        for names, values in zip(lines[::2], lines[1::2]):
            found.update(zip(names.split()[1:], map(int, values.split()[1:])))
    return found


class Watch(threading.Thread):
    """Notes when a counter changes: [time before, time after, {name: by how much}]."""

    def __init__(self):
        super().__init__()
        self.over, self.changes = threading.Event(), []

    def run(self):
        previous, before = counters(), time.time()
        while not self.over.wait(POLL_S):
            last = time.time()
            now = counters()
            after = time.time()
            changed = {n: now[n] - previous[n] for n in CAUSES if now[n] != previous[n]}
            if changed:
                self.changes.append([before, after, changed])
            previous, before = now, last


def send(connection, options):
    block, left = b"x" * options["block"], options["bytes"]
    while left > 0:
        connection.sendall(block[:left])
        left -= len(block)
        if options["bursts"]:
            connection.recv(1)
            time.sleep(options["pause"])
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(4096):
        pass


def receive(connection, options):
    seen = 0
    while True:
        bytes_ = connection.recv(65536)
        if not bytes_:
            return
        before, seen = seen // options["block"], seen + len(bytes_)
        if options["bursts"]:
            connection.sendall(b"." * (seen // options["block"] - before))


def bind(end, address, port):
    """A new IPv6 address may still be probed for duplicates (RFC 4862 5.4)."""
    for left in range(50, -1, -1):
        try:
            return end.bind((address, port))
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL or not left:
                raise
            time.sleep(0.1)


def main():
    how, job, address, port, options = sys.argv[1:]
    options = json.loads(options)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as end:
        end.settimeout(60)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, options["control"].encode())
        watch, before = Watch(), counters()
        if job == "send":
            watch.start()
        if how == "listen":
            bind(end, address, int(port))
            end.listen(1)
            print("ready", flush=True)
            connection = end.accept()[0]
        else:
            end.connect((address, int(port)))
            connection = end
        connection.settimeout(60)
        (send if job == "send" else receive)(connection, options)
        if connection is not end:
            connection.close()
    if job == "send":
        time.sleep(0.1)
        watch.over.set()
        watch.join()
        after = counters()
        print(json.dumps({"counters": {n: after[n] - before[n] for n in after if n in before},
                          "changes": watch.changes}), flush=True)


main()
