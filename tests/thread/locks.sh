# locks.sh - what every test of unmodified threads sources: session.sh and how a shape of programs/locks.c is brought up.
# Not a test itself. ROUTE (proc or iterator) in the environment says by which way threads are read.
#
#   locks CASE[,NUMBER]   starts a shape, waits for `ready`; $locks is its pid
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

# No wait of the target has an edge that stands in a circle, by whatever certainty, and none is held by nobody who lives.
no_circle() {
  run "$IMPASSE" query --target "$1" "SELECT count(*) AS n FROM waits WHERE verdict IN ('deadlock', 'stuck')"
  expect_status 0
  expect_out '^ *0 *$'
}
