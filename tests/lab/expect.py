"""One scenario's expectations against what netdx says.

expect.py list NAME                 reads the YAML on stdin, prints "NAME INDEX FAMILY" lines
expect.py run NETDX NAME INDEX FAMILY   reads the YAML on stdin, runs one, prints a line of TAP
"""
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

import yaml

ATTEMPTS = 3
SECONDS = 60  # each
LATE_MS = 2  # what a measurement may take for the path's own jitter
COMMANDS = ("trace", "syn", "flows")


def families(expectation):
    arguments = shlex.split(expectation.get("arguments") or "")
    return [option for option in ("-4", "-6") if option in arguments] or ["-4", "-6"]


def facts(command, document):
    """The part of a document that an expectation is about: its end and its findings."""
    if command == "flows":
        return None, document["findings"]
    if command == "trace":
        return (document.get("end") or {}).get("reason"), document["findings"]
    targets = document["targets"]
    if len(targets) != 1:
        raise ValueError("%d targets in place of one" % len(targets))
    if targets[0]["error"]:
        raise ValueError("error: %s" % targets[0]["error"])
    return targets[0]["outcome"], targets[0]["findings"]


def problems(command, document, expectation):
    """What the document says that it should not, or does not say that it should."""
    if document.get("error"):
        yield "error: %s" % document["error"]
        return
    end, findings = facts(command, document)
    if expectation.get("end") and end != expectation["end"]:
        yield 'end is "%s", expected "%s"' % (end, expectation["end"])
    if "findings" not in expectation:
        return
    found = {finding["id"] for finding in findings}
    wanted = set(expectation["findings"])
    for name in sorted(wanted - found):
        yield "%s is not found" % name
    for name in sorted(found - wanted):
        yield "%s is found and not expected" % name


def say(label, bad, notes=()):
    lines = ["%s - %s" % ("not ok" if bad else "ok", label.strip())]
    print("\n".join(lines + ["# " + line for line in list(notes) + bad]), flush=True)


def judge(command, done, expectation, check):
    """Problems of a finished netdx: no document, what `check` finds in it, an odd status."""
    try:
        bad = list(check(command, json.loads(done.stdout), expectation))
    except (ValueError, KeyError, TypeError) as error:
        bad = ["no document (%s): status %d: %s" % (error, done.returncode, done.stderr.strip())]
    if done.returncode not in (0, 1, 2):
        bad.append("exit status %d" % done.returncode)
    return bad


def late_ms(chatter):
    """By how much the lab was late at most, as it says itself (lab -v); 0 when it does not say."""
    most = re.search(r"([0-9.]+) us \(most\)", chatter)
    return float(most.group(1)) / 1e3 if most else 0


def run_probe(netdx, name, family, expectation):
    command = expectation["command"]
    arguments = shlex.split(expectation.get("arguments") or "")
    line = [netdx, "lab", "-v", name, "--", netdx, command, "--json", family] + arguments + ["server.lab"]
    notes = []
    # On a busy machine the lab itself delays packets, and netdx is right to find that: again.
    for _ in range(ATTEMPTS):
        done = subprocess.run(line, capture_output=True, text=True, timeout=SECONDS)
        bad, late = judge(command, done, expectation, problems), late_ms(done.stderr)
        if not bad or late < LATE_MS:
            break
        notes.append("the lab was late by %.1f ms: %s" % (late, "; ".join(bad)))
    say("lab %s %s %s %s" % (name, command, family, " ".join(arguments)), bad, notes)


def flow_problems(command, document, expectation):
    """The first RST of the only flow that was reset, and the findings."""
    yield from problems(command, document, dict(expectation, end=None))
    resets = [flow["reset"] for flow in document["flows"] if flow["reset"]]
    wanted = expectation.get("reset")
    if wanted and len(resets) != 1:
        yield "%d flows were reset, expected one" % len(resets)
    for reset in resets[:1] if wanted else []:
        for field, value in wanted.items():
            if reset[field] != value:
                yield "%s of the reset is %s, expected %s (%s)" % (
                    field, reset[field], value, ", ".join(reset["reasons"]))
    if not wanted and any(reset["forged"] for reset in resets):
        yield "a reset is called forged"


def run_flows(netdx, name, index, family, expectation):
    side = expectation.get("capture", "client")
    environment = dict(os.environ, NETDX=netdx,
                       TARGET="ipv%s.server.lab" % family.strip("-"))
    with tempfile.TemporaryDirectory() as work:
        capture = os.path.join(work, "capture")
        subprocess.run([netdx, "lab", "--capture-" + side, capture, name, "--", "sh", "-c",
                        expectation["run"]], env=environment, capture_output=True, timeout=60)
        os.chmod(work, 0o755)
        done = subprocess.run([netdx, "flows", "--json", "-r", capture] +
                              shlex.split(expectation.get("arguments") or ""),
                              capture_output=True, text=True, timeout=60)
        say("lab %s flows %s, run %d" % (name, family, index),
            judge("flows", done, expectation, flow_problems))


def main():
    entries = [entry for entry in yaml.safe_load(sys.stdin).get("expect", [])
               if entry["command"] in COMMANDS]
    if sys.argv[1] == "list":
        for index, entry in enumerate(entries):
            for family in families(entry):
                print(sys.argv[2], index, family)
        return
    netdx, name, index, family = sys.argv[2:]
    expectation = entries[int(index)]
    if expectation["command"] == "flows":
        run_flows(netdx, name, int(index), family, expectation)
    else:
        run_probe(netdx, name, family, expectation)


main()
