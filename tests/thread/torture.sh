#!/usr/bin/env bash
# torture.sh [MINUTES [THREADS]] - a program that takes its locks in one order at full speed is never stuck: read back to
# back by both routes, with nothing confirmed. A short turn of it is thread.torture.*.
#
#   ROUTE=proc LOCKS=... IMPASSE=... IMPASSE_TORTURE=build/release/tests/torture/torture tests/thread/torture.sh 10
cd "$(dirname "$0")"
. ./locks.sh
: "${IMPASSE_TORTURE:?the program torture}"
locks "ordered,3600,${2-6}"
run "$IMPASSE_TORTURE" thread "${1-1}" "$locks"
cat "$work/out"
expect_status 0
sweeps=$(sed -nE 's/^([0-9]+) sweeps.*/\1/p' "$work/out")
waits=$(sed -nE 's/.*; ([0-9]+) waits read.*/\1/p' "$work/out")
[ "$waits" -gt 0 ] || fail "no wait was seen: this tortured nobody"
echo "thread torture by ${ROUTE-any route}: $sweeps sweeps, $waits waits"
