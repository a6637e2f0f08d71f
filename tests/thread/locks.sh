# locks.sh - what every test of unmodified threads sources: session.sh and how a shape of programs/locks.c is brought up.
# Not a test itself. ROUTE (proc or iterator) in the environment says by which way threads are read.
#
#   locks CASE[,NUMBER]   starts a shape, waits for `ready`; $locks is its pid
#   child_of PID          prints the first child of its first thread
#   no_circle PID         no wait of the target is in a circle, nor held by somebody who is no more
. ../e2e/session.sh
: "${LOCKS:?the program thread_locks}"
export IMPASSE_THREAD_ROUTE="${ROUTE-}"
[ -n "$IMPASSE_THREAD_ROUTE" ] || unset IMPASSE_THREAD_ROUTE

locks_ready() {
  alive "$locks" || fail "the program ended before it was ready"
  grep -q '^ready' "$locks_out"
}

locks() {
  # shellcheck disable=SC2046
  spawn "$LOCKS" $(printf '%s' "$1" | tr ',' ' ')
  locks=$spawned locks_out=$spawned_out
  poll 60 locks_ready
}

child_of() {
  cut -d' ' -f1 "/proc/$1/task/$1/children"
}

no_circle() {
  run "$IMPASSE" query --target "$1" "SELECT count(*) AS n FROM waits WHERE verdict IN ('deadlock', 'stuck')"
  expect_status 0
  expect_out '^ *0 *$'
}
