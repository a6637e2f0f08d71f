# A SIGSTOPped target is shown as what it is, is not waited for, and goes on as if nothing had been.
. ./session.sh
demo deadlock
kill -STOP "$demo"
run timeout 60 "$IMPASSE" show targets --target "$demo" --format tsv
expect_status 0
expect_out 'stopped'
run timeout 60 "$IMPASSE" check deadlock --target "$demo"
[ "$status" -ne 0 ] || fail "a stopped target was called fine"
kill -CONT "$demo"
run timeout 60 "$IMPASSE" check deadlock --target "$demo"
expect_status 2
expect_out 'server_a'
