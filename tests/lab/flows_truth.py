"""What netdx flows says of real TCP transfers, against the truth.

flows_truth.py check NETDX SEEDS [JOBS]   one line of TAP per demand
flows_truth.py bench NETDX SEEDS [JOBS]   a table, tshark beside it

Each seed is a transfer between two kernels through the lab, with losses, reordering, duplication,
a round-trip time and TCP's settings by chance, captured at both ends at once. The truth:
- what was sent again: the order in which the sender's own kernel let its segments out;
- what was lost, delayed, duplicated: the lab's log;
- why it was sent again: the sender's kernel counters, read twice a millisecond;
- how much: the same counters before and after.
"""
import concurrent.futures
import json
import math
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import flows_packets as packets  # noqa: E402
from flows_lab import Lab  # noqa: E402

HERE = os.path.dirname(os.path.realpath(__file__))
PEER = [sys.executable, os.path.join(HERE, "flows_peer.py")]
SIDES = ("client", "server")
ADDRESS = {4: {"client": "10.0.0.2", "server": "10.99.0.2"},
           6: {"client": "fd00::2", "server": "fd00:0:0:99::2"}}
# Between a counter's change and the lab's stamp of the segment that it counted.
EARLY_S, LATE_S = 0.0003, 0.002
STEP_MS = 250  # each way

# The demands, in percent.
RECALL, PRECISION, TRIGGER, POSITION, COUNTERS = 99.5, 99.5, 97, 99, 1


# --- one transfer -----------------------------------------------------------------------------

def choose(seed):
    """Everything about a transfer follows from its seed."""
    r = random.Random(seed)
    rtt = math.exp(r.uniform(math.log(2), math.log(200)))
    bursts = r.random() < 0.5
    block = r.choice([1, 3, 10, 30]) * 1448 if bursts else 65536
    size = r.randrange(300, 1000) * 1448
    if bursts:  # about six seconds of round trips
        size = block * max(20, min(size // block, int(6000 / rtt)))
    c = {
        "seed": seed, "rtt_ms": rtt, "loss": math.exp(r.uniform(math.log(0.1), math.log(5))),
        "reorder": r.choice([0, 0, 0.5, 2]), "reorder_ms": r.uniform(1, max(2, rtt / 3)),
        "duplicate": r.choice([0, 0, 0.5, 2]), "family": r.choice([4, 4, 6]),
        "timestamps": r.random() < 0.7, "sender": r.choice(SIDES),
        "control": r.choice(["cubic", "reno"]), "bursts": bursts, "block": block,
        "bytes": size, "pause": r.uniform(0, 0.02),
        "step_s": r.uniform(0.2, 1.5) if r.random() < 0.15 else None,
    }
    if c["step_s"] and bursts:  # what is left when the path has become long
        c["bytes"] = min(size, block * int(c["step_s"] * 1000 / rtt + 20))
    return c


def scenario(c):
    half = c["rtt_ms"] / 2
    link = "delay: %.3fms, loss: %.3f%%" % (half - 0.4, c["loss"])
    if c["reorder"]:
        link += ", reorder: %.1f%%, reorder-delay: %.3fms" % (c["reorder"], c["reorder_ms"])
    if c["duplicate"]:
        link += ", duplicate: %.1f%%" % c["duplicate"]
    text = ("name: truth\nsummary: A path of chance.\ndefaults: {link: {delay: 200us}}\n"
            "path:\n  - {name: near}\n  - {link: {%s}}\n" % link)
    if c["step_s"]:  # the path becomes longer than any timer expects
        text += ("events:\n  - {at: %.3fs, element: near, set: {link: {delay: %dms}}}\n" %
                 (c["step_s"], STEP_MS))
    return text


def transfer(netdx, c, work):
    """Leaves captures, log and counters in `work`."""
    path = lambda name: os.path.join(work, name)
    with open(path("s.yaml"), "w") as file:
        file.write(scenario(c))
    options = json.dumps({k: c[k] for k in ("bytes", "block", "bursts", "pause", "control")})
    server = ADDRESS[c["family"]]["server"]
    job = {side: "send" if side == c["sender"] else "receive" for side in SIDES}
    captures = {side: path(side + ".pcapng") for side in SIDES}
    with Lab(netdx, path("s.yaml"), c["seed"], path("log"), captures) as lab:
        for side in SIDES:
            lab.start(side, ["sysctl", "-q", "net.ipv4.tcp_timestamps=%d" % c["timestamps"],
                             "net.ipv4.tcp_no_metrics_save=1"]).wait()
        listener = lab.start("server", PEER + ["listen", job["server"], server, "5001", options],
                             stdout=subprocess.PIPE)
        if listener.stdout.readline() != "ready\n":
            raise RuntimeError("the server does not listen")
        caller = lab.start("client", PEER + ["connect", job["client"], server, "5001", options],
                           stdout=subprocess.PIPE)
        output = {"server": listener.communicate(timeout=90)[0],
                  "client": caller.communicate(timeout=90)[0]}
        # Late copies and the last acknowledgements.
        lab.start("client", ["sleep", "%.3f" % (0.3 + c["rtt_ms"] / 500)]).wait()
    return json.loads(output[c["sender"]])


# --- the truth --------------------------------------------------------------------------------

def log_events(path):
    """By side: {frame of its capture: id} of what it sent, and of what it got."""
    entered, delivered = {s: {} for s in SIDES}, {s: {} for s in SIDES}
    with open(path) as file:
        for line in file:
            event = json.loads(line)
            if "frame" in event and event["action"] == "entered":
                entered[event["node"]][event["frame"]] = event["id"]
            elif "frame" in event and event["action"] == "delivered":
                delivered[event["node"]][event["frame"]] = event["id"]
    return entered, delivered


def sent_again(sent):
    """Ids of the transmissions that carry bytes sent before; {id: ids of earlier ones}."""
    again, history, highest = {}, [], None
    for frame, number in sent:
        if not frame.takes or frame.rst:
            continue
        end = (frame.seq + frame.takes) % 2**32
        if frame.syn:
            if highest is not None:
                again[number] = [n for _, n in history]
        elif highest is not None and packets.after(highest, frame.seq) > 0:
            again[number] = [n for f, n in history if not f.syn and
                             packets.after(f.seq, frame.seq) <= 0 and
                             packets.after((f.seq + f.takes) % 2**32, frame.seq) > 0]
        history.append((frame, number))
        if highest is None or packets.after(end, highest) > 0:
            highest = end
    return again


def causes(changes, when):
    """The kernel's reason for what it sent at `when`: a set of triggers."""
    found = set()
    for before, after, counters in changes:
        if before - EARLY_S <= when <= after + LATE_S:
            if "TCPTimeouts" in counters or "TCPSlowStartRetrans" in counters:
                found.add("timeout")
            if "TCPLossProbes" in counters:
                found.add("tail_probe")
            if "TCPFastRetrans" in counters:
                found.add("fast")
    return found


class Again:
    """The truth of one segment that was sent again, as it came by a tap."""

    def __init__(self, lost, causes_, frame, traceless):
        self.lost, self.causes, self.syn = lost, causes_, bool(frame.syn)
        # Nothing sent later came by before it, the first copy never did, and there is no
        # identification that would show a gap (IPv6, or nothing before it): only time could tell
        # it from a late first copy.
        self.traceless = traceless


class Truth:
    """Of one direction: by tap, {frame: Again}."""

    def __init__(self, frames, log, sender, changes):
        receiver = SIDES[SIDES.index(sender) ^ 1]
        own = lambda f: (f.source_port == 5001) == (sender == "server")
        sent = [(f, log[0][sender][f.frame]) for f in frames[sender] if own(f)]
        got = [(f, log[1][receiver][f.frame]) for f in frames[receiver] if own(f)]
        again = sent_again(sent)
        reasons = {n: causes(changes, f.time) if changes else set() for f, n in sent if n in again}
        self.at = {sender: {f.frame: Again("behind_tap", reasons[n], f, False)
                            for f, n in sent if n in again},
                   receiver: {}}
        seen, highest = set(), None
        for frame, number in got:
            if number in again and number not in seen:
                lost = "behind_tap" if seen & set(again[number]) else "before_tap"
                first = highest is None or packets.after(frame.seq, highest) >= 0
                traceless = (lost == "before_tap" and first and
                             (frame.ip_id is None or bool(frame.syn)))
                self.at[receiver][frame.frame] = Again(lost, reasons[number], frame, traceless)
            seen.add(number)
            end = (frame.seq + frame.takes) % 2**32
            if frame.takes and (highest is None or packets.after(end, highest) > 0):
                highest = end


# --- what the tools say -----------------------------------------------------------------------

KINDS = ("retransmission", "syn_retransmission", "synack_retransmission")


def run_netdx(netdx, path):
    """By direction {frame: event}, the final verdicts, and the document."""
    done = subprocess.run([netdx, "flows", "--jsonl", "-r", path], capture_output=True, text=True,
                          timeout=60)
    verdicts = {"client": {}, "server": {}}
    early = {"client": 0, "server": 0}  # timers, by what the kernel counts: RFC 5682
    document = {}
    for line in done.stdout.splitlines():
        event = json.loads(line)
        if event["event"] == "summary":
            document = event
            continue
        if "direction" not in event:
            continue
        side = event["direction"].split("_")[0]
        revised = event.get("revises")
        early[side] += event.get("proof") == "frto"
        if event["event"] in KINDS:
            verdicts[side][revised or event["frame"]] = event
        elif revised and event["event"] in ("duplicate", "reordering"):
            verdicts[side].pop(revised, None)
    if not document:
        raise RuntimeError("netdx flows: %s" % done.stderr)
    document["early_timers"] = early
    return verdicts, document


TSHARK = ("tcp.analysis.retransmission", "tcp.analysis.fast_retransmission",
          "tcp.analysis.spurious_retransmission")


def run_tshark(path):
    """{frame: trigger} of what it calls a retransmission of whatever kind."""
    command = ["tshark", "-r", path, "-Y", " or ".join(TSHARK), "-T", "fields",
               "-e", "frame.number", "-e", "tcp.srcport"]
    for name in TSHARK:
        command += ["-e", name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    found = {"client": {}, "server": {}}
    for line in done.stdout.splitlines():
        frame, port, _, fast, _ = (line.split("\t") + [""] * 5)[:5]
        found["server" if port == "5001" else "client"][int(frame)] = "fast" if fast else "timeout"
    return found


# --- counting ---------------------------------------------------------------------------------

class Score:
    """Of one tool at one kind of tap."""

    def __init__(self):
        self.true = self.found = self.false = self.traceless = 0
        self.trigger_right = self.trigger_known = 0
        self.position_right = self.position_known = 0
        self.wrong = []

    def count(self, truth, claimed, label):
        """`claimed`: {frame: (trigger, position)}, None for what the tool does not tell."""
        for frame, again in truth.items():
            if frame not in claimed and again.traceless:
                self.traceless += 1
                continue
            self.true += 1
            if frame not in claimed:
                self.wrong.append("%s frame %d: missed" % (label, frame))
                continue
            self.found += 1
            trigger, position = claimed[frame]
            if trigger and len(again.causes) == 1 and not again.syn:
                self.trigger_known += 1
                self.trigger_right += trigger in again.causes
                if trigger not in again.causes:
                    self.wrong.append("%s frame %d: %s, kernel says %s" % (
                        label, frame, trigger, *again.causes))
            if position:
                self.position_known += 1
                self.position_right += position == again.lost
                if position != again.lost:
                    self.wrong.append("%s frame %d: %s, truly %s" % (
                        label, frame, position, again.lost))
        for frame in set(claimed) - set(truth):
            self.false += 1
            self.wrong.append("%s frame %d: none" % (label, frame))

    def add(self, other):
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    @staticmethod
    def share(part, whole):
        return 100 * part / whole if whole else float("nan")

    def figures(self):
        return (self.share(self.found, self.true),
                self.share(self.found, self.found + self.false),
                self.share(self.trigger_right, self.trigger_known),
                self.share(self.position_right, self.position_known))


def syn_timeouts(kernel):
    """SYNs and SYN-ACKs whose timeouts the kernel counts as such; not all count SYN-ACKs."""
    return sum("TCPSynRetrans" in counters and "TCPTimeouts" in counters
               for _, _, counters in kernel["changes"])


def probes_resent(kernel):
    """
    Tail loss probes that sent something again; the kernel counts those with new data as well. What
    else it sends again has counters of its own: fast retransmission, recovery after a timeout, one
    segment for each timeout, SYNs and SYN-ACKs.
    """
    k = kernel["counters"]
    timeouts = k["TCPTimeouts"] - syn_timeouts(kernel)
    return (k["RetransSegs"] - k["TCPFastRetrans"] - k["TCPSlowStartRetrans"] - timeouts -
            k["TCPSynRetrans"])


def counters(kernel, document, sender):
    """{name: (kernel, netdx)}, netdx at the sender's side."""
    receiver = SIDES[SIDES.index(sender) ^ 1]
    flow = document["flows"][0]
    sent, back = flow[sender], flow[receiver]
    k = kernel["counters"]
    r = sent["retransmissions"]
    return {
        "TcpRetransSegs": (k["RetransSegs"], r["total"] + sent["syn_retransmissions"]),
        "TCPLossProbes that re-sent": (probes_resent(kernel), r["tail_probe"]),
        "TCPTimeouts": (k["TCPTimeouts"], r["timer"] + (
            sent["syn_retransmissions"] if syn_timeouts(kernel) else 0)),
        "TCPSpuriousRTOs": (k["TCPSpuriousRTOs"], document["early_timers"][sender]),
        "TCPDSACKRecv": (k["TCPDSACKRecv"] + k["TCPDSACKOfoRecv"], back["dsacks"]),
    }


def one(netdx, seed, tshark):
    """Scores {(tool, tap): Score} and counters of one seed; None in place of them: no transfer."""
    c = choose(seed)
    label = "seed %d" % seed
    keep = os.environ.get("FLOWS_TRUTH_KEEP")
    with tempfile.TemporaryDirectory() as work:
        work = os.path.join(keep, str(seed)) if keep else work
        os.makedirs(work, exist_ok=True)
        os.chmod(work, 0o755)
        kernel = transfer(netdx, c, work)
        with open(os.path.join(work, "kernel"), "w") as file:
            json.dump(kernel, file)
        frames = {s: packets.read(os.path.join(work, s + ".pcapng")) for s in SIDES}
        log = log_events(os.path.join(work, "log"))
        truths = {s: Truth(frames, log, s, kernel["changes"] if s == c["sender"] else [])
                  for s in SIDES}
        scores, compared = {}, {}
        for tap in SIDES:
            path = os.path.join(work, tap + ".pcapng")
            verdicts, document = run_netdx(netdx, path)
            theirs = run_tshark(path) if tshark else None
            for sender in SIDES:
                where = "sender" if tap == sender else "receiver"
                score = scores.setdefault(("netdx", where), Score())
                score.count(truths[sender].at[tap],
                            {f: (e["trigger"], e["lost"]) for f, e in verdicts[sender].items()},
                            "%s %s's side, from %s" % (label, tap, sender))
                if theirs is not None:
                    scores.setdefault(("tshark", where), Score()).count(
                        truths[sender].at[tap],
                        {f: (t, None) for f, t in theirs[sender].items()}, label)
            if tap == c["sender"]:
                compared = counters(kernel, document, tap)
        return scores, compared


def run_all(netdx, seeds, jobs, tshark):
    scores, sums, failed = {}, {}, []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        runs = {pool.submit(one, netdx, seed, tshark): seed for seed in seeds}
        for run in concurrent.futures.as_completed(runs):
            try:
                got, compared = run.result()
            except Exception as error:  # a transfer that failed is told, and is a failure
                failed.append("seed %d: %s" % (runs[run], error))
                continue
            for key, score in got.items():
                scores.setdefault(key, Score()).add(score)
            if os.environ.get("FLOWS_TRUTH_VERBOSE"):
                print("  seed %d: %s" % (runs[run], {n: p for n, p in compared.items()
                                                    if p[0] != p[1]}), flush=True)
            for name, pair in compared.items():
                total = sums.setdefault(name, [0, 0, 0])
                total[0] += pair[0]
                total[1] += pair[1]
                total[2] += abs(pair[0] - pair[1])
    return scores, sums, failed


# --- saying it --------------------------------------------------------------------------------

def table(scores, sums, failed, seeds):
    print("TCP retransmissions against the truth, %d seeds (asked: recall and precision %.1f, "
          "trigger %d, position %d %%; counters within %d %%)" % (
              seeds, RECALL, TRIGGER, POSITION, COUNTERS))
    print("  %-24s %7s %9s %11s %10s %11s %9s" % (
        "tool, tap", "true", "recall %", "precision %", "trigger %", "position %", "no trace"))
    for (tool, where), score in sorted(scores.items()):
        print("  %-24s %7d %9.2f %11.2f %10.2f %11.2f %9d" % (
            ("%s, %s's side" % (tool, where), score.true) + score.figures() + (score.traceless,)))
    print("  %-28s %9s %9s %9s" % ("kernel counter", "kernel", "netdx", "differ %"))
    for name, (kernel, ours, _) in sums.items():
        print("  %-28s %9d %9d %9.2f" % (name, kernel, ours,
                                         100 * abs(ours - kernel) / max(kernel, 1)))
    summarize_all(scores, sums)
    print("  no trace: a SYN, or in IPv6, whose first copy was lost before the tap, and nothing "
          "later came before it; not counted when missed")
    for line in failed:
        print("  failed: " + line)
    if os.environ.get("FLOWS_TRUTH_VERBOSE"):
        for key, score in scores.items():
            for line in score.wrong if key[0] == "netdx" else []:
                print("  " + line)


def enough(right, whole, asked):
    """At most the share of mistakes that is allowed; one is, however few there are."""
    return whole - right <= max(1, whole * (100 - asked) / 100)


def agrees(kernel, ours):
    """Within the share that is allowed, or one, however few there are."""
    return abs(kernel - ours) <= max(1, kernel * COUNTERS / 100)


def summarize_all(scores, sums):
    """Rows of the table with which the bench ends."""
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "bench"))
    from summary import summarize
    for where in ("sender", "receiver"):
        figures = scores[("netdx", where)].figures()
        for what, asked, measured in zip(("re-sent segments found", "  and nothing else", "  trigger right",
                                          "  position right"),
                                         (RECALL, PRECISION, TRIGGER, POSITION), figures):
            what = what + " (%s's tap)" % where if what[0] != " " else what
            summarize(what, "%.1f %%" % asked, "%.2f %%" % measured, measured >= asked)
    for name, (kernel, ours, _) in sums.items():
        summarize(name + ": kernel, netdx", "1 %, or 1", "%d, %d" % (kernel, ours),
                  agrees(kernel, ours))


def check(scores, sums, failed):
    count = 0

    def say(good, name, notes=()):
        nonlocal count
        count += 1
        print("%s %d - flows truth: %s" % ("ok" if good else "not ok", count, name))
        for note in notes if not good else ():
            print("# " + note)

    say(not failed, "every transfer could be compared", failed)
    for where in ("sender", "receiver"):
        s = scores.get(("netdx", where), Score())
        at = "at the %s's side" % where
        say(s.true >= 50 and enough(s.found, s.true, RECALL),
            "%s retransmissions are found (%d of %d)" % (at, s.found, s.true), s.wrong[:20])
        say(s.found >= 50 and enough(s.found, s.found + s.false, PRECISION),
            "%s nothing else is called one (%d)" % (at, s.false), s.wrong[:20])
        say(s.trigger_known >= 20 and enough(s.trigger_right, s.trigger_known, TRIGGER),
            "%s triggers are right (%d of %d)" % (at, s.trigger_right, s.trigger_known),
            s.wrong[:20])
        say(s.position_known >= 50 and enough(s.position_right, s.position_known, POSITION),
            "%s losses are placed right (%d of %d)" % (at, s.position_right, s.position_known),
            s.wrong[:20])
    for name, (kernel, ours, _) in sums.items():
        say(agrees(kernel, ours), "%s agrees (kernel %d, netdx %d)" % (name, kernel, ours))
    print("1..%d" % count)


def main():
    mode, netdx, seeds = sys.argv[1:4]
    jobs = int(sys.argv[4]) if len(sys.argv) > 4 else 2
    first, _, last = seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    scores, sums, failed = run_all(os.path.realpath(netdx), seeds, jobs, mode == "bench")
    if mode == "check":
        check(scores, sums, failed)
    else:
        table(scores, sums, failed, len(seeds))


main()
