# A target that is killed and one that exits in order are told apart.
. ./session.sh

# ending SIGNAL: starts a demo, a watcher, ends the demo with the signal; $watched is what the watcher said.
ending() {
  demo deadlock
  spawn "$IMPASSE" record --target "$demo" --db "$work/$1"
  recorder=$spawned
  poll 60 has_rows "$1" "SELECT count(*) FROM targets WHERE pid = $demo AND state = 'running'"
  kill -"$1" "$demo"
  poll 60 has_rows "$1" "SELECT count(*) FROM targets WHERE pid = $demo AND state = 'gone'"
}

has_rows() {
  run "$IMPASSE" query "$2" --db "$work/$1" --format tsv
  [ "$status" -eq 0 ] && [ "$(tail -1 "$work/out")" -gt 0 ]
}

ending KILL
poll 60 has_rows KILL "SELECT count(*) FROM alerts WHERE rule = 'blind' AND state = 'firing'"
run "$IMPASSE" query "SELECT DISTINCT reason FROM targets WHERE state = 'gone'" --db "$work/KILL" --format tsv
cp "$work/out" "$work/killed"
kill -TERM "$recorder"
wait "$recorder" # only one answers at a time

ending TERM
run "$IMPASSE" query "SELECT DISTINCT reason FROM targets WHERE state = 'gone'" --db "$work/TERM" --format tsv
! cmp -s "$work/out" "$work/killed" || fail "killed and exited look the same: $(cat "$work/killed")"
run "$IMPASSE" query "SELECT count(*) FROM alerts WHERE rule = 'blind' AND state = 'firing'" --db "$work/TERM" --format tsv
[ "$(tail -1 "$work/out")" -eq 0 ] || fail "an orderly exit raised an alert"
