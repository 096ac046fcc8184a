#!/usr/bin/env python3
"""Every role of the binary as an operator meets it.

    ops_test.py BINARY [unittest arguments]
"""
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

from roles import ROLES, Stand, free_port

COMMAND_LINES = (Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "command-lines.txt")
CANARY = "c4n4ry-s3cr3t"

# Flags in those lines that are not built yet: refused by name until they are.
LATER = set()

# What dashboards and alerts of the Thanos mixin select, by role, as far as it is there from the
# start: the families that Go creates before their first use.
MIXIN = {
    "all": ["thanos_build_info", "thanos_status", "process_cpu_seconds_total",
            "process_resident_memory_bytes", "process_open_fds", "process_max_fds",
            "process_start_time_seconds", "process_virtual_memory_bytes",
            "grpc_server_handled_total", "grpc_server_started_total",
            "grpc_server_handling_seconds_bucket", "grpc_server_msg_sent_total",
            "grpc_server_msg_received_total", "grpc_req_panics_recovered_total"],
    "query": ["http_inflight_requests", "http_requests_total", "http_request_duration_seconds_bucket",
              "http_request_size_bytes_sum", "http_response_size_bytes_sum",
              "grpc_client_handled_total", "grpc_client_started_total",
              "grpc_client_handling_seconds_bucket",
              "thanos_query_concurrent_gate_queries_max",
              "thanos_query_concurrent_gate_queries_in_flight",
              "thanos_query_endpoints_dns_lookups_total",
              "thanos_query_endpoints_dns_failures_total"],
    "store": ["http_inflight_requests", "http_requests_total", "thanos_objstore_bucket_operations_total",
              "thanos_objstore_bucket_operation_failures_total",
              "thanos_objstore_bucket_operation_duration_seconds_bucket",
              "thanos_bucket_store_block_loads_total", "thanos_bucket_store_block_load_failures_total",
              "thanos_bucket_store_block_drops_total", "thanos_bucket_store_block_drop_failures_total",
              "thanos_bucket_store_series_gate_queries_duration_seconds_bucket",
              "thanos_bucket_store_series_blocks_queried_sum",
              "thanos_bucket_store_series_result_series_sum",
              "thanos_bucket_store_series_data_touched_sum",
              "thanos_bucket_store_series_data_fetched_sum",
              "thanos_bucket_store_series_get_all_duration_seconds_bucket",
              "thanos_bucket_store_series_merge_duration_seconds_bucket",
              "thanos_bucket_store_sent_chunk_size_bytes_bucket",
              "thanos_store_index_cache_requests_total", "thanos_store_index_cache_hits_total",
              "thanos_store_index_cache_items_added_total",
              "thanos_store_index_cache_items_evicted_total",
              "thanos_blocks_meta_syncs_total", "thanos_blocks_meta_sync_failures_total",
              "thanos_blocks_meta_sync_duration_seconds_bucket"],
    "sidecar": ["thanos_sidecar_prometheus_up"],
}


def families(text):
    return {re.match(r"[a-zA-Z_:][\w:]*", line).group(0) for line in text.splitlines()
            if line and not line.startswith("#")}


class OpsTest(unittest.TestCase):
    binary = ""

    def setUp(self):
        self.stand = self.enterContext(Stand(self.binary))

    def ready(self, role, *flags, **kw):
        started = self.stand.start(role, *flags, **kw)
        started.wait_ready()
        return started

    # -- start

    def test_command_lines_of_deployments_start(self):
        if not COMMAND_LINES.exists():
            self.skipTest("../shared/fixtures is absent")
        lines = [line for line in COMMAND_LINES.read_text().splitlines()
                 if line.split(" ")[0] in ROLES]
        self.assertGreater(len(lines), 5)
        for line in lines:
            with self.subTest(line):
                later = [flag for flag in LATER if flag in line]
                self.start_line(line, later[0] if later else None)

    def start_line(self, line, refused):
        http, grpc = free_port(), free_port()
        fake = self.stand.fake_prometheus() if line.startswith("sidecar") else None
        bucket = self.stand.bucket_config()
        values = {"HTTP": str(http), "GRPC": str(grpc), "DIR": str(self.stand.path("dir")),
                  "OBJSTORE": bucket, "OBJSTORE_FILE": str(self.stand.write("b.yml", bucket)),
                  "FILE": str(self.stand.write("prometheus.yml", "global: {}\n"))}
        words = line.split(" ")
        for i, word in enumerate(words):
            word = re.sub(r"\$\((\w+)\)", lambda m: values[m.group(1)], word)
            if fake:
                word = re.sub(r"http://(localhost|127\.0\.0\.1):9090/?", fake.url, word)
            words[i] = word
        words = self.join_quoted(words)
        role = self.stand.run(words, f"127.0.0.1:{http}", f"127.0.0.1:{grpc}")
        if refused:
            self.assertEqual(role.wait(15), 2)
            self.assertIn(refused, role.log())
            return
        role.wait_ready()
        self.assertEqual(role.get("/metrics")[0], 200)
        role.kill()

    @staticmethod
    def join_quoted(words):
        """A JSON value may hold spaces: a word that does not begin a flag belongs to the one before."""
        out = []
        for word in words:
            if out and out[-1].count("{") != out[-1].count("}"):
                out[-1] += " " + word
            else:
                out.append(word)
        return out

    def test_a_port_in_use_is_named(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            for flag in ("http", "grpc"):
                role = self.stand.start("store", **{flag: address})
                self.assertEqual(role.wait(15), 1)
                self.assertIn(address, role.log())

    def test_a_mistake_in_a_file_is_named_with_its_line(self):
        web = self.stand.write("web.yml", "http_server_config:\n  headers:\n    X-Other: a\n")
        role = self.stand.start("query", f"--http.config={web}")
        self.assertEqual(role.wait(15), 1)
        for word in (str(web), "line 2", "X-Other"):
            self.assertIn(word, role.log())
        bucket = self.stand.write("b.yml", "type: FILESYSTEM\nconfig:\n  directory: /x\nnope: 1\n")
        role = self.stand.run(["store", f"--objstore.config-file={bucket}",
                               f"--data-dir={self.stand.path('d')}"])
        self.assertEqual(role.wait(15), 1)
        for word in (str(bucket), "line 4", "nope"):
            self.assertIn(word, role.log())

    # -- stop

    def test_an_idle_role_ends_within_a_second_of_sigterm(self):
        for role in ROLES:
            with self.subTest(role):
                started = self.ready(role)
                began = time.monotonic()
                started.process.send_signal(signal.SIGTERM)
                self.assertEqual(started.wait(10), 0)
                self.assertLess(time.monotonic() - began, 1.0)

    def test_a_second_signal_ends_at_once(self):
        # A request that is never finished keeps the first one waiting for the grace period.
        hole = self.enterContext(socket.socket())
        hole.bind(("127.0.0.1", 0))
        hole.listen()
        role = self.ready("query", f"--endpoint-strict=127.0.0.1:{hole.getsockname()[1]}")
        threading.Thread(target=self.ask_quietly, args=(role,), daemon=True).start()
        time.sleep(0.5)
        role.process.send_signal(signal.SIGTERM)
        self.assertIsNone(role.wait(0.7), role.log())
        began = time.monotonic()
        role.process.send_signal(signal.SIGTERM)
        self.assertIsNotNone(role.wait(5))
        self.assertLess(time.monotonic() - began, 1.0)

    @staticmethod
    def ask_quietly(role):
        try:
            role.get("/api/v1/query?query=up", timeout=60)
        except OSError:
            pass

    # -- watch

    def test_metrics_of_the_mixin_are_there_from_the_start(self):
        for role in ROLES:
            have = families(self.ready(role).get("/metrics")[1])
            self.assertEqual(sorted(set(MIXIN["all"] + MIXIN[role]) - have), [], role)

    def test_promtool_finds_nothing_in_the_metrics(self):
        promtool = shutil.which("promtool")
        if not promtool:
            self.skipTest("promtool is not installed")
        for role in ROLES:
            text = self.ready(role).get("/metrics")[1]
            done = subprocess.run([promtool, "check", "metrics"], input=text, text=True,
                                  capture_output=True, timeout=30, check=False)
            self.assertEqual(self.unexpected_lint(done), [], role)
            self.assertIn(done.returncode, (0, 3), role)

    @staticmethod
    def unexpected_lint(done):
        """Advice on names that are Go Thanos' cannot be followed; any other line is ours."""
        theirs = re.compile(r"^(thanos_\w+|grpc_\w+|http_\w+|prometheus_\w+|process_\w+) ")
        return [line for line in (done.stdout + done.stderr).splitlines() if line and not theirs.match(line)]

    def test_secrets_do_not_show(self):
        bucket = self.stand.path("bucket")
        config = (f"type: FILESYSTEM\nconfig: {{directory: '{bucket}'}}\nprefix: '{CANARY}-prefix'\n")
        web = self.stand.write("web.yml", "basic_auth_users: {}\n")
        role = self.ready("store", f"--http.config={web}", "--log.level=debug")
        # The inline form is the one that could leak through flags.
        inline = self.stand.run(
            ["store", f"--objstore.config={config}", f"--data-dir={self.stand.path('d')}",
             f"--http-address={(http := f'127.0.0.1:{free_port()}')}",
             f"--grpc-address=127.0.0.1:{free_port()}", "--log.level=debug"], http)
        inline.wait_ready()
        for path in ("/api/v1/status/flags", "/api/v1/status/buildinfo",
                     "/api/v1/status/runtimeinfo", "/", "/no/such"):
            self.assertNotIn(CANARY, inline.get(path)[1], path)
        # A password in a file with a mistake beside it.
        bad = self.stand.write("bad.yml", f"basic_auth_users:\n  ann: {CANARY}\n")
        failed = self.stand.start("query", f"--http.config={bad}")
        self.assertEqual(failed.wait(15), 1)
        for log in (role.log(), failed.log()):
            self.assertNotIn(CANARY, log)

    # -- hard times

    def test_both_ports_answer_after_descriptors_ran_out(self):
        role = self.ready("store")
        limit = len(os.listdir(f"/proc/{role.pid}/fd")) + 20
        resource.prlimit(role.pid, resource.RLIMIT_NOFILE, (limit, limit))
        held = []
        for address in (role.http, role.grpc):
            host, port = address.split(":")
            for _ in range(100):
                one = socket.socket()
                one.settimeout(0.2)
                try:
                    one.connect((host, int(port)))
                    held.append(one)
                except OSError:
                    one.close()
        time.sleep(0.5)
        for one in held:
            one.close()
        began = time.monotonic()
        while not role.is_ready():
            self.assertLess(time.monotonic() - began, 5)
            time.sleep(0.05)
        while not self.speaks_http2(role.grpc):
            self.assertLess(time.monotonic() - began, 5)
            time.sleep(0.05)
        self.assertIsNone(role.process.poll())

    @staticmethod
    def speaks_http2(address):
        host, port = address.split(":")
        try:
            with socket.create_connection((host, int(port)), timeout=1) as s:
                s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
                return len(s.recv(9)) == 9
        except OSError:
            return False

    def test_an_idle_role_is_small(self):
        for role in ("query", "store"):
            started = self.ready(role)
            status = Path(f"/proc/{started.pid}/status").read_text()
            own = int(re.search(r"RssAnon:\s+(\d+)", status).group(1)) / 1024
            print(f"{role}: {own:.1f} MB of its own, ready after {started.ready_after:.3f} s")
            self.assertLess(own, 25, role)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    OpsTest.binary = sys.argv.pop(1)
    unittest.main(verbosity=1)
