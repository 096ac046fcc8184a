#!/bin/sh
# golden.sh PROMQLTEST SOURCE: our own scripts.
exec "$1" "$2"/tests/golden/promql/*.test
