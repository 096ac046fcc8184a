#!/usr/bin/env python3
"""Requests and bytes that a warm query costs the object storage, ours beside another store on the same bucket.

    measure_warm_queries.py BINARY BLOCKS --peer BINARY [--moto PYTHON]

BLOCKS is a directory of blocks (those of ../shared/bench/makeblocks.py for the queries below). One store of each binary
serves it, one querier of BINARY asks each store the same dashboard queries: twice to warm up, then once counted by
thanos_objstore_bucket_operations_total and thanos_objstore_bucket_operation_fetched_bytes_total of the store. Nothing is
timed, so that a busy machine does no harm. With --moto the blocks lie in an S3 that moto, a package of that interpreter,
serves: where requests take time ours reads more at once than from a local disk. Exit code 1 when a query costs more than with the peer, or is answered
differently.
"""
import argparse
import http.client
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

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


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", path)
    return connection.getresponse().read()


class Stack:
    """A store of `binary` on the blocks, and our querier over it."""

    def __init__(self, ours, binary, bucket, directory):
        self.directory = Path(directory)
        self.directory.mkdir()
        config = self.directory / "bucket.yml"
        config.write_text(bucket)
        self.store, grpc, self.query = free_port(), free_port(), free_port()
        self.processes = [
            self.start("store", binary, "store", f"--objstore.config-file={config}", f"--data-dir={self.directory}/data",
                       f"--http-address=127.0.0.1:{self.store}", f"--grpc-address=127.0.0.1:{grpc}"),
            self.start("query", ours, "query", f"--endpoint=127.0.0.1:{grpc}", f"--http-address=127.0.0.1:{self.query}",
                       f"--grpc-address=127.0.0.1:{free_port()}")]
        deadline = time.monotonic() + 120
        while b'"store"' not in self.try_get(self.query, "/api/v1/stores"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{binary}: no store after 120 s, see {self.directory}")
            time.sleep(0.1)

    def start(self, name, *command):
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=open(self.directory / f"{name}.log", "w"))

    @staticmethod
    def try_get(port, path):
        try:
            return get(port, path)
        except OSError:
            return b""

    def counts(self):
        """(operations, bytes) of the store so far."""
        sums = {OPERATIONS: 0.0, BYTES: 0.0}
        for line in get(self.store, "/metrics").decode().splitlines():
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
        answer = json.loads(get(self.query, f"/api/v1/{path}"))
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

    def stop(self):
        for process in self.processes:
            process.terminate()
            process.wait()


def folder(blocks):
    return f"type: FILESYSTEM\nconfig:\n  directory: {blocks}\n"


def fill_s3(python, ours, blocks, directory):
    """(process, bucket's configuration) of an S3 that holds the blocks."""
    port = free_port()
    server = subprocess.Popen([python, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("PUT", "/blocks")
            connection.getresponse().read()
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
    bucket = (f"type: S3\nconfig:\n  bucket: blocks\n  endpoint: 127.0.0.1:{port}\n  insecure: true\n"
              "  access_key: key\n  secret_key: secret\n  region: us-east-1\n")
    (Path(directory) / "from.yml").write_text(folder(blocks))
    (Path(directory) / "to.yml").write_text(bucket)
    subprocess.run([ours, "tools", "bucket", "replicate", "--single-run", f"--objstore.config-file={directory}/from.yml",
                    f"--objstore-to.config-file={directory}/to.yml", f"--http-address=127.0.0.1:{free_port()}"],
                   check=True, stderr=subprocess.DEVNULL)
    return server, bucket


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("blocks")
    parser.add_argument("--peer", required=True)
    parser.add_argument("--moto", metavar="PYTHON")
    options = parser.parse_args()
    metas = [json.loads(meta.read_text()) for meta in Path(options.blocks).glob("*/meta.json")]
    end = max(meta["maxTime"] for meta in metas) // 60000 * 60
    directory = tempfile.mkdtemp(prefix="warm-queries-")
    stacks, failed, server, bucket = [], False, None, folder(options.blocks)
    try:
        if options.moto:
            server, bucket = fill_s3(options.moto, options.binary, options.blocks, directory)
        for name, binary in (("ours", options.binary), ("peer", options.peer)):
            stacks.append(Stack(options.binary, binary, bucket, f"{directory}/{name}"))
        print("| Query | requests | of the peer | KB | of the peer |\n| --- | --- | --- | --- | --- |")
        for name, query in QUERIES.items():
            (shape, requests, size), (peer_shape, peer_requests, peer_size) = [s.measure(query, end) for s in stacks]
            worse = shape != peer_shape or requests > peer_requests or size > peer_size
            failed |= worse
            print(f"| {name} | {requests:.0f} | {peer_requests:.0f} | {size / 1e3:.0f} | {peer_size / 1e3:.0f} |"
                  + (" more, or another answer" if worse else ""))
    finally:
        for stack in stacks:
            stack.stop()
        if server:
            server.terminate()
            server.wait()
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
