# kill -9 of the recorder: the stock sqlite3 reads what was written, at most the last tick is lost, and the next
# recorder goes on in the same place.
. ./session.sh
command -v sqlite3 >/dev/null || skip "no sqlite3"
demo deadlock
spawn "$IMPASSE" record --target "$demo" --db "$work/db"
recorder=$spawned

ticks() {
  for shard in "$work"/db/*.db; do
    [ -f "$shard" ] || continue
    sqlite3 -readonly "$shard" "SELECT count(*) FROM tick" 2>/dev/null
  done | awk '{ n += $1 } END { print n + 0 }'
}
# When the newest snapshot that the recorder hands out was made, in milliseconds.
handed_out() {
  run "$IMPASSE" query "SELECT max(t_ms) FROM targets" --target "$demo" --format tsv
  [ "$status" -eq 0 ] && tail -1 "$work/out"
}
later_than() {
  [ "$(handed_out)" -gt "$1" ]
}
at_least() {
  [ "$(ticks)" -ge "$1" ]
}

poll 60 at_least 3
seen=$(handed_out)
poll 60 later_than "$seen"
kill -KILL "$recorder"
poll 10 gone "$recorder"
before=$(ticks)
kept=$(for shard in "$work"/db/*.db; do sqlite3 -readonly "$shard" "SELECT count(*) FROM tick WHERE t_ms >= $seen"; done |
  awk '{ n += $1 } END { print n }')
[ "$kept" -ge 1 ] || fail "more than the last tick is lost: one from $seen was handed out, and a later one"
for shard in "$work"/db/*.db; do
  [ "$(sqlite3 "$shard" 'PRAGMA quick_check')" = ok ] || fail "$shard is damaged"
done

spawn "$IMPASSE" record --target "$demo" --db "$work/db"
poll 60 at_least $((before + 2))
run "$IMPASSE" query "SELECT count(*) AS n FROM waits WHERE verdict = 'deadlock'" --db "$work/db" --format csv
expect_status 0
expect_out '^[1-9]'
