#!/usr/bin/env bash
# exports_test.sh - the shared library exports nothing but what impasse.h declares, all of it impasse_* and versioned.
# usage: exports_test.sh LIBRARY
set -euo pipefail
cd "$(dirname "$0")"
symbols=$(nm -D --defined-only "$1" | awk '$2 != "A" {print $3}')
[ -n "$symbols" ] || { echo "$1 exports nothing"; exit 1; }
if foreign=$(grep -vE '^impasse_[a-z_]+@@IMPASSE_0\.1$' <<<"$symbols"); then
  printf 'exported and should not be:\n%s\n' "$foreign"
  exit 1
fi
while read -r symbol; do
  grep -qw "${symbol%@@*}" ../../probe/hook/impasse.h || { echo "exported and not in impasse.h: $symbol"; exit 1; }
done <<<"$symbols"
