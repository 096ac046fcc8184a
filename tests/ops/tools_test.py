#!/usr/bin/env python3
"""Tools as processes. A tool that waits for a bucket which never answers ends soon when it is told to, or when its time
is up, and its exit code says that it did not do its work. The doctor believes what it is told of the compactor's flags.

    tools_test.py BINARY
"""
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONFIG = """type: S3
config:
  bucket: b
  endpoint: 127.0.0.1:{port}
  insecure: true
  access_key: k
  secret_key: s
"""
SOON_S = 20


def silent_server():
    """Takes connections and never says a word."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(64)
    return server


def start(binary, port, *arguments):
    return subprocess.Popen([binary, "tools", "bucket", f"--objstore.config={CONFIG.format(port=port)}", *arguments],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def add_expired_block(bucket):
    """A raw block of 1970 that was never downsampled: retention alone would delete it."""
    ulid = "01AR0000000000000000000001"
    folder = Path(bucket) / ulid
    folder.mkdir()
    meta = {"version": 1, "ulid": ulid, "minTime": 0, "maxTime": 200 * 3600 * 1000,
            "stats": {"numSamples": 1, "numSeries": 1, "numChunks": 1},
            "compaction": {"level": 4, "sources": [ulid]},
            "thanos": {"labels": {"cluster": "a"}, "downsample": {"resolution": 0}, "source": "compactor"}}
    (folder / "meta.json").write_text(json.dumps(meta))


def deletion_of(binary, bucket, *flags):
    """What the doctor says of the deletion of the only block."""
    config = f"type: FILESYSTEM\nconfig:\n  directory: {bucket}\n"
    done = subprocess.run([binary, "tools", "bucket", f"--objstore.config={config}", "doctor", "--output=json",
                           "--retention.resolution-raw=1d", *flags], capture_output=True, timeout=SOON_S, check=False)
    if done.returncode != 0:
        return done.stderr.decode(errors="replace")
    return json.loads(done.stdout)["blocks"][0]["deletion"]


def main():
    binary = sys.argv[1]
    server = silent_server()
    port = server.getsockname()[1]
    cases = {"ls": ["ls"], "mark": ["mark", "--id=01AR0000000000000000000000", "--marker=deletion-mark.json", "--details=x"],
             "cleanup": ["cleanup"], "verify": ["verify"], "doctor": ["doctor"]}
    failed = 0

    def expect(what, condition, process_output):
        nonlocal failed
        if not condition:
            failed += 1
            print(f"FAILED {what}\n{process_output.decode(errors='replace')[-2000:]}")

    for name, arguments in cases.items():
        process = start(binary, port, *arguments)
        server.settimeout(SOON_S)
        server.accept()  # It asks the bucket now.
        process.send_signal(signal.SIGTERM)
        begin = time.monotonic()
        try:
            _, error = process.communicate(timeout=SOON_S)
        except subprocess.TimeoutExpired:
            process.kill()
            _, error = process.communicate()
        expect(f"{name} on SIGTERM: exit code {process.returncode} after {time.monotonic() - begin:.1f} s",
               process.returncode == 1, error)
    process = start(binary, port, "ls", "--timeout=1s")
    try:
        _, error = process.communicate(timeout=SOON_S)
    except subprocess.TimeoutExpired:
        process.kill()
        _, error = process.communicate()
    expect(f"ls --timeout: exit code {process.returncode}", process.returncode == 1, error)
    with tempfile.TemporaryDirectory() as bucket:
        add_expired_block(bucket)
        held = deletion_of(binary, bucket)
        for flag in ("--downsampling.disable", "--retention.force"):
            said = deletion_of(binary, bucket, flag)
            expect(f"doctor {flag}: {said!r}, without it {held!r}", said != held and said.startswith("next"), b"")
    print("failed" if failed else "ok")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
