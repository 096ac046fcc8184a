#!/usr/bin/env python3
"""What one greedy tenant does to another: latencies of a modest tenant alone, and beside 64 clients of a greedy one.

    measure_tenants.py BINARY BLOCKS [--clients N] [--queries N]

BLOCKS is a directory of blocks of ../shared/bench/makeblocks.py. Both tenants ask one querier over one store: the modest
one a dashboard query, one after the other, the greedy one from N connections a query over all there is. Prints median
and 99th percentile of the modest one's, and the quotient; the aim is 2.
"""
import argparse
import http.client
import multiprocessing
import sys
import time
import urllib.parse

from measure_warm_queries import Stack, folder, last_time
from roles import Stand

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


def hammer(address, end):
    connection = http.client.HTTPConnection(address, timeout=120)
    while True:
        try:
            ask(connection, "greedy", GREEDY, end)
        except (RuntimeError, OSError, http.client.HTTPException):
            connection.close()
            time.sleep(0.05)


def latencies(address, end, count):
    connection = http.client.HTTPConnection(address, timeout=120)
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
    end, greedy = last_time(options.blocks), []
    with Stand(options.binary) as stand:
        address = Stack(stand, folder(options.blocks)).query.http
        try:
            latencies(address, end, 10)
            idle = latencies(address, end, options.queries)
            greedy = [multiprocessing.Process(target=hammer, args=(address, end), daemon=True) for _ in range(options.clients)]
            for process in greedy:
                process.start()
            time.sleep(2)
            busy = latencies(address, end, options.queries)
        finally:
            for process in greedy:
                process.kill()
    print(f"alone: median {idle[0]:.1f} ms, p99 {idle[1]:.1f} ms; beside {options.clients} clients: median {busy[0]:.1f} ms, "
          f"p99 {busy[1]:.1f} ms, {busy[1] / idle[1]:.1f} times")
    return 0


if __name__ == "__main__":
    sys.exit(main())
