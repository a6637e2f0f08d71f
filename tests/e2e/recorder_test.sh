# A running recorder answers the other commands; when it is gone, also by kill -9, they look for themselves.
. ./session.sh
demo deadlock
# Its unusual interval tells whose answer it is.
spawn "$IMPASSE" record --target "$demo" --db "$work/db" --interval 1700ms
recorder=$spawned

interval_is() {
  run timeout 60 "$IMPASSE" query "SELECT interval_ms FROM targets WHERE pid = $demo" --target "$demo" --format tsv
  [ "$status" -eq 0 ] && [ "$(tail -1 "$work/out")" = "$1" ]
}
poll 60 interval_is 1700
run timeout 60 "$IMPASSE" check deadlock --target "$demo"
expect_status 2
expect_out 'server_a'

run timeout 60 "$IMPASSE" record --target "$demo" --db "$work/other"
expect_status 2
expect_one_error 'running already'
spawn env XDG_RUNTIME_DIR="$work" "$IMPASSE" record --target "$demo" --db "$work/db"
poll 60 gone "$spawned"
grep -q "$recorder" "$spawned_err" || fail "the second recorder of a folder does not name the first"

spawn "$IMPASSE" watch deadlock --target "$demo"
watch=$spawned
poll 60 grep -q '"type": *"firing"' "$spawned_out"
kill -KILL "$recorder"
poll 60 grep -q '"type": *"trouble"' "$spawned_out"
alive "$watch" || fail "watch ended with the recorder"

run timeout 60 "$IMPASSE" check deadlock --target "$demo"
expect_status 2
interval_is 1700 && fail "a dead recorder answers"
[ "$status" -eq 0 ] || fail "without the recorder there is no answer"

# A recorder that was told to watch one program only is none for those of another.
spawn "$IMPASSE" record --target "$demo" --db "$work/db"
poll 60 grep -q 'recording to' "$spawned_err"
demo pool
run timeout 60 "$IMPASSE" check deadlock --target "$demo"
expect_status 2
expect_out 'workers'
