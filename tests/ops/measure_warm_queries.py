#!/usr/bin/env python3
"""Requests and bytes that a warm query costs the object storage, ours beside another store on the same bucket.

    measure_warm_queries.py BINARY BLOCKS --peer BINARY [--moto PYTHON]

BLOCKS is a directory of blocks (those of ../shared/bench/makeblocks.py for the queries below). One store of each binary
serves it, one querier of BINARY asks each store the same dashboard queries: twice to warm up, then once counted by
thanos_objstore_bucket_operations_total and thanos_objstore_bucket_operation_fetched_bytes_total of the store. Nothing is
timed, so that a busy machine does no harm. With --moto the blocks lie in an S3 that moto, a package of that interpreter,
serves: where requests take time ours reads more at once than from a local disk. Exit code 1 when a query costs more than
with the peer, or is answered differently.
"""
import argparse
import json
import re
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

from roles import Stand, free_port

QUERIES = {  # expression, range in hours back from the end (0: instant), step in seconds
    "selector": ("process_resident_memory_bytes{code!='x'}", 1, 60),
    "rate": ("rate(http_requests_total[5m])", 1, 60),
    "sum by rate": ("sum by (namespace) (rate(http_requests_total[5m]))", 6, 60),
    "sum rate all": ("sum(rate(http_requests_total[5m]))", 24, 300),
    "histogram_quantile": ("histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))", 3, 60),
    "count of everything": ("count({__name__=~'.+'})", 0, 0),
    "regex matcher": ("sum({__name__=~'http_.+|process_.+',pod=~'.*-0+[1-9].*'})", 1, 60),
    "some pods": ("process_resident_memory_bytes{pod=~'.*-0+1[0-9]?-.*'}", 12, 60),
    "absent": ("absent(process_resident_memory_bytes{pod='none'})", 6, 60),
}
OPERATIONS = "thanos_objstore_bucket_operations_total"
BYTES = "thanos_objstore_bucket_operation_fetched_bytes_total"


class Stack:
    """A store of `binary` on the blocks of `bucket`, and our querier over it."""

    def __init__(self, stand, bucket, binary=None, *flags):
        self.store = stand.start("store", *flags, bucket=bucket, binary=binary)
        self.query = stand.start("query", f"--endpoint={self.store.grpc}")
        deadline = time.monotonic() + 120
        while '"store"' not in self.stores():
            if time.monotonic() > deadline:
                raise TimeoutError(f"no store after 120 s:\n{self.store.log()}")
            time.sleep(0.1)

    def stores(self):
        try:
            return self.query.get("/api/v1/stores")[1]
        except OSError:
            return ""

    def counts(self):
        """(operations, bytes) of the store so far."""
        sums = {OPERATIONS: 0.0, BYTES: 0.0}
        for line in self.store.get("/metrics")[1].splitlines():
            found = re.match(rf"({OPERATIONS}|{BYTES})(?:\{{[^}}]*\}})? (\S+)", line)
            if found:
                sums[found[1]] += float(found[2])
        return sums[OPERATIONS], sums[BYTES]

    def ask(self, query, end):
        expression, hours, step = query
        if hours:
            path = "query_range?" + urllib.parse.urlencode({"query": expression, "start": end - hours * 3600, "end": end, "step": step})
        else:
            path = "query?" + urllib.parse.urlencode({"query": expression, "time": end - 60})
        answer = json.loads(self.query.get(f"/api/v1/{path}", 120)[1])
        if answer["status"] != "success":
            raise RuntimeError(f"{expression}: {answer}")
        result = answer["data"]["result"]
        return len(result), sum(len(series.get("values", [0])) for series in result)

    def measure(self, query, end):
        for _ in range(2):
            self.ask(query, end)
        before = self.counts()
        shape = self.ask(query, end)
        after = self.counts()
        return shape, after[0] - before[0], after[1] - before[1]


def folder(blocks):
    return f"type: FILESYSTEM\nconfig:\n  directory: {blocks}\n"


def fill_s3(stand, python, blocks):
    """The configuration of a bucket that holds the blocks, in an S3 of its own."""
    address = f"127.0.0.1:{free_port()}"
    moto = stand.run(["-m", "moto.server", "-H", "127.0.0.1", "-p", address.split(":")[1]], binary=python)
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(urllib.request.Request(f"http://{address}/blocks", method="PUT"), timeout=10).read()
            break
        except OSError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no S3 after 60 s:\n{moto.log()}")
            time.sleep(0.2)
    bucket = (f"type: S3\nconfig:\n  bucket: blocks\n  endpoint: {address}\n  insecure: true\n"
              "  access_key: key\n  secret_key: secret\n  region: us-east-1\n")
    copy = stand.run(["tools", "bucket", "replicate", "--single-run",
                      f"--objstore.config-file={stand.write('from.yml', folder(blocks))}",
                      f"--objstore-to.config-file={stand.write('to.yml', bucket)}", f"--http-address=127.0.0.1:{free_port()}"])
    if copy.wait(600) != 0:
        raise RuntimeError(f"copy of the blocks:\n{copy.log()}")
    return bucket


def last_time(blocks):
    """End of the blocks, whole minutes in seconds."""
    return max(json.loads(meta.read_text())["maxTime"] for meta in Path(blocks).glob("*/meta.json")) // 60000 * 60


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("blocks")
    parser.add_argument("--peer", required=True)
    parser.add_argument("--moto", metavar="PYTHON")
    options = parser.parse_args()
    end, failed = last_time(options.blocks), False
    with Stand(options.binary) as stand:
        bucket = fill_s3(stand, options.moto, options.blocks) if options.moto else folder(options.blocks)
        stacks = [Stack(stand, bucket), Stack(stand, bucket, options.peer)]
        print("| Query | requests | of the peer | KB | of the peer |\n| --- | --- | --- | --- | --- |")
        for name, query in QUERIES.items():
            (shape, requests, size), (peer_shape, peer_requests, peer_size) = [s.measure(query, end) for s in stacks]
            worse = shape != peer_shape or requests > peer_requests or size > peer_size
            failed |= worse
            print(f"| {name} | {requests:.0f} | {peer_requests:.0f} | {size / 1e3:.0f} | {peer_size / 1e3:.0f} |"
                  + (" more, or another answer" if worse else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
