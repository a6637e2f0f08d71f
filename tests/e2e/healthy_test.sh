# A busy program in good order raises nothing for a minute.
. ./session.sh
demo healthy
run "$IMPASSE" watch --target "$demo" --duration 60s
expect_status 0
expect_out '"type": *"start"'
expect_out '"type": *"end"'
expect_no_out '"type": *"(firing|trouble)"'
run "$IMPASSE" check --target "$demo"
[ "$status" -eq 0 ] || [ "$status" -eq 3 ] || fail "check found something in a healthy program"
run "$IMPASSE" check deadlock --target "$demo"
expect_status 0
