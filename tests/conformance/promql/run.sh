#!/bin/sh
# run.sh PROMQLTEST PROMQLPARSE SOURCE [OPTION…]: the conformance data of ../shared, where it is
# present. All of it must pass.
set -e
promqltest="$1"
promqlparse="$2"
shared="$3/../shared/conformance"
shift 3
if [ ! -d "$shared/promqltest" ]; then
  echo "../shared/conformance is absent: skipped"
  exit 77
fi
"$promqlparse" "$shared/parse.jsonl"
"$promqltest" "$@" "$shared"/promqltest/*.test
