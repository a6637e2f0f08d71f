# The demo program itself: it is ready when it says so, ends when it is told to, and refuses what it does not know.
. ./session.sh

for signal in INT TERM; do
  demo deadlock pool
  kill -"$signal" "$demo"
  poll 30 gone "$demo"
  code=0
  wait "$demo" || code=$?
  [ "$code" -eq 0 ] || fail "the demo exited with $code on SIG$signal"
  head -1 "$spawned_out" | grep -qx "impasse demo: pid $demo" || fail "the first line does not tell the pid"
done

run timeout 60 "$IMPASSE" demo deadlock timed --duration 3s
expect_status 0
expect_out '^ready$'

run "$IMPASSE" demo nonsense
expect_status 2
expect_one_error "nonsense"
run "$IMPASSE" demo deadlock --duration soon
expect_status 2
expect_one_error "soon"
run "$IMPASSE" demo deadlock --scale 0
expect_status 2
expect_one_error "scale"

# No room for the region: the demo says so and does not pretend.
run sh -c "ulimit -f 1000; exec '$IMPASSE' demo deadlock --duration 1s"
expect_status 2
expect_err "hook library could not start"
[ "$(wc -l <"$work/err")" -eq 1 ] || fail "more than one line on standard error"
