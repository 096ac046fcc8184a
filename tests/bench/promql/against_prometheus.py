#!/usr/bin/env python3
"""The engine alone over blocks against Prometheus over the same blocks: CPU time, values checked.

    against_prometheus.py PROMQLBLOCKS shapes BLOCKS    21 dashboard queries (blocks of ../shared/bench/makeblocks.py)
    against_prometheus.py PROMQLBLOCKS windows          range functions over windows of 1m, 1h and 1d
    against_prometheus.py PROMQLBLOCKS memory           peak memory of aggregations over 100,000 series
    options: --prometheus EXE (default prometheus), --only WORD

CPU is user + system time of the process, JSON encoding included on both sides. Values may differ by 1e-9 of
themselves. Exit code 1 when a value differs or a bar is missed.
"""
import atexit
import http.client
import json
import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

BEGIN = 1_699_574_400_000
# Windows of Prometheus 2 hold samples on their left border as well, ours (and Prometheus 3) do not: steps lie beside all
# samples.
ASIDE = 13
TICK = os.sysconf("SC_CLK_TCK")

SHAPES = {
    "selector": ("process_resident_memory_bytes{code!='x'}", 1, 60),
    "rate": ("rate(http_requests_total[5m])", 1, 60),
    "sum by rate": ("sum by (namespace) (rate(http_requests_total[5m]))", 6, 60),
    "sum rate all": ("sum(rate(http_requests_total[5m]))", 24, 300),
    "avg_over_time long": ("avg_over_time(process_resident_memory_bytes[6h])", 6, 600),
    "max_over_time subquery": ("max_over_time(sum by (job) (rate(http_requests_total[5m]))[1h:1m])", 3, 300),
    "quantile": ("quantile by (namespace) (0.9, process_resident_memory_bytes)", 6, 60),
    "topk": ("topk(5, rate(http_requests_total[5m]))", 3, 60),
    "binary many-to-one": ("sum by (namespace) (process_resident_memory_bytes * on (pod) group_left () max by (pod) "
                           "(build_info))", 3, 60),
    "binary one-to-one": ("process_resident_memory_bytes / ignoring (code, container) process_resident_memory_bytes", 1, 60),
    "histogram_quantile": ("histogram_quantile(0.99, sum by (le, namespace) "
                           "(rate(http_request_duration_seconds_bucket[5m])))", 3, 60),
    "count high cardinality": ("count({__name__=~'.+'})", 0, 0),
    "count by name": ("count by (__name__) ({__name__=~'.+'})", 0, 0),
    "regex matcher": ("sum({__name__=~'http_.+|process_.+',pod=~'.*-0+[1-9].*'})", 1, 60),
    "regex alternatives": ("sum by (namespace) (process_resident_memory_bytes{namespace=~'ns-1|ns-2|ns-3'})", 12, 60),
    "label_replace": ("label_replace(process_resident_memory_bytes,'short','$1','pod','(.*)-.*')", 1, 60),
    "offset": ("sum(rate(http_requests_total[5m]) - rate(http_requests_total[5m] offset 1h))", 3, 60),
    "absent": ("absent(process_resident_memory_bytes{pod='none'})", 6, 60),
    "set operations": ("count((process_resident_memory_bytes > 60) or (container_memory_usage_bytes > 60) unless "
                       "(build_info < 10))", 3, 60),
    "stddev sort": ("sort_desc(stddev by (namespace) (deriv(process_resident_memory_bytes[10m])))", 0, 0),
    "increase day": ("sum by (namespace) (increase(http_requests_total[1d]))", 0, 0),
}
# What costs the same whatever the window, and the rest with its bar on the quotient of CPU times.
CHEAP = ("rate", "increase", "delta", "irate", "idelta", "changes", "resets", "count_over_time", "last_over_time",
         "present_over_time", "min_over_time", "max_over_time")
OTHERS = {"sum_over_time": 4, "avg_over_time": 4, "stddev_over_time": 4, "stdvar_over_time": 4, "deriv": 4,
          "predict_linear": 4, "quantile_over_time": 20, "holt_winters": 4}


class Prometheus:
    def __init__(self, exe, blocks):
        self.dir = Path(tempfile.mkdtemp(prefix="promql-bench-"))
        data = self.dir / "data"
        data.mkdir()
        for block in blocks:
            shutil.copytree(block, data / block.name)
        (self.dir / "prometheus.yml").write_text("{}")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.log = open(self.dir / "log", "w")
        self.process = subprocess.Popen(
            [exe, f"--config.file={self.dir}/prometheus.yml", f"--storage.tsdb.path={data}", "--storage.tsdb.retention.time=100y",
             "--storage.tsdb.min-block-duration=10000h", "--storage.tsdb.max-block-duration=10000h",
             f"--web.listen-address=127.0.0.1:{port}", "--query.max-samples=2000000000", "--query.timeout=20m"],
            stdout=self.log, stderr=self.log)
        atexit.register(self.stop)  # Also when a query fails.
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=1200)
        for _ in range(600):
            try:
                self.http.request("GET", "/-/ready")
                response = self.http.getresponse()
                response.read()
                if response.status == 200:
                    return
            except OSError:
                self.http.close()
            time.sleep(0.1)
        raise SystemExit(f"Prometheus does not start: see {self.dir}/log")

    def cpu(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def peak(self):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
        return 0

    def reset_peak(self):
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def ask(self, case):
        start, end, step, expr = case
        if step == 0:
            path, params = "query", {"query": expr, "time": start / 1000}
        else:
            path, params = "query_range", {"query": expr, "start": start / 1000, "end": end / 1000, "step": step / 1000}
        self.http.request("GET", f"/api/v1/{path}?" + urllib.parse.urlencode(params))
        response = self.http.getresponse()
        body = response.read()
        if response.status != 200:
            raise SystemExit(f"{expr}: {body[:300]!r}")
        return body

    def measure(self, case, seconds=1.0):
        """CPU seconds of one answer, repetitions, and the answer."""
        body = self.ask(case)
        before, n, begin = self.cpu(), 0, time.time()
        while n < 3 or (time.time() - begin < seconds and n < 200):
            body = self.ask(case)
            n += 1
            if time.time() - begin > 20:
                break
        return (self.cpu() - before) / n, n, json.loads(body)["data"]["result"]

    def stop(self):
        atexit.unregister(self.stop)
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.dir)


class Engine:
    def __init__(self, exe, directory):
        self.process = subprocess.Popen([exe, "run", str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def measure(self, case, n):
        start, end, step, expr = case
        self.process.stdin.write(f"{n}\t{start}\t{end}\t{step}\t{expr}\n")
        self.process.stdin.flush()
        stats = self.process.stdout.readline()
        if not stats:
            raise SystemExit(f"{expr}: the engine failed")
        return json.loads(stats), json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def temporary(prefix):
    directory = Path(tempfile.mkdtemp(prefix=prefix))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


def points(result):
    """By labels, without the external ones, which only our blocks carry."""
    def labels(metric):
        return json.dumps({k: v for k, v in metric.items() if k not in ("cluster", "replica")}, sort_keys=True)
    return {labels(s["metric"]): {t: float(v) for t, v in s.get("values", [s.get("value")])} for s in result}


def difference(ours, theirs):
    """What differs, or "". Sums may differ in their last digits, ranks among equals not at all."""
    a, b = points(ours), points(theirs)
    if a.keys() != b.keys():
        return f"{len(a)} series, not {len(b)}: {sorted(a.keys() ^ b.keys())[:2]}"
    for labels, values in a.items():
        if values.keys() != b[labels].keys():
            return f"{labels}: other times"
        for t, x in values.items():
            y = b[labels][t]
            if not (x == y or (x != x and y != y) or math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-9)):
                return f"{labels} at {t}: {x}, not {y}"
    return ""


def mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def shapes(exe, prometheus, blocks, only):
    directories = sorted(d for d in Path(blocks).iterdir() if (d / "meta.json").exists())
    metas = [json.loads((d / "meta.json").read_text()) for d in directories]
    first, last = min(m["minTime"] for m in metas), max(m["maxTime"] for m in metas)
    end = last // 60000 * 60000 + ASIDE
    peer, engine, bad, quotients = Prometheus(prometheus, directories), Engine(exe, blocks), [], []
    for name, (expr, hours, step) in SHAPES.items():
        if only and only not in name:
            continue
        case = (max(end - hours * 3_600_000, first + ASIDE), end, step * 1000, expr) if hours else (end - 60000, end - 60000, 0, expr)
        engine.measure(case, 1)
        theirs, n, expected = peer.measure(case)
        stats, found = engine.measure(case, max(3, n))
        wrong = difference(found, expected)
        quotient = theirs / max(stats["cpu"], 1e-6)
        quotients.append(quotient)
        print(f"{name:26} {theirs * 1e3:9.2f} ms {stats['cpu'] * 1e3:9.2f} ms  {quotient:6.1f}x  "
              f"{stats['cpu'] * 1e9 / max(stats['samples'], 1):7.1f} ns/sample {wrong}", flush=True)
        if wrong or quotient < 2:
            bad.append(name)
    print(f"geometric mean {mean(quotients):.2f}x of {len(quotients)}")
    engine.stop()
    peer.stop()
    return 1 if bad or mean(quotients) < 6 else 0


def windows(exe, prometheus, only):
    directory = temporary("promql-windows-")
    subprocess.run([exe, "make", str(directory), "40", str(2 * 5760), "15000"], check=True)
    blocks = sorted(d for d in directory.iterdir() if (d / "meta.json").exists())
    peer, engine, bad = Prometheus(prometheus, blocks), Engine(exe, directory), []
    start, end = BEGIN + 86_400_000 + ASIDE, BEGIN + 2 * 86_400_000 - 60_000
    forms = [(f, f, 0) for f in CHEAP] + [(f, f, bar) for f, bar in OTHERS.items()]
    for name, function, bar in forms:
        if only and only not in name:
            continue
        costs = []
        for window in ("1m", "1h", "1d"):
            arguments = {"quantile_over_time": "0.9, {}[{}]", "predict_linear": "{}[{}], 600", "holt_winters": "{}[{}], 0.5, 0.5"}
            metric = "c_total" if name in ("rate", "increase", "irate", "resets") else "g"
            text = f"sum by (job) ({function}({arguments.get(name, '{}[{}]').format(metric, window)}))"
            step = 60_000 if name in CHEAP else 300_000
            case = (start, end, step, text)
            ours = (start, end, step, text.replace("holt_winters", "double_exponential_smoothing"))
            engine.measure(ours, 1)
            theirs, n, expected = peer.measure(case, 0.5)
            stats, found = engine.measure(ours, max(3, n))
            wrong = difference(found, expected)
            quotient = theirs / stats["cpu"]
            costs.append(stats["cpu"] * 1e9 / stats["samples"])
            print(f"{name:22} {window:3} {theirs * 1e3:9.2f} ms {stats['cpu'] * 1e3:9.2f} ms  {quotient:7.1f}x "
                  f"{costs[-1]:8.1f} ns/sample {wrong}", flush=True)
            if wrong or (bar and quotient < bar):
                bad.append(f"{name}[{window}]")
        # The time of a step weighs more where a window reads fewer samples a step; none may grow.
        if not bar and max(costs[1:]) > 1.5 * costs[0]:
            bad.append(name)
    engine.stop()
    peer.stop()
    print("missed: " + ", ".join(bad) if bad else "all bars held")
    return 1 if bad else 0


def memory(exe, prometheus, only):
    directory = temporary("promql-memory-")
    subprocess.run([exe, "make", str(directory), "200000", "120", "60000"], check=True)
    blocks = sorted(d for d in directory.iterdir() if (d / "meta.json").exists())
    bad = []
    for expr in ("sum(g)", "sum by (job) (rate(c_total[5m]))", "topk(5, g)", "count(c_total > 1000)",
                 "quantile by (namespace) (0.9, g)", "max by (pod) (g)"):
        if only and only not in expr:
            continue
        case = (BEGIN + 3_600_000 + ASIDE, BEGIN + 7_140_000, 60_000, expr)
        peer, engine = Prometheus(prometheus, blocks), Engine(exe, directory)
        peer.ask((BEGIN, BEGIN, 0, "vector(1)"))
        idle, _ = engine.measure((BEGIN, BEGIN, 0, "vector(1)"), 1)
        base = peer.peak()
        expected = json.loads(peer.ask(case))["data"]["result"]
        stats, found = engine.measure(case, 1)
        theirs, ours = peer.peak(), stats["rss"]
        wrong = difference(found, expected)
        quotient = theirs / ours
        print(f"{expr:40} {theirs / 2**20:8.1f} MiB (idle {base / 2**20:.1f}) {ours / 2**20:8.1f} MiB (idle "
              f"{idle['rss'] / 2**20:.1f}, charged {stats['held'] / 2**20:.1f})  {quotient:5.1f}x {wrong}", flush=True)
        if wrong or quotient < 5:
            bad.append(expr)
        engine.stop()
        peer.stop()
    print("missed: " + ", ".join(bad) if bad else "all bars held")
    return 1 if bad else 0


def main():
    arguments = sys.argv[1:]
    options = {"--prometheus": "prometheus", "--only": ""}
    for key in options:
        if key in arguments:
            at = arguments.index(key)
            options[key] = arguments[at + 1]
            del arguments[at:at + 2]
    exe, mode = arguments[0], arguments[1]
    if mode == "shapes":
        return shapes(exe, options["--prometheus"], arguments[2], options["--only"])
    return {"windows": windows, "memory": memory}[mode](exe, options["--prometheus"], options["--only"])


if __name__ == "__main__":
    sys.exit(main())
