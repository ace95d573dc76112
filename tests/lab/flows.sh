#!/bin/bash
# What netdx flows says of real transfers, against the truth: a few of those that `make bench` makes.
exec python3 "$(dirname "$0")/flows_truth.py" check "${NETDX:-build/netdx}" 1-14 2
