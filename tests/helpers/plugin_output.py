#!/usr/bin/env python3
"""Reads a monitoring plugin's output as the Monitoring Plugins Development Guidelines write it.

Prints one JSON document: the level, the first line's text, the further lines, and the performance
data. Ends with a message and status 1 when it is none.
"""
import json
import re
import sys

LABEL = r"(?:'(?P<quoted>(?:[^'=]|'')+)'|(?P<plain>[^ '=]+))"
NUMBER = r"-?(?:\d+(?:\.\d*)?|\.\d+)"
RANGE = rf"@?(?:{NUMBER}|~|{NUMBER}?:|(?:{NUMBER}|~):{NUMBER}?)"
DATUM = re.compile(
    rf"{LABEL}=(?P<value>{NUMBER}|U)(?P<unit>us|ms|s|%|B|KB|MB|TB|c|)"
    rf"(?:;(?P<warn>{RANGE})?)?(?:;(?P<crit>{RANGE})?)?(?:;(?P<min>{NUMBER})?)?(?:;(?P<max>{NUMBER})?)?"
    r"(?= |$)")


def performance(text):
    data, at = {}, 0
    text = text.strip(" ")
    while at < len(text):
        match = DATUM.match(text, at)
        if not match:
            sys.exit(f"no performance datum at {text[at:at + 60]!r}")
        label = match["quoted"].replace("''", "'") if match["quoted"] else match["plain"]
        if label in data:
            sys.exit(f"label {label!r} is there twice")
        data[label] = {k: match[k] for k in ("value", "unit", "warn", "crit", "min", "max")}
        at = match.end()
        while at < len(text) and text[at] == " ":
            at += 1
    return data


def main():
    lines = sys.stdin.read().split("\n")
    if lines.pop():
        sys.exit("the last line does not end")
    text, _, data = lines[0].partition("|")
    level = re.match(r"(OK|WARNING|CRITICAL|UNKNOWN)\b", text)
    if not level:
        sys.exit(f"no level in {text!r}")
    for line in lines[1:] + [data]:
        if "|" in line:
            sys.exit(f"a bar in {line!r}")
    if not all(line.isprintable() for line in lines):
        sys.exit("control characters")
    json.dump({"level": level[1], "text": text.strip(), "lines": lines[1:],
               "data": performance(data)}, sys.stdout)


main()
