# A busy program in good order raises nothing for a minute.
. ./session.sh
demo healthy
run "$IMPASSE" watch --target "$demo" --duration 60s
expect_status 0
expect_out '"type": *"start"'
expect_out '"type": *"end"'
expect_no_out '"type": *"(firing|trouble)"'
run "$IMPASSE" check --target "$demo"
expect_status 0
run "$IMPASSE" check deadlock --target "$demo"
expect_status 0
