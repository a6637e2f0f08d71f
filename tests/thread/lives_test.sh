#!/usr/bin/env bash
# lives_test.sh - what becomes of targets: stopped, killed, exec'ed into another program, and storms of threads.
cd "$(dirname "$0")"
. ./locks.sh

# Under SIGSTOP it is shown as stopped and its deadlock is found all the same.
locks abba
kill -STOP "$locks"
finds "$locks" 60 deadlock 2 'mutex accounts' 'mutex audit'
run "$IMPASSE" query --target "$locks" "SELECT state FROM targets"
expect_out 'stopped'
kill -CONT "$locks"

# Killed: the alert ends, the watcher goes on and says so.
spawn "$IMPASSE" watch --target "$locks" --duration 60s
watcher_out=$spawned_out
fired() { grep -q '"rule":"deadlock".*"state":"firing"' "$watcher_out"; }
poll 60 fired
kill -KILL "$locks"
resolved() { grep -q '"rule":"deadlock".*"state":"resolved"' "$watcher_out"; }
poll 60 resolved

# Threads that are born and die a thousand times a second: rows, no false edge, nothing crashes.
locks storm,120
run "$IMPASSE" watch --target "$locks" --duration 10s
expect_status 0
no_circle "$locks"
alive "$locks" || fail "the storm ended"
kill -KILL "$locks"

# Another program in the same process (SIGUSR1 makes it one): its threads are not those of before.
locks reexec
spawn "$IMPASSE" watch --target "$locks" --duration 60s
watcher_out=$spawned_out
poll 60 fired
kill -USR1 "$locks"
poll 60 resolved
others() {
  run "$IMPASSE" query --target "$locks" "SELECT count(*) AS n FROM waits WHERE holder_name IS NOT NULL"
  [ "$status" -eq 0 ] && grep -Eq '^ *3 *$' "$work/out"
}
poll 60 others
no_circle "$locks"
