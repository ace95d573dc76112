"""Times netdx and its peers on one path of the lab: peers.py NETDX SCENARIO, inside the lab.

Each tool gets one round and no name look-ups. netdx runs five times and shows its median; the
peers, which take seconds, run once. Between runs the path rests, so that rate limits refill.
"""
import functools
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

from summary import summarize

TARGET = "10.99.0.2"
PEERS = [
    ("traceroute -N 32 -q 1", ["traceroute", "-I", "-n", "-N", "32", "-q", "1", TARGET]),
    ("mtr -c 1", ["mtr", "-n", "-r", "-c", "1", TARGET]),
    ("scamper", ["scamper", "-I", "trace -P icmp-paris -q 1 " + TARGET]),
    ("nmap --traceroute", ["nmap", "-n", "-sn", "-PE", "--traceroute", TARGET]),
]
SLOWEST_S = 0.096  # 20 links of 2.4 ms, there and back
# Scenario: the most that netdx may take, hops that answer and hops that do not, what it must say.
ASKED = {
    "bench-20": (1.15 * SLOWEST_S, 20, 0, "reached 10.99.0.2 at hop 20"),
    "bench-20-silent": (0.35, 16, 4, "hops 14 to 15 never answer"),
    "bench-dead": (1.5, 11, 1, "nothing answers behind hop 11"),
}
CPU_MS, PEAK_KB = 20, 20480
ROW = "  %-24s %9.3f %8.2f %9.1f %9d %6d"


def timed(command):
    """Seconds until it ended, seconds until its last line, CPU seconds, peak KB, output.

    Between us and the command stands time(1): a process that we fork ourselves starts with our
    own peak memory.
    """
    with tempfile.NamedTemporaryFile("r") as peak:
        start = printed = time.monotonic()
        child = subprocess.Popen(["time", "-q", "-f", "%M", "-o", peak.name] + command,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        output = ""
        for line in child.stdout:
            printed = time.monotonic()
            output += line
        _, _, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - start
        cpu = usage.ru_utime + usage.ru_stime
        return wall, printed - start, cpu, int(peak.read().split()[-1]), output


def hops(output):
    """How many different routers and targets answered."""
    lines = [line for line in output.splitlines() if re.match(r"\s*\d+[ .|]", line)]
    return len(set(re.findall(r"\b10\.(?:0\.\d+\.1|99\.0\.2)\b", "\n".join(lines))))


@functools.cache
def rounds():
    """Seconds from the first probe to the end of the round, without the kernel's time for a capture."""
    command = [sys.argv[1], "trace", "-n", "-c", "1", "--json", TARGET]
    return statistics.median(
        json.loads(subprocess.run(command, capture_output=True, check=False).stdout)["elapsed_ms"]
        for _ in range(5)) / 1e3


def judge(scenario, printed, wall, cpu, peak, output):
    asked_s, answering, silent, words = ASKED[scenario]
    found, shown = hops(output), len(re.findall(r"^ *\d+\. no answer", output, re.M))
    summarize(scenario + ": report out", "%.3f s" % asked_s, "%.3f s" % printed, printed <= asked_s)
    if scenario == "bench-20":
        summarize("  in slowest answers", "1.15 x", "%.2f x" % (printed / SLOWEST_S),
                  printed <= asked_s)
        summarize("  of it from the first probe on", "1.15 x", "%.2f x" % (rounds() / SLOWEST_S),
                  rounds() <= asked_s)
        summarize("  capture closed, process gone", "", "%.3f s" % wall, None)
        summarize("  CPU time, start included", "%d ms" % CPU_MS, "%.1f ms" % (cpu * 1e3),
                  cpu * 1e3 < CPU_MS)
        summarize("  peak memory", "%d KB" % PEAK_KB, "%d KB" % peak, peak <= PEAK_KB)
    summarize("  hops that answer, silent ones", "%d, %d" % (answering, silent),
              "%d, %d" % (found, shown), (found, shown) == (answering, silent))
    summarize("  says \"%s\"" % words, "", "", words in output)


def main():
    netdx, scenario = sys.argv[1:]
    runs = []
    for _ in range(5):
        time.sleep(1.1)
        runs.append(timed([netdx, "trace", "-n", "-c", "1", TARGET]))
    wall, printed, cpu = (statistics.median(run[i] for run in runs) for i in range(3))
    peak, output = max(run[3] for run in runs), runs[0][4]
    print("\n%s (asked of netdx: at most %.3f s, %d ms of CPU, %d KB)" % (
        scenario, ASKED[scenario][0], CPU_MS, PEAK_KB))
    print("  %-24s %9s %8s %9s %9s %6s" % ("tool", "wall s", "x netdx", "CPU ms", "peak KB", "hops"))
    print(ROW % ("netdx trace -c 1", wall, 1, cpu * 1e3, peak, hops(output)))
    for name, command in PEERS:
        time.sleep(1.1)
        peer = timed(["timeout", "60"] + command)
        print(ROW % (name, peer[0], peer[0] / wall, peer[2] * 1e3, peer[3], hops(peer[4])))
    print("  netdx: report out after %.3f s, the rest is closing the capture" % printed)
    for line in output.splitlines():
        if line.startswith(("note:", "notice:", "warning:", "critical:")):
            print("  netdx: " + line)
    judge(scenario, printed, wall, cpu, peak, output)


main()
