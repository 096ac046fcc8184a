#!/usr/bin/env python3
"""What a sidecar costs the node it shares with its Prometheus, beside a peer in the same run.

    measure_sidecar.py BINARY --blocks-tool promqlblocks [--peer BINARY] [--prometheus P] [--series N] [--runs N]

read:    every series of a real Prometheus, two hours at 15 s, as one Series call. CPU of the sidecar, and
         its peak memory above what it held when idle. Needs the client of ../shared/bench.
upload:  one block of 1 GB, to a directory and to an S3 that takes everything; the same two figures.
"""
import argparse
import http.server
import importlib.util
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from roles import FakePrometheus, Role, free_port

SHARED = Path(__file__).resolve().parents[3] / "shared" / "bench" / "h2count.py"
SAMPLES, INTERVAL_MS = 480, 15000
GIGABYTE = 1 << 30


def status(pid, key):
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{key}:\s+(\d+)", text).group(1)) / 1024


def cpu_seconds(pid):
    return time.clock_gettime((~pid << 3) | 2)


class Meter:
    """CPU seconds and megabytes above idle of a process while the block runs."""

    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        self.idle, self.cpu = status(self.pid, "VmRSS"), cpu_seconds(self.pid)
        return self

    def __exit__(self, *_):
        self.cpu = cpu_seconds(self.pid) - self.cpu
        self.above = status(self.pid, "VmHWM") - self.idle


class TakingS3(http.server.ThreadingHTTPServer):
    """Says yes to every upload and keeps sizes only."""

    daemon_threads = True

    def __init__(self):
        self.sizes, self.parts, self.lock = {}, {}, threading.Lock()
        store = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def reply(self, code, body=b"", **headers):
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content_Length" not in headers and "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def key(self):
                return self.path.split("?")[0].split("/", 2)[2]

            def do_PUT(self):
                left = int(self.headers["X-Amz-Decoded-Content-Length"] or self.headers["Content-Length"])
                whole = int(self.headers["Content-Length"])
                while whole > 0:
                    whole -= len(self.rfile.read(min(whole, 1 << 20)))
                with store.lock:
                    sizes = store.parts if "uploadId" in self.path else store.sizes
                    sizes[self.key()] = left + (sizes.get(self.key(), 0) if sizes is store.parts else 0)
                self.reply(200, ETag='"' + "0" * 32 + '"')

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"] or 0))
                if "uploadId" not in self.path:
                    return self.reply(200, b"<InitiateMultipartUploadResult><UploadId>u</UploadId>"
                                           b"</InitiateMultipartUploadResult>")
                with store.lock:
                    store.sizes[self.key()] = store.parts.pop(self.key())
                self.reply(200, b"<CompleteMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><ETag>"
                                b"&quot;x&quot;</ETag></CompleteMultipartUploadResult>")

            def do_HEAD(self):
                size = store.sizes.get(self.key())
                if size is None:
                    return self.reply(404)
                self.send_response(200)
                self.send_header("Content-Length", str(size))
                self.send_header("Last-Modified", "Wed, 21 Oct 2026 07:28:00 GMT")
                self.send_header("ETag", '"x"')
                self.end_headers()

            def do_GET(self):
                self.reply(404, b"<Error><Code>NoSuchKey</Code></Error>")

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def yaml(self):
        return ("type: S3\nconfig: {bucket: bench, endpoint: '127.0.0.1:%d', region: us-east-1, insecure: true, "
                "access_key: a, secret_key: s}\n" % self.server_address[1])


class Sidecar:
    def __init__(self, binary, directory, prometheus_url, tsdb, objstore=None):
        http, grpc = (f"127.0.0.1:{free_port()}" for _ in range(2))
        argv = [binary, "sidecar", f"--prometheus.url={prometheus_url}", f"--tsdb.path={tsdb}",
                f"--http-address={http}", f"--grpc-address={grpc}"]
        if objstore:
            argv.append(f"--objstore.config={objstore}")
        self.role = Role(argv, http, grpc, directory / "sidecar.log")

    def __enter__(self):
        self.role.wait_ready()
        return self.role

    def __exit__(self, *_):
        self.role.process.terminate()
        self.role.process.wait(30)


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def series_request(min_ms, max_ms):
    """Matcher __name__=~".+"."""
    matcher = b"\x08\x02" + field(2, b"__name__") + field(3, b".+")
    return b"\x08" + varint(min_ms) + b"\x10" + varint(max_ms) + field(3, matcher)


class Prometheus:
    def __init__(self, binary, directory, data):
        config = directory / "prometheus.yml"
        config.write_text("global: {external_labels: {cluster: x}}\n")
        self.address = f"127.0.0.1:{free_port()}"
        self.process = subprocess.Popen(
            [binary, f"--config.file={config}", f"--storage.tsdb.path={data}",
             f"--web.listen-address={self.address}", "--storage.tsdb.retention.time=100y",
             "--storage.tsdb.min-block-duration=2h", "--storage.tsdb.max-block-duration=2h",
             "--storage.remote.read-sample-limit=0"],
            stdout=subprocess.DEVNULL, stderr=open(directory / "prometheus.log", "wb"))

    def __enter__(self):
        return f"http://{self.address}"

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)


def measure_read(options, directory, binaries):
    if not SHARED.exists():
        return print("../shared/bench is absent: reading is not measured")
    spec = importlib.util.spec_from_file_location("h2count", SHARED)
    h2count = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(h2count)
    data = directory / "data"
    data.mkdir()
    subprocess.run([options.blocks_tool, "make", data, str(options.series), str(SAMPLES), str(INTERVAL_MS)],
                   check=True, stdout=subprocess.DEVNULL)
    meta = json.loads(next(data.glob("*/meta.json")).read_text())
    request = series_request(meta["minTime"], meta["maxTime"])
    results = {name: [] for name, _ in binaries}
    with Prometheus(options.prometheus, directory, data) as url:
        for _ in range(options.runs):
            for name, binary in binaries:
                with Sidecar(binary, directory, url, data) as sidecar:
                    time.sleep(2)
                    client = h2count.Counter(sidecar.grpc)
                    with Meter(sidecar.pid) as meter:
                        size, messages = client.call("/thanos.Store/Series", request)
                    client.close()
                    results[name].append((meter.cpu, meter.above, size, messages))
    print(f"read of {options.series} series x 2 h ({results[binaries[0][0]][0][2] >> 20} MB)")
    show(binaries, results, " in {2:.0f} bytes, {3:.0f} messages")


def make_large_block(options, directory):
    tsdb = directory / "tsdb"
    tsdb.mkdir()
    subprocess.run([options.blocks_tool, "make", tsdb, "1000", str(SAMPLES), str(INTERVAL_MS)], check=True,
                   stdout=subprocess.DEVNULL)
    chunks = next(tsdb.glob("*/chunks"))
    with open(chunks / "000001", "ab") as segment:
        while segment.tell() < GIGABYTE // 2:
            segment.write(os.urandom(1 << 20))
    shutil.copy(chunks / "000001", chunks / "000002")
    return tsdb


def measure_upload(options, directory, binaries, kind):
    tsdb = make_large_block(options, directory)
    results = {name: [] for name, _ in binaries}
    prometheus = FakePrometheus()
    for _ in range(options.runs):
        for name, binary in binaries:
            (tsdb / "thanos.shipper.json").unlink(missing_ok=True)
            bucket = directory / "bucket"
            shutil.rmtree(bucket, ignore_errors=True)
            s3 = TakingS3()
            objstore = s3.yaml if kind == "S3" else f"type: FILESYSTEM\nconfig: {{directory: {bucket}}}\n"
            # The base is an idle sidecar with the same bucket and nothing to ship.
            empty = directory / "empty"
            empty.mkdir(exist_ok=True)
            with Sidecar(binary, directory, prometheus.url, empty, objstore) as sidecar:
                time.sleep(3)
                idle = status(sidecar.pid, "VmRSS")
            with Sidecar(binary, directory, prometheus.url, tsdb, objstore) as sidecar:
                deadline = time.monotonic() + 300
                while not (list(bucket.glob("*/meta.json")) or any(k.endswith("/meta.json") for k in s3.sizes)):
                    if time.monotonic() > deadline:
                        raise TimeoutError(sidecar.log())
                    time.sleep(0.05)
                results[name].append((cpu_seconds(sidecar.pid), status(sidecar.pid, "VmHWM") - idle))
            s3.shutdown()
            s3.server_close()
    prometheus.stop()
    shutil.rmtree(tsdb)
    print(f"upload of 1 GB to {kind}")
    show(binaries, results, "")


def show(binaries, results, more):
    medians = {name: statistics.median(r[0] for r in results[name]) for name, _ in binaries}
    for name, _ in binaries:
        above = max(r[1] for r in results[name])
        print(f"  {name:5} CPU {medians[name]:.2f} s (min {min(r[0] for r in results[name]):.2f}), "
              f"{above:.1f} MB above idle at most" + more.format(*(results[name][0] + (0, 0))))
    if "peer" in medians:
        print(f"  peer / here: CPU {medians['peer'] / medians['here']:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("--blocks-tool", required=True, help="the promqlblocks of the build")
    parser.add_argument("--peer")
    parser.add_argument("--prometheus", default="/usr/bin/prometheus")
    parser.add_argument("--series", type=int, default=500_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=("read", "FILESYSTEM", "S3"))
    options = parser.parse_args()
    binaries = [("here", options.binary)] + ([("peer", options.peer)] if options.peer else [])
    for what in ("read", "FILESYSTEM", "S3"):
        if options.only not in (None, what):
            continue
        with tempfile.TemporaryDirectory(prefix="thanos-sidecar-") as directory:
            if what == "read":
                measure_read(options, Path(directory), binaries)
            else:
                measure_upload(options, Path(directory), binaries, what)


if __name__ == "__main__":
    sys.exit(main())
