# Ten thousand actors, most of them idle, are all seen, and nothing is found wrong with them.
. ./session.sh
demo healthy --scale 10000
run timeout 60 "$IMPASSE" query "SELECT count(*) AS n FROM actors WHERE name LIKE 'visitor%'" --target "$demo" --format tsv
expect_status 0
[ "$(tail -1 "$work/out")" -eq 10000 ] || fail "$(tail -1 "$work/out") of 10000 visitors are there"
run timeout 60 "$IMPASSE" check deadlock --target "$demo"
expect_status 0
