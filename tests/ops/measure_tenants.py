#!/usr/bin/env python3
"""What one greedy tenant does to another: latencies of a modest tenant alone, and beside 64 clients of a greedy one.

    measure_tenants.py BINARY BLOCKS [--clients N] [--queries N]

BLOCKS is a directory of blocks of ../shared/bench/makeblocks.py. Both tenants ask one querier over one store: the modest
one a dashboard query, one after the other, the greedy one from N connections a query over all there is. Prints median
and 99th percentile of the modest one's, and the quotient; the aim is 2.
"""
import argparse
import http.client
import json
import multiprocessing
import shutil
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

from measure_warm_queries import Stack, folder

MODEST = ("sum by (namespace) (process_resident_memory_bytes)", 1, 60)
GREEDY = ("sum(rate(http_requests_total[5m]))", 24, 300)


def ask(connection, tenant, query, end):
    expression, hours, step = query
    path = "/api/v1/query_range?" + urllib.parse.urlencode({"query": expression, "start": end - hours * 3600, "end": end, "step": step})
    connection.request("GET", path, headers={"THANOS-TENANT": tenant})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {body[:200]}")


def hammer(port, end):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    while True:
        try:
            ask(connection, "greedy", GREEDY, end)
        except (RuntimeError, OSError, http.client.HTTPException):
            connection.close()
            time.sleep(0.05)


def latencies(port, end, count):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    out = []
    for _ in range(count):
        begin = time.monotonic()
        ask(connection, "modest", MODEST, end)
        out.append(time.monotonic() - begin)
    out.sort()
    return out[len(out) // 2] * 1e3, out[min(len(out) - 1, len(out) * 99 // 100)] * 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("blocks")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--queries", type=int, default=200)
    options = parser.parse_args()
    metas = [json.loads(meta.read_text()) for meta in Path(options.blocks).glob("*/meta.json")]
    end = max(meta["maxTime"] for meta in metas) // 60000 * 60
    directory = tempfile.mkdtemp(prefix="tenants-")
    stack, greedy = Stack(options.binary, options.binary, folder(options.blocks), f"{directory}/stack"), []
    try:
        latencies(stack.query, end, 10)
        idle = latencies(stack.query, end, options.queries)
        greedy = [multiprocessing.Process(target=hammer, args=(stack.query, end), daemon=True) for _ in range(options.clients)]
        for process in greedy:
            process.start()
        time.sleep(2)
        busy = latencies(stack.query, end, options.queries)
    finally:
        for process in greedy:
            process.kill()
        stack.stop()
        shutil.rmtree(directory, ignore_errors=True)
    print(f"alone: median {idle[0]:.1f} ms, p99 {idle[1]:.1f} ms; beside {options.clients} clients: median {busy[0]:.1f} ms, "
          f"p99 {busy[1]:.1f} ms, {busy[1] / idle[1]:.1f} times")
    return 0


if __name__ == "__main__":
    sys.exit(main())
