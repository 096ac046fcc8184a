#!/bin/sh
# The systemd units, as systemd reads them. Their binary and user need not exist here.
command -v systemd-analyze >/dev/null || { echo "systemd-analyze is absent: skipped"; exit 77; }
status=0
for unit in "$1"/deploy/systemd/*.service; do
  problems=$(systemd-analyze verify "$unit" 2>&1 |
    grep -F "$(basename "$unit")" | grep -v -e 'is not executable' -e 'No such file')
  if [ -n "$problems" ]; then
    echo "$problems"
    status=1
  fi
done
exit $status
