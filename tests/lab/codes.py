"""Failure codes of services: the manual has those of the sources, scenarios produce those of the manual.

codes.py   run from the top directory; prints a line of TAP per code
"""
import glob
import re

import yaml

MANUAL = "man/netdx-json.5"
SOURCES = ("libcore/base/cause.c", "libcore/engine/service*.c", "libcore/engine/http*.c",
           "libcore/io/tls*.c", "libcore/wire/tls_facts.c", "tools/service_*.c")
CODE = re.compile(r'"((?:tcp|tls|http|banner|h2|quic)\.[a-z0-9_.]+)"')
# What the lab cannot produce, and where it is tested.
ELSEWHERE = {
    "tcp.failed": "tests/unit/test_cause.c",  # an errno that no network makes
    "tcp.local_drop": "tests/cli/banner_wire.bats",  # a filter of the client's own
    "tcp.unreachable.neighbour": "tests/cli/banner_hostile.bats",  # a link with ARP
}
NOTES = {"http.head_refused", "http.redirect_downgrade", "http.redirect_private", "http.redirect_scheme"}


def section(text, title):
    """The entries of a section's list."""
    body = text.split(".Ss " + title, 1)[1].split("\n.Ss ", 1)[0]
    for line in body.splitlines():
        if line.startswith(".It "):
            yield line[4:]


def expanded(entries):
    """tcp.reset.* Pq on_accept, ... -> tcp.reset.on_accept ...; a group without members stays."""
    for entry in entries:
        words, members = (entry.split(" Pq ", 1) + [""])[:2]
        for code in re.findall(r"Qq ([a-z0-9_.*]+)", words):
            if not code.endswith(".*"):
                yield code
            elif not members:
                yield code
            for member in re.findall(r"[a-z0-9_]+", members) if code.endswith(".*") else []:
                yield code[:-1] + member


def certificate_problems(text):
    list_ = text.split('.Qq tls.cert.*\nwith ', 1)[1].split(".\n", 1)[0]
    return ["tls.cert." + name for name in re.findall(r"[a-z_]+", list_)]


def produced():
    for path in glob.glob("tools/scenarios/*.yaml"):
        with open(path) as file:
            for entry in yaml.safe_load(file).get("expect", []):
                if entry["command"] == "banner":
                    yield entry["code"]
                    yield from entry.get("findings", [])


def has(code, codes):
    """A code, or of a group one member."""
    if code.endswith("."):
        code += "*"
    return code in codes or (code.endswith("*") and any(c.startswith(code[:-1]) for c in codes))


def say(good, what, why):
    print("%s - %s" % ("ok" if good else "not ok", what) + ("" if good else "\n# " + why))


def main():
    with open(MANUAL) as file:
        text = file.read()
    manual = set(expanded(section(text, "Failures of services"))) | set(certificate_problems(text))
    manual = {code for code in manual if not code.startswith("local.")}
    manual |= {"dns." + name for name in ("nxdomain", "nodata", "servfail", "refused", "timeout", "unreachable")}
    manual.discard("dns.*")
    shown = set(produced())
    for code in sorted(manual):
        if code in ELSEWHERE:
            with open(ELSEWHERE[code]) as file:
                say(code in file.read(), "%s tests %s" % (ELSEWHERE[code], code), "it does not")
        else:
            say(has(code, shown), "a scenario produces " + code, "no built-in scenario expects it")
    groups = {code[:-1] for code in manual if code.endswith("*")}
    for source in sorted(path for pattern in SOURCES for path in glob.glob(pattern)):
        with open(source) as file:
            for code in sorted(set(CODE.findall(file.read())) - NOTES):
                say(has(code, manual) or any((code + ".").startswith(group) for group in groups),
                    "%s of %s is in the manual" % (code, source), "not in %s" % MANUAL)


main()
