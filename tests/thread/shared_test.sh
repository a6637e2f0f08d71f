#!/usr/bin/env bash
# shared_test.sh - two processes that take two process-shared mutexes in both orders are one circle, over both of them.
cd "$(dirname "$0")"
. ./locks.sh
locks shared
child=$(child_of "$locks")
circle() {
  run "$IMPASSE" check deadlock --target "$locks" --target "$child" --wait 5s
  [ "$status" -eq 2 ]
}
poll 60 circle
expect_out "thread_locks/[0-9]+@thread_locks:[0-9]+ -> thread_locks/[0-9]+@thread_locks:[0-9]+"
expect_out proven
run "$IMPASSE" query --target "$locks" --target "$child" \
  "SELECT count(*) AS n FROM waits WHERE verdict = 'deadlock' AND holder_target_key <> target_key"
expect_out '^ *2 *$'

# One of both killed: the other waits on, and nobody is told to be in a circle any more.
kill -KILL "$child"
no_circle_left() {
  run "$IMPASSE" check deadlock --target "$locks" --wait 5s
  [ "$status" -ne 2 ]
}
poll 60 no_circle_left
run "$IMPASSE" query --target "$locks" "SELECT count(*) AS n FROM waits WHERE verdict = 'deadlock'"
expect_out '^ *0 *$'
