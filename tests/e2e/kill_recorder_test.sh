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
newest() {
  for shard in "$work"/db/*.db; do
    sqlite3 -readonly "$shard" "SELECT max(t) FROM tick"
  done | sort -n | tail -1
}
at_least() {
  [ "$(ticks)" -ge "$1" ]
}

poll 60 at_least 3
kill -KILL "$recorder"
killed=$(date +%s)
poll 10 gone "$recorder"
before=$(ticks)
[ "$before" -ge 3 ] || fail "ticks that were committed are lost: $before"
# One tick a second; ten times that for a busy machine.
[ $((killed - $(newest | cut -d. -f1))) -le 10 ] || fail "the last tick is from $(newest), killed at $killed"
for shard in "$work"/db/*.db; do
  [ "$(sqlite3 "$shard" 'PRAGMA quick_check')" = ok ] || fail "$shard is damaged"
done

spawn "$IMPASSE" record --target "$demo" --db "$work/db"
poll 60 at_least $((before + 2))
run "$IMPASSE" query "SELECT count(*) AS n FROM waits WHERE verdict = 'deadlock'" --db "$work/db" --format csv
expect_status 0
expect_out '^[1-9]'
