"""131,072 addresses on one link: netdx beside zmap. sweep.py NETDX, in a namespace of its own.

One SYN to port 80 of each address, as fast as it goes; every address is open. The tools take
turns. The rate is the wire's, the same for all: the counters of the far interface, read every
10 ms, from the first packet to the last. Each SYN there is followed by the RST with which the
kernel ends the handshake.
"""
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from summary import summarize

ROUNDS = 5
NETWORK, ADDRESSES = "10.128.0.0/15", 131072
SERVER = """
import socket, time
s = socket.socket()
s.bind(("0.0.0.0", 80))
s.listen(4096)
print(flush=True)
time.sleep(600)
"""
ROW = "  %-24s %9.0f %8.2f %9d %8.3f %9d"


def run(command):
    subprocess.run(command.split(), check=True)


def far_namespace():
    """Two namespaces and a link: the far one owns the network. Its process and its interface."""
    far = subprocess.Popen(["unshare", "-n", "/usr/bin/python3", "-c", SERVER],
                           stdout=subprocess.PIPE)
    far.stdout.readline()
    there = "nsenter -t %d -n " % far.pid
    run("ip link set lo up")
    run("ip link add a0 type veth peer name b0 netns %d" % far.pid)
    run("ip addr add 10.7.0.1/24 dev a0")
    run("ip link set a0 up")
    run(there + "ip link set lo up")
    run(there + "ip addr add 10.7.0.2/24 dev b0")
    run(there + "ip link set b0 up")
    run(there + "ip route add local %s dev lo" % NETWORK)
    run("ip route add %s via 10.7.0.2" % NETWORK)
    link = subprocess.check_output((there + "ip -o link show b0").split(), text=True).split()
    mac = link[link.index("link/ether") + 1]
    run("ip neigh replace 10.7.0.2 lladdr %s dev a0 nud permanent" % mac)
    return far, mac


class Wire(threading.Thread):
    """Packets that arrived at the far side, with the time of each reading."""

    def __init__(self, pid):
        super().__init__()
        self.path = "/proc/%d/net/dev" % pid
        self.readings, self.ends = [], False

    def run(self):
        while not self.ends:
            with open(self.path) as dev:
                line = next(line for line in dev if line.strip().startswith("b0:"))
            self.readings.append((time.monotonic(), int(line.split()[2])))
            time.sleep(0.01)

    def rate(self):
        """SYNs a second."""
        self.ends = True
        self.join()
        first, last = self.readings[0][1], self.readings[-1][1]
        begin = max(when for when, packets in self.readings if packets == first)
        end = min(when for when, packets in self.readings if packets == last)
        return (last - first) / 2 / (end - begin)


def measured(far, command, found):
    """SYNs a second, hits, peak KB. Between us and the command stands time(1): see peers.py."""
    time.sleep(1)
    wire = Wire(far.pid)
    wire.start()
    time.sleep(0.1)
    with tempfile.NamedTemporaryFile("r") as peak:
        done = subprocess.run(["time", "-q", "-f", "%M", "-o", peak.name] + command,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            sys.exit("%s: status %d\n%s" % (command[0], done.returncode, done.stdout))
        rate = wire.rate()
        with open(found) as lines:
            hits = len(set(re.findall(r"^(?:open,)?(10\.[\d.]+)", lines.read(), re.M)))
        return rate, hits, int(peak.read())


def main():
    netdx = sys.argv[1]
    far, mac = far_namespace()
    with tempfile.TemporaryDirectory() as work:
        found, nobody = work + "/found", work + "/blacklist"
        open(nobody, "w").close()
        zmap = ["zmap", "-q", "-r", "0", "-B", "0", "-p", "80", "-i", "a0", "-S", "10.7.0.1", "-G",
                mac, "-b", nobody, "-c", "2", "-o", found]
        tools = {
            "netdx syn --rate 0": [netdx, "syn", "--sweep", "--yes", "--rate", "0", "-q", "-f",
                                   "csv", "-o", found, NETWORK + ":80"],
            "zmap -T 1": zmap + ["-T", "1", NETWORK],
            "zmap -T 2": zmap + ["-T", "2", NETWORK],
        }
        runs = {name: [] for name in tools}
        for _ in range(ROUNDS):
            for name, command in tools.items():
                runs[name].append(measured(far, command, found))
                os.unlink(found)
    far.kill()
    medians = {name: statistics.median(run[0] for run in of) for name, of in runs.items()}
    best = max(rate for name, rate in medians.items() if name.startswith("zmap"))
    print("\n%d addresses on one link, median of %d turns (asked of netdx: at least 1.20 x zmap's "
          "best, hits not below its, under 65536 KB)" % (ADDRESSES, ROUNDS))
    print("  %-24s %9s %8s %9s %8s %9s" % ("tool", "SYNs/s", "x zmap", "hits", "hits %", "peak KB"))
    hits = {name: statistics.median(run[1] for run in of) for name, of in runs.items()}
    peaks = {name: max(run[2] for run in of) for name, of in runs.items()}
    for name in runs:
        print(ROW % (name, medians[name], medians[name] / best, hits[name],
                     100 * hits[name] / ADDRESSES, peaks[name]))
    mine, *theirs = runs
    summarize("sweep of 131,072: rate beside zmap's", "1.20 x", "%.2f x" % (medians[mine] / best),
              medians[mine] >= 1.2 * best)
    summarize("  hits beside zmap's", "no fewer", "%d of %d" % (hits[mine], ADDRESSES),
              hits[mine] >= max(hits[name] for name in theirs))
    summarize("  peak memory", "65536 KB", "%d KB" % peaks[mine], peaks[mine] < 65536)


main()
