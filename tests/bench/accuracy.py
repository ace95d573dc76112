"""RTTs of netdx against the lab's ground-truth log.

accuracy.py run NETDX OUT       traces 50 rounds of 20 hops inside the lab, --jsonl to OUT
accuracy.py compare OUT LOG     the truth of a probe: the time from its entering the network to its
                                answer being written to the client, by the simulator's own clock
"""
import json
import statistics
import subprocess
import sys

from summary import summarize


def run(netdx, out):
    subprocess.run([netdx, "trace", "-n", "-c", "50", "--interval", "150ms", "--jsonl", "-o", out,
                    "10.99.0.2"], check=False)


def truths(path):
    """By TTL of the probe, in the order of sending: RTTs in microseconds, None when unanswered."""
    probes, errors, found = {}, {}, {}
    for line in open(path):
        event = json.loads(line)
        packet = event.get("packet") or {}
        if event["action"] == "entered" and packet.get("source") == "10.0.0.2":
            probes[event["id"]] = [packet["ttl"], event["t_ns"], None]
        elif event["action"] == "icmp_sent":
            errors[event["other"]] = event["id"]
        elif event["action"] == "delivered" and event["node"] == "client":
            probe = probes.get(errors.get(event["id"]))
            if probe:
                probe[2] = event["t_ns"] + event.get("late_ns", 0)
    for ttl, entered, out in probes.values():
        found.setdefault(ttl, []).append(None if out is None else (out - entered) / 1e3)
    return found


def measured(path):
    """The same by netdx."""
    probes, found = {}, {}
    for line in open(path):
        event = json.loads(line)
        if event["event"] == "sent":
            probes[event["id"]] = [event["ttl"], None]
        elif event["event"] == "answer":
            probes[event["id"]][1] = event["rtt_ms"] * 1e3
    for _, (ttl, rtt) in sorted(probes.items()):
        found.setdefault(ttl, []).append(rtt)
    return found


def compare(out, log):
    truth, mine, errors = truths(log), measured(out), []
    for ttl, rtts in mine.items():
        if len(truth.get(ttl, [])) != len(rtts):
            print("  ttl %d: %d probes sent, %d entered" % (ttl, len(rtts), len(truth.get(ttl, []))))
            continue
        errors += [abs(a - b) for a, b in zip(rtts, truth[ttl]) if a is not None and b is not None]
    print("\nRTT against the lab's ground truth (asked: median error under 50 us)")
    if not errors:
        sys.exit("  no probe could be compared")
    errors.sort()
    median = statistics.median(errors)
    summarize("RTT error against the truth, median", "50 us", "%.1f us" % median, median < 50)
    print("  %d answers: median %.1f us, p95 %.1f us, p99 %.1f us" % (
        len(errors), median, errors[int(len(errors) * 0.95)],
        errors[int(len(errors) * 0.99)]))


if sys.argv[1] == "run":
    run(*sys.argv[2:])
else:
    compare(*sys.argv[2:])
