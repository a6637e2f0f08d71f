#!/usr/bin/env bash
# namespace_test.sh - a deadlock inside a pid namespace, whose lock words hold numbers that mean somebody else out here.
cd "$(dirname "$0")"
. ./locks.sh
[ "$(id -u)" -eq 0 ] || skip "a pid namespace takes root"
spawn unshare --pid --fork --kill-child --mount-proc "$LOCKS" abba
locks_out=$spawned_out
inside() {
  grep -q '^ready' "$locks_out"
}
poll 60 inside
locks=$(child_of "$spawned")
finds "$locks" 60 deadlock 2 'mutex accounts' 'mutex audit'
run "$IMPASSE" query --target "$locks" "SELECT count(*) AS n FROM waits WHERE holder IN (SELECT actor FROM actors)"
expect_out '^ *2 *$'
