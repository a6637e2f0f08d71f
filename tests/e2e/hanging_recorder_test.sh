# A recorder that hangs is said to, and the other commands look for themselves; when it goes on, it answers again.
. ./session.sh
demo deadlock
spawn "$IMPASSE" record --target "$demo" --db "$work/db" --interval 1700ms # tells whose answer it is
recorder=$spawned

interval_is() {
  run timeout 60 "$IMPASSE" query "SELECT interval_ms FROM targets WHERE pid = $demo" --target "$demo" --format tsv
  [ "$status" -eq 0 ] && [ "$(tail -1 "$work/out")" = "$1" ]
}
poll 60 interval_is 1700

kill -STOP "$recorder"
run timeout 60 "$IMPASSE" check deadlock --target "$demo"
expect_status 2
expect_out 'server_a'
[ "$(wc -l <"$work/err")" -eq 1 ] || fail "'$ran' said $(wc -l <"$work/err") lines on standard error, wanted 1"
expect_err 'recorder at .* does not answer'
interval_is 1700 && fail "a recorder that hangs answers"
[ "$status" -eq 0 ] || fail "beside a recorder that hangs there is no answer"
run timeout 60 "$IMPASSE" doctor
expect_status 0
expect_out 'recorder .*does not answer'

kill -CONT "$recorder"
poll 60 interval_is 1700
