#!/usr/bin/env bash
# usdt_test.sh - each file has its USDT site of the provider "impasse".
# usage: usdt_test.sh FILE:SITE...
set -euo pipefail
echo '#include <sys/sdt.h>' | cc -E - >/dev/null 2>&1 || { echo "skipped: no <sys/sdt.h>"; exit 77; }
for wanted in "$@"; do
  file=${wanted%:*} site=${wanted##*:}
  readelf -n "$file" 2>/dev/null | grep -A1 'Provider: impasse' | grep -qx "    Name: $site" ||
    { echo "$file: no site impasse:$site"; exit 1; }
done
