#!/usr/bin/env bash
# torture.sh [MINUTES] - hours of a watcher in minutes: nodes of each release whose servers call each other at full speed
# and are never stuck, swept back to back (torture.c), with nothing confirmed. A short turn of it is beam.torture.
#
#   IMPASSE=build/release/collector/impasse IMPASSE_TORTURE=build/release/tests/torture/torture tests/beam/torture.sh 10
#
# Prints how many hours of a watcher that was: a sweep and ten wait rounds a second.
cd "$(dirname "$0")"
. ./node.sh
: "${IMPASSE_TORTURE:?the program torture}"
nodes=
for which in ${IMPASSE_TORTURE_NODES-25:phantom,2 25:phantom,6 25:torment,3 27:phantom,3 29:torment,20}; do
  shape "${which%%:*}" "${which#*:}" # of which a release that cannot be had skips the whole
  nodes="$nodes $node"
done
# shellcheck disable=SC2086
run "$IMPASSE_TORTURE" beam "${1-10}" $nodes
cat "$work/out"
expect_status 0
