"""One scenario's expectations against what netdx says.

expect.py list NAME                 reads the YAML on stdin, prints "NAME INDEX FAMILY" lines
expect.py run NETDX NAME INDEX FAMILY   reads the YAML on stdin, runs one, prints a line of TAP
"""
import json
import re
import shlex
import subprocess
import sys

ATTEMPTS = 3
SECONDS = 60  # each
LATE_MS = 2  # what a measurement may take for the path's own jitter


def scalar(text):
    return text.strip().strip("\"'")


def expectations(yaml):
    """The `expect:` list of a scenario: flat maps with one inline or indented list, no library."""
    entries, inside, key = [], False, None
    for line in yaml.splitlines():
        body = line.split(" #")[0].rstrip()
        if not body or body.lstrip().startswith("#"):
            continue
        if not body[0].isspace() and body[0] != "-":
            inside = body.startswith("expect:")
            continue
        if not inside:
            continue
        text = body.strip()
        if text.startswith("- ") and ":" in text.split()[1]:
            entries.append({})
            text = text[2:].strip()
        elif text.startswith("- "):
            entries[-1].setdefault(key, []).append(scalar(text[2:]))
            continue
        key, _, value = text.partition(":")
        value = value.strip()
        if value.startswith("["):
            entries[-1][key] = [scalar(item) for item in value.strip("[]").split(",") if item.strip()]
        elif value:
            entries[-1][key] = scalar(value)
        else:
            entries[-1][key] = []
    return entries


def families(expectation):
    arguments = shlex.split(expectation.get("arguments") or "")
    return [option for option in ("-4", "-6") if option in arguments] or ["-4", "-6"]


def facts(command, document):
    """The part of a document that an expectation is about: its end and its findings."""
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


def late_ms(chatter):
    """By how much the lab was late at most, as it says itself (lab -v); 0 when it does not say."""
    most = re.search(r"([0-9.]+) us \(most\)", chatter)
    return float(most.group(1)) / 1e3 if most else 0


def attempt(line, expectation):
    """What is wrong, and whether the lab kept time."""
    try:
        done = subprocess.run(line, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return ["not finished after %d s" % SECONDS], 0
    try:
        bad = list(problems(expectation["command"], json.loads(done.stdout), expectation))
    except (ValueError, KeyError, TypeError) as error:
        bad = ["no document (%s): status %d: %s" % (error, done.returncode, done.stderr.strip())]
    if done.returncode not in (0, 1, 2):
        bad.append("exit status %d" % done.returncode)
    return bad, late_ms(done.stderr)


def run(netdx, name, family, expectation):
    command = expectation["command"]
    arguments = shlex.split(expectation.get("arguments") or "")
    line = [netdx, "lab", "-v", name, "--", netdx, command, "--json", family] + arguments + ["server.lab"]
    notes = []
    # On a busy machine the lab itself delays packets, and netdx is right to find that: again.
    for _ in range(ATTEMPTS):
        bad, late = attempt(line, expectation)
        if not bad or late < LATE_MS:
            break
        notes.append("the lab was late by %.1f ms: %s" % (late, "; ".join(bad)))
    label = "lab %s %s %s %s" % (name, command, family, " ".join(arguments))
    lines = ["%s - %s" % ("not ok" if bad else "ok", label.strip())]
    print("\n".join(lines + ["# " + line for line in notes + bad]), flush=True)


def main():
    entries = [entry for entry in expectations(sys.stdin.read())
               if entry.get("command") in ("trace", "syn")]
    if sys.argv[1] == "list":
        for index, entry in enumerate(entries):
            for family in families(entry):
                print(sys.argv[2], index, family)
    else:
        netdx, name, index, family = sys.argv[2:]
        run(netdx, name, family, entries[int(index)])


main()
