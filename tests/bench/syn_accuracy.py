"""Handshake times of netdx against captures of tcpdump, and against the lab's ground truth.

syn_accuracy.py direct WORK ORDER...  what syn_accuracy.sh left in WORK
syn_accuracy.py lab OUT LOG           --jsonl of 1,000 SYNs, and the simulator's log of the same run

Two captures of one packet are served one after the other, who was opened last first. Where the kernel
has put no stamp on the packet before (answers of a stack on the same machine) each takes the time for
itself, and the second one's is late by what the first one does. So both orders are shown.
"""
import json
import re
import statistics
import subprocess
import sys

from summary import summarize

NS = 10**9


def nanoseconds(stamp):
    """Of the day, from an RFC 3339 time or from seconds since 1970."""
    match = re.match(r".*T(\d+):(\d+):(\d+)\.(\d{9})Z$", stamp)
    if match:
        hours, minutes, seconds, rest = map(int, match.groups())
        return ((hours * 60 + minutes) * 60 + seconds) * NS + rest
    seconds, rest = stamp.split(".")
    return int(seconds) % 86400 * NS + int(rest)


def captured(path):
    """[(source port, time of the SYN, RTT)] in nanoseconds, by the numbers that SYN-ACKs confirm."""
    fields = ["tcp.srcport", "tcp.flags", "tcp.seq_raw", "tcp.ack_raw", "frame.time_epoch"]
    lines = subprocess.run(
        ["tshark", "-r", path, "-Y", "tcp.flags.syn==1", "-T", "fields"] +
        [item for field in fields for item in ("-e", field)],
        capture_output=True, text=True, check=True).stdout.splitlines()
    sent, found = {}, []
    for line in lines:
        port, flags, seq, ack, stamp = line.split("\t")
        if int(flags, 16) & 0x10:
            syn = sent.pop(int(ack), None)
            if syn:
                found.append((syn[0], syn[1], nanoseconds(stamp) - syn[1]))
        else:
            sent[int(seq) + 1] = (int(port), nanoseconds(stamp))
    return found


def answers(path):
    """What netdx says: (source port, time of the SYN, RTT)."""
    for line in open(path):
        event = json.loads(line)
        if event["event"] == "answer":
            yield event["source_port"], nanoseconds(event["sent"]), round(event["rtt_ms"] * 1e6)


def direct(work, orders):
    print("\nHandshakes over a direct link, against tcpdump in the same run (asked of netdx: p50 "
          "within 1 us)")
    print("  %-24s %6s %12s %12s %10s %10s" % ("", "n", "p50 us", "tcpdump us", "off us", "worst us"))
    for order in orders:
        truth = captured("%s/%s.pcap" % (work, order))
        pairs = []
        for port, sent, rtt in answers("%s/%s.netdx" % (work, order)):
            same = [t for t in truth if t[0] == port and abs(t[1] - sent) < 10**6]
            if same:
                pairs.append((rtt, same[0][2]))
        off = row("netdx, tcpdump opened %s" % order, pairs)
        summarize("handshake p50 off tcpdump's, opened " + order, "1 us", "%.3f us" % abs(off),
                  abs(off) <= 1)
        told = [float(ms) * 1e6 for ms in
                re.findall(r"rtt=([0-9.]+) ms", open("%s/%s.hping3" % (work, order)).read())]
        theirs = [t[2] for t in truth if 20000 <= t[0] < 21000]
        row("hping3", list(zip(told, theirs)))


def row(name, pairs):
    if not pairs:
        sys.exit("  %s: nothing could be compared" % name)
    mine, theirs = (statistics.median(pair[i] for pair in pairs) / 1e3 for i in (0, 1))
    worst = max((abs(a - b) for a, b in pairs)) / 1e3
    print("  %-24s %6d %12.3f %12.3f %10.3f %10.3f" % (
        name, len(pairs), mine, theirs, mine - theirs, worst))
    return mine - theirs


def lab(out, log):
    syns, truth = {}, []
    for line in open(log):
        event = json.loads(line)
        packet = event.get("packet") or {}
        if packet.get("protocol") != 6 or packet.get("len", 0) < 60:
            continue
        if event["action"] == "entered" and event["node"] == "client":
            syns[packet["source_port"]] = (packet["tcp_seq"], event["t_ns"])
        elif event["action"] == "delivered" and event["node"] == "client":
            syn = syns.pop(packet["destination_port"], None)
            if syn:
                truth.append((packet["destination_port"],
                              event["t_ns"] + event.get("late_ns", 0) - syn[1]))
    mine = [(port, rtt) for port, _, rtt in answers(out)]
    errors = []
    for port in {port for port, _ in mine}:
        told = [rtt for p, rtt in mine if p == port]
        true = [rtt for p, rtt in truth if p == port]
        if len(told) == len(true):
            errors += [abs(a - b) / 1e3 for a, b in zip(told, true)]
    print("\nHandshakes of 96 ms against the lab's ground truth (asked: median error under 50 us over "
          "1,000 SYNs)")
    if not errors:
        sys.exit("  no handshake could be compared")
    errors.sort()
    median = statistics.median(errors)
    summarize("handshakes of 96 ms, median error", "50 us", "%.1f us" % median,
              median < 50 and len(errors) >= 1000)
    print("  %d handshakes: median %.1f us, p95 %.1f us, p99 %.1f us" % (
        len(errors), median, errors[int(len(errors) * 0.95)],
        errors[int(len(errors) * 0.99)]))


if sys.argv[1] == "direct":
    direct(sys.argv[2], sys.argv[3:])
else:
    lab(*sys.argv[2:])
