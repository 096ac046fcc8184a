#!/bin/sh
# run.sh PROMQLTEST PROMQLPARSE SOURCE: the conformance data of ../shared, where it is present.
set -e
shared="$3/../shared/conformance"
if [ ! -d "$shared/promqltest" ]; then
  echo "../shared/conformance is absent: skipped"
  exit 77
fi
"$2" "$shared/parse.jsonl"
"$1" --skip "$3/tests/conformance/promql/skipped.txt" "$shared"/promqltest/*.test
