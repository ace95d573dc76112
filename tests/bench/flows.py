"""netdx flows beside tshark, tcptrace and an empty libpcap loop, on the same files, in one run.

flows.py files NETDX BENCH    whole commands on capture files; BENCH holds flow_speed, empty_loop
flows.py live NETDX HELPERS   a sender at full speed between two namespaces: what is reported

Processor time is compared, not the clock, but for threads: other programs may run.
"""
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from summary import summarize

SHORT = 200000  # frames for tools that need minutes for the whole file
PACKETS, FLOWS = 4600000, 100000
# Flows and packets; each of the many flows is as long as those of the file above.
FEW, MANY = (1000, 4600000), (1000000, 46000000)
ASKED_GROWTH, ASKED_MEGABYTES = 1.5, 600
ASKED, AIMED = 3.0, 2.0
RUNS = 5


def measured(command):
    """Processor seconds, peak megabytes."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = 0
    if os.waitstatus_to_exitcode(status) not in (0, 1, 2):
        sys.exit("  %s failed" % command[0])
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def clocked(command):
    """Seconds that pass, the least of several: of threads the processor's do not tell."""
    took = []
    for _ in range(RUNS):
        start = time.monotonic()
        measured(command)
        took.append(time.monotonic() - start)
    return min(took)


def row(name, packets, cpu, base, memory):
    print("  %-28s %9d %8.2f s %8.2f Mpps %7.1f x %8.0f MB" % (
        name, packets, cpu, packets / cpu / 1e6, cpu / packets / base, memory))


def files(netdx, bench):
    with tempfile.TemporaryDirectory() as work:
        os.chmod(work, 0o755)
        long, short = os.path.join(work, "long.pcap"), os.path.join(work, "short.pcap")
        subprocess.run([os.path.join(bench, "flow_speed"), "make", long, str(FLOWS), str(PACKETS)],
                       check=True)
        subprocess.run(["editcap", "-F", "pcap", "-r", long, short, "1-%d" % SHORT], check=True)
        count = lambda path: int(subprocess.run([os.path.join(bench, "empty_loop"), path],
                                                capture_output=True, check=True).stdout)
        packets, few = count(long), count(short)
        empty, ours = [], []
        for _ in range(RUNS):
            empty.append(measured([os.path.join(bench, "empty_loop"), long])[0])
            ours.append(measured([netdx, "flows", "--json", "-r", long]))
        base = statistics.median(empty) / packets
        mine = statistics.median(cpu for cpu, _ in ours)
        print("\nflows in a file, median of %d (asked of netdx: at most %.1f x, aimed at %.1f x)" % (
            RUNS, ASKED, AIMED))
        row("empty libpcap loop", packets, base * packets, base, 0)
        row("netdx flows", packets, mine, base, max(memory for _, memory in ours))
        summarize("flows in a file: time of an empty loop", "%.1f x" % ASKED, "%.2f x" % (mine / packets / base),
                  mine / packets / base <= ASKED)
        for packed in ("gzip", "zstd"):
            path = long + "." + packed
            with open(path, "wb") as out:
                subprocess.run([packed, "-1", "-c", "-q", long], stdout=out, check=True)
            cpu, memory = measured([netdx, "flows", "--json", "-r", path])
            row("netdx flows, " + packed, packets, cpu, base, memory)
        if shutil.which("tcptrace"):
            cpu, memory = measured(["tcptrace", "-n", long])
            row("tcptrace", packets, cpu, base, memory)
        cpu, memory = measured(["tshark", "-q", "-r", short, "-z", "conv,tcp"])
        row("tshark", few, cpu, base, memory)
        os.unlink(long)
        growth(netdx, bench, work)


def growth(netdx, bench, work):
    """A whole command on many flows, beside one on few: a packet's share of both."""
    cost, path = {}, os.path.join(work, "grown.pcap")
    for flows, packets in FEW, MANY:
        subprocess.run([os.path.join(bench, "flow_speed"), "make", path, str(flows), str(packets)],
                       check=True)
        empty, ours = [], []
        for _ in range(RUNS):
            empty.append(measured([os.path.join(bench, "empty_loop"), path])[0])
            ours.append(measured([netdx, "flows", "--json", "-r", path]))
        cpu, memory = min(cpu for cpu, _ in ours), max(peak for _, peak in ours)
        cost[flows] = cpu / packets
        row("netdx flows, %d flows" % flows, packets, cpu, min(empty) / packets, memory)
    many = clocked([netdx, "flows", "--json", "--workers", "2", "-r", path])
    one = clocked([netdx, "flows", "--json", "-r", path])
    print("  --workers 2, by the clock: %.2f times as fast (%.2f s, %.2f s)" % (one / many, one, many))
    ratio = cost[MANY[0]] / cost[FEW[0]]
    summarize("  cost of a packet, 1,000,000 flows to 1,000", "%.1f x" % ASKED_GROWTH, "%.2f x" % ratio,
              ratio <= ASKED_GROWTH)
    summarize("  peak memory, 1,000,000 flows", "%d MB" % ASKED_MEGABYTES, "%.0f MB" % memory,
              memory < ASKED_MEGABYTES)


# --- live ------------------------------------------------------------------------------------

def inside(netdx, helpers, workers):
    """Runs in a network namespace of its own."""
    sh = lambda line: subprocess.run(line, shell=True, check=True)
    peer = subprocess.Popen(["unshare", "-n", "sleep", "120"])
    time.sleep(0.3)
    try:
        sh("ip link add a0 type veth peer name b0 netns %d" % peer.pid)
        sh("ip addr add 10.7.0.1/24 dev a0 && ip link set a0 up")
        sh("nsenter -t %d -n sh -c 'ip addr add 10.7.0.2/24 dev b0; ip link set b0 up;"
           " ip link set lo up'" % peer.pid)
        sh("ping -c 1 -W 2 10.7.0.2 >/dev/null")
        netdx = subprocess.Popen([netdx, "flows", "--json", "-i", "a0", "--workers", workers,
                                  "udp", "port", "9"], stdout=subprocess.PIPE, text=True)
        time.sleep(0.7)
        start = time.time()
        senders = [subprocess.Popen([os.path.join(helpers, "flood"), "10.7.0.2", "9", "1000000"],
                                    stdout=subprocess.PIPE, text=True) for _ in range(2)]
        sent = sum(int(sender.communicate()[0]) for sender in senders)
        took = time.time() - start
        time.sleep(0.3)
        netdx.send_signal(signal.SIGINT)
        summary = json.loads(netdx.communicate()[0])["summary"]
    finally:
        peer.kill()
        peer.wait()
    seen, dropped = summary["frames"], summary["capture_dropped"]
    print("  %s worker%s: %d sent at %.2f Mpps, %d seen, %d reported as dropped, %d unreported" % (
        workers, "" if workers == "1" else "s", sent, sent / took / 1e6, seen, dropped,
        sent - seen - dropped))
    summarize("live, %s worker%s: packets lost unreported" % (workers, "" if workers == "1" else "s"),
              "0", "%d of %d" % (sent - seen - dropped, sent), sent == seen + dropped)


def live(netdx, helpers):
    print("\nlive, a sender at full speed (asked of netdx: none unreported)", flush=True)
    for workers in ("1", "2"):
        subprocess.run(["unshare", "-n", sys.executable, os.path.realpath(__file__), "inside",
                        netdx, helpers, workers], check=True)


{"files": files, "live": live, "inside": inside}[sys.argv[1]](*sys.argv[2:])
