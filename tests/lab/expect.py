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
COMMANDS = ("trace", "syn", "flows", "banner")
BANNERS_AT_ONCE = 6
PHASES = 3  # connect, TLS, answer: each may take the whole of --timeout
BANNER_SLACK_MS = 800  # a busy machine's


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


def with_timeout(entry):
    arguments = entry.get("arguments") or ""
    return arguments if "--timeout" in arguments else "--timeout 3s " + arguments


def banner_findings(target):
    """Everything that is told beside the failure."""
    http = target["http"] or {}
    found = set((target["tls"] or {}).get("problems", [])) | set(target["notes"])
    found |= {"note." + note for note in http.get("notes", [])}
    if target["quic"]:
        found.add(target["quic"]["code"])
    for hop in http.get("redirects", []):
        found |= {name for name, key in (("http.redirect_downgrade", "downgrade"),
                                         ("http.redirect_private", "to_private"),
                                         ("http.redirect_scheme", "foreign")) if hop[key]}
    return found


def banner_problems(command, document, expectation):
    targets = document["targets"]
    if len(targets) != 1:
        raise ValueError("%d targets in place of one" % len(targets))
    target = targets[0]
    code = (target["error"] or {}).get("code", "none")
    if code != expectation["code"]:
        yield "%s, expected %s: %s" % (code, expectation["code"], target["error"])
    version = (target["tls"] or {}).get("version")
    if expectation.get("end") and version != expectation["end"]:
        yield "%s is spoken, expected %s" % (version, expectation["end"])
    found, wanted = banner_findings(target), set(expectation.get("findings", []))
    if "findings" in expectation and found != wanted:
        yield "found are %s, expected %s" % (sorted(found), sorted(wanted))
    timeout = re.search(r"--timeout ([0-9]+)s", expectation["arguments"])
    most = PHASES * 1e3 * int(timeout.group(1)) + BANNER_SLACK_MS
    if document["elapsed_ms"] > most:
        yield "took %.0f ms, at most %.0f are allowed" % (document["elapsed_ms"], most)
    if code.endswith((".timeout", ".timed_out", "_lost")) and target["timing_ms"]["total"] is not None:
        late = target["timing_ms"]["total"] - 1e3 * int(timeout.group(1))
        if not -10 <= late <= BANNER_SLACK_MS:
            yield "timed out %.0f ms late" % late


def banner_script(netdx, family, entries):
    """Several at once: most of them wait."""
    for i, entry in enumerate(entries):
        yield "%s banner --json %s %s %s >%d.json 2>%d.err &" % (
            shlex.quote(netdx), family, entry["arguments"], entry.get("target", "server.lab"), i, i)
        if i % BANNERS_AT_ONCE == BANNERS_AT_ONCE - 1:
            yield "wait"
    yield "wait"


def run_banners(netdx, name, family, entries):
    """All of a scenario in one lab, those that failed again: a busy machine is late."""
    left, notes = list(entries), {}
    for _ in range(ATTEMPTS):
        with tempfile.TemporaryDirectory() as work:
            script = "\n".join(banner_script(netdx, family, left))
            lab = subprocess.run([netdx, "lab", name, "--", "sh", "-c", script], cwd=work,
                                 capture_output=True, text=True, timeout=2 * SECONDS)
            for i, entry in enumerate(left):
                with open(os.path.join(work, "%d.json" % i)) as out, \
                        open(os.path.join(work, "%d.err" % i)) as err:
                    done = subprocess.CompletedProcess([], lab.returncode, out.read(), err.read())
                notes[id(entry)] = judge("banner", done, entry, banner_problems)
        left = [entry for entry in left if notes[id(entry)]]
        if not left:
            break
    for entry in entries:
        say("lab %s banner %s %s %s is %s" % (name, family, entry["arguments"],
                                              entry.get("target", ""), entry["code"]),
            notes[id(entry)])


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
            for family in families(entry) if entry["command"] != "banner" else []:
                print(sys.argv[2], index, family)
        for family in ("-4", "-6"):
            if any(entry["command"] == "banner" and family in families(entry) for entry in entries):
                print(sys.argv[2], "banner", family)
        return
    netdx, name, index, family = [os.path.realpath(sys.argv[2])] + sys.argv[3:]
    if index == "banner":
        run_banners(netdx, name, family,
                    [dict(entry, arguments=with_timeout(entry)) for entry in entries
                     if entry["command"] == "banner" and family in families(entry)])
        return
    expectation = entries[int(index)]
    if expectation["command"] == "flows":
        run_flows(netdx, name, int(index), family, expectation)
    else:
        run_probe(netdx, name, family, expectation)


main()
