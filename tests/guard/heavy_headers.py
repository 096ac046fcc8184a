#!/usr/bin/env python3
"""Reads the build's dependency log: heavy third-party headers may reach only the objects named here."""
import re
import subprocess
import sys
from collections import defaultdict

HEAVY = {
    "boost/beast/": r"thanos_net",
    "boost/asio/": r"thanos_net|thanos_rpc",
    "boost/program_options": r"thanos_config",
    "grpcpp/": r"thanos_rpc|thanos_wire|bench_",
    "google/protobuf/message": r"thanos_rpc|thanos_wire",
    "nlohmann/json.hpp": r"thanos_(block|bucketblocks|compaction|objstore|api|promql|promapi|promclient|rules|tools|ui)|"
                         r"ui_embed|unit_|conformance_|property_|faults_|promql",
    "yaml-cpp/": r"thanos_config|thanos_promclient",
    "spdlog/": r"$^",
    "re2/re2.h": r"thanos_(model|promql|relabel)|promqltest",
    "curl/curl.h": r"thanos_net",
    "absl/": r"thanos_rpc|thanos_wire|bench_",
    "prometheus/registry.h": r"thanos_metrics",
}


def main(build):
    log = subprocess.run(["ninja", "-C", build, "-t", "deps"], capture_output=True, text=True,
                         check=True).stdout
    reached = defaultdict(set)
    target = None
    for line in log.splitlines():
        if line and not line.startswith(" "):
            target = line.split(":")[0]
        elif target:
            for header in HEAVY:
                if header in line and "/usr/" in line:
                    reached[header].add(target)
    problems = []
    for header, targets in sorted(reached.items()):
        bad = sorted(t for t in targets if not re.search(HEAVY[header], t))
        problems += [f"{header} reaches {t}" for t in bad]
        print(f"{header}: {len(targets)} objects")
    for problem in problems:
        print("heavy header: " + problem)
    if not reached:
        print("the dependency log names no heavy header: it was not read")
        return 1
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
