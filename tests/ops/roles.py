"""Roles of the binary on loopback with the least they need, for tests and measurements."""
import contextlib
import http.server
import json
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROLES = ("query", "store", "sidecar")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class FakePrometheus:
    """What a sidecar asks of its Prometheus."""

    def __init__(self, port=0):
        answers = {
            "/api/v1/status/config": {"yaml": "global:\n  external_labels:\n    cluster: x\n"},
            "/api/v1/status/flags": {"storage.tsdb.min-block-duration": "2h",
                                     "storage.tsdb.max-block-duration": "2h",
                                     "storage.tsdb.path": "data", "web.enable-lifecycle": "true"},
            "/api/v1/status/buildinfo": {"version": "2.53.0"}}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.split("?")[0]
                if path in answers:
                    body = json.dumps({"status": "success", "data": answers[path]}).encode()
                elif path == "/metrics":
                    body = b"prometheus_tsdb_lowest_timestamp_seconds 1.7e+09\n"
                else:
                    body = b"OK"
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Role:
    def __init__(self, argv, http, grpc, log):
        self.argv, self.http, self.grpc, self.log_path = argv, http, grpc, log
        self.began = time.monotonic()
        with open(log, "wb") as out:
            self.process = subprocess.Popen(argv, stdout=out, stderr=out)

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return Path(self.log_path).read_text(errors="replace")

    def get(self, path, timeout=5):
        """(status, body)."""
        try:
            with urllib.request.urlopen(f"http://{self.http}{path}", timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def is_ready(self):
        try:
            return self.get("/-/ready")[0] == 200
        except OSError:
            return False

    def wait_ready(self, seconds=20):
        while time.monotonic() - self.began < seconds:
            if self.is_ready():
                self.ready_after = time.monotonic() - self.began
                return self.ready_after
            if self.process.poll() is not None:
                break
            time.sleep(0.002)
        raise AssertionError(f"not ready: {' '.join(self.argv)}\n{self.log()}")

    def wait(self, seconds):
        """The exit code, None when it has not ended."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Stand:
    """A temporary folder, and the processes in it."""

    def __init__(self, binary):
        self.binary, self.directory = binary, Path(tempfile.mkdtemp(prefix="thanos-ops-"))
        self.running, self.count = [], 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self.running:
            with contextlib.suppress(Exception):
                one.kill() if isinstance(one, Role) else one.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, name):
        self.count += 1
        path = self.directory / f"{self.count}-{name}"
        path.mkdir()
        return path

    def write(self, name, text):
        self.count += 1
        path = self.directory / f"{self.count}-{name}"
        path.write_text(text)
        return path

    def bucket_config(self):
        return f"type: FILESYSTEM\nconfig: {{directory: '{self.path('bucket')}'}}\n"

    def fake_prometheus(self, port=0):
        fake = FakePrometheus(port)
        self.running.append(fake)
        return fake

    def needs(self, role, flags, bucket=None):
        if role == "store":
            own_data = any(flag.startswith("--data-dir=") for flag in flags)
            return [f"--objstore.config-file={self.write('bucket.yml', bucket or self.bucket_config())}",
                    *([] if own_data else [f"--data-dir={self.path('data')}"])]
        if role == "sidecar":
            return [f"--prometheus.url={self.fake_prometheus().url}",
                    f"--tsdb.path={self.path('tsdb')}"]
        return []

    def run(self, argv, http="", grpc="", binary=None):
        self.count += 1
        role = Role([binary or self.binary, *argv], http, grpc, self.directory / f"{self.count}.log")
        self.running.append(role)
        return role

    def start(self, role, *flags, http="", grpc="", bucket=None, binary=None):
        http = http or f"127.0.0.1:{free_port()}"
        grpc = grpc or f"127.0.0.1:{free_port()}"
        return self.run([role, f"--http-address={http}", f"--grpc-address={grpc}",
                         *self.needs(role, flags, bucket), *flags], http, grpc, binary)
