#!/usr/bin/env bash
# stopped_test.sh - a node under SIGSTOP is shown as what it is and is read all the same: its deadlock is found while it
# cannot answer anybody. One that is killed is gone with the rows of its processes.
cd "$(dirname "$0")"
. ./node.sh
shape 25 essay
kill -STOP "$node"
finds "$node" 60 deadlock 2 "server_a.*server_b"
run "$IMPASSE" query --target "$node" "SELECT state, actors > 10 AS seen FROM targets"
expect_status 0
expect_out 'stopped +1'
kill -CONT "$node"
finds "$node" 60 deadlock 2 "server_a.*server_b"

spawn "$IMPASSE" watch blind --target "$node" --duration 60s
watcher_out=$spawned_out
watching() {
  run "$IMPASSE" query --target "$node" "SELECT state FROM targets"
  grep -q running "$work/out"
}
poll 30 watching
kill -KILL "$node"
told() {
  grep -q '"rule":"blind"' "$watcher_out"
}
poll 60 told
