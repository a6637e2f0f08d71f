# A deadlock is found by the names of its cycle, and at once: the one promise about time that there is.
. ./session.sh
demo deadlock
run timeout 30 "$IMPASSE" check deadlock --target "$demo"
expect_status 2
expect_out 'server_a'
expect_out 'server_b'
expect_out 'proven|confirmed'
expect_out "^DEADLOCK CRITICAL - [^|]+ \| 'deadlock'=1;;;0 "
# What could not be judged yet is not counted as nothing.
run timeout 30 "$IMPASSE" check --target "$demo"
expect_status 2
expect_out "^IMPASSE CRITICAL - [^|]+ \| 'deadlock'=1;;;0 .*'leak'=U "

run "$IMPASSE" show targets --target "$demo" --format tsv
expect_out "impasse-demo:$demo"

run "$IMPASSE" show waits --target "$demo" --format csv
expect_status 0
expect_out 'server_a.*server_b'
expect_out 'deadlock'
expect_out 'victim'

# The clients are behind the core, not in it.
run "$IMPASSE" query "SELECT DISTINCT waiter_name FROM waits WHERE verdict = 'deadlock' ORDER BY 1" --target "$demo" --format tsv
expect_status 0
expect_no_out 'client'
