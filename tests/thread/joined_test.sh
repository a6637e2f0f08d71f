#!/usr/bin/env bash
# joined_test.sh - a circle of a call, which the hook library tells, and of a lock, which only the thread tells that waits
# for it: found as one, named by its actors, told once.
cd "$(dirname "$0")"
. ./locks.sh
: "${JOINED:?the program target_joined}"

mkfifo "$work/input"
exec 9<>"$work/input" # while this is open the program stays
# shellcheck disable=SC2016
spawn sh -c 'exec "$0" <"$1"' "$JOINED" "$work/input"
locks=$spawned locks_out=$spawned_out
poll 60 locks_ready

finds "$locks" 60 deadlock 2 'clerk -> teller -> clerk' 'mutex vault_door' 'call' 'proven' '1 more blocked behind'
expect_out "'deadlock'=1;"

# Each wait stands there once, as the actor's; so do the states, the sums and the owner of the lock. A query reads for a
# moment only, on a busy machine too short to know who runs on which thread: it is asked until it knows.
once="SELECT
  (SELECT group_concat(waiter_name || ' ' || via || ' ' || holder_name, ', ')
   FROM (SELECT * FROM waits ORDER BY waiter_name)) || '; ' ||
  (SELECT count(*) FROM actors WHERE kind = 'actor' AND state = 'blocked' AND thread IS NOT NULL) || '; ' ||
  (SELECT blocked || ' of ' || actors FROM targets WHERE pid = $locks) || '; ' ||
  (SELECT owner_name FROM tables WHERE name = 'vault_door') AS told"
told_once() {
  run "$IMPASSE" query --target "$locks" "$once"
  expect_status 0
  grep -q '^cashier lock teller, clerk lock teller, teller call clerk; 3; 3 of 3; teller *$' "$work/out"
}
poll 60 told_once
