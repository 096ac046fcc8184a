#!/usr/bin/env python3
"""How soon a role is ready and what it holds when idle, beside a peer in the same run.

    measure_start.py BINARY [--peer BINARY] [--runs N]

Time from the start of the process to the first 200 of /-/ready; memory of its own (RssAnon), which
leaves out what shared libraries bring.
"""
import argparse
import re
import statistics
import sys
import time
from pathlib import Path

from roles import Stand


def measure(binary, role):
    with Stand(binary) as stand:
        started = stand.start(role)
        seconds = started.wait_ready()
        time.sleep(1)
        status = Path(f"/proc/{started.pid}/status").read_text()
        return seconds, int(re.search(r"RssAnon:\s+(\d+)", status).group(1)) / 1024


def show(name, role, samples):
    times = [seconds for seconds, _ in samples]
    memory = [megabytes for _, megabytes in samples]
    print(f"{role:8} {name:6} ready {min(times):.3f} / {statistics.median(times):.3f} / "
          f"{max(times):.3f} s, own memory {statistics.median(memory):.1f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("--peer")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    binaries = [("here", options.binary)] + ([("peer", options.peer)] if options.peer else [])
    print(f"minimum / median / maximum of {options.runs} runs, turn by turn")
    for role in ("query", "store"):
        samples = {name: [] for name, _ in binaries}
        for _ in range(options.runs):
            for name, binary in binaries:
                samples[name].append(measure(binary, role))
        for name, _ in binaries:
            show(name, role, samples[name])


if __name__ == "__main__":
    sys.exit(main())
