#!/usr/bin/env bash
# exports_test.sh - the shared library exports nothing but impasse_*, all of it versioned.
# usage: exports_test.sh LIBRARY
set -euo pipefail
symbols=$(nm -D --defined-only "$1" | awk '$2 != "A" {print $3}')
[ -n "$symbols" ] || { echo "$1 exports nothing"; exit 1; }
if foreign=$(grep -vE '^impasse_[a-z_]+@@IMPASSE_0\.1$' <<<"$symbols"); then
  printf 'exported and should not be:\n%s\n' "$foreign"
  exit 1
fi
