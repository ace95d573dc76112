"""Rows of the table of what was asked and what was measured, with which bench.sh ends."""
import os


def summarize(what, asked, measured, met):
    """`met` None: nothing was asked."""
    with open(os.environ["BENCH_SUMMARY"], "a") as out:
        verdict = "-" if met is None else "yes" if met else "NO"
        print(what, asked, measured, verdict, sep="\t", file=out)
