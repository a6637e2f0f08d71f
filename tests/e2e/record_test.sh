# A minute of recording beside the whole demo leaves a database from which the stock sqlite3 answers what one asks after
# an incident, and from which every command can show the past.
. ./session.sh
command -v sqlite3 >/dev/null || skip "no sqlite3"
demo all
spawn "$IMPASSE" record --target "$demo" --db "$work/db"
recorder=$spawned

# recorded QUERY N: the query's one value is at least N.
recorded() {
  run "$IMPASSE" query "$1" --db "$work/db" --format tsv
  [ "$status" -eq 0 ] && [ "$(tail -1 "$work/out")" -ge "$2" ]
}
poll 150 recorded "SELECT max(t) - min(t) FROM targets" 60
# The demo ends before the recording, so that the alerts end too.
kill -TERM "$demo"
poll 100 recorded "SELECT count(*) FROM alerts WHERE rule = 'deadlock' AND until IS NOT NULL" 1
kill -TERM "$recorder"
poll 30 gone "$recorder"
code=0
wait "$recorder" || code=$?
[ "$code" -eq 0 ] || fail "the recorder exited with $code on SIGTERM"
shard=$(ls "$work"/db/*.db | head -1)

ask() {
  run sqlite3 -readonly -batch "$shard" "$1"
  [ "$status" -eq 0 ] || fail "sqlite3 does not answer: $1"
}

# Top 5 mailboxes.
ask "SELECT name, max(depth) AS deepest FROM actors GROUP BY target_key, actor ORDER BY deepest DESC LIMIT 5"
[ "$(wc -l <"$work/out")" -eq 5 ] || fail "not five mailboxes"
head -1 "$work/out" | grep -q '^event_log|' || fail "the leak is not the deepest mailbox"
expect_out '^ledger'

# Who waited for whom at the worst moment.
ask "WITH worst AS (SELECT t FROM targets GROUP BY t ORDER BY sum(blocked) DESC LIMIT 1)
     SELECT DISTINCT waiter_name, holder_name FROM waits, worst
      WHERE waits.t <= worst.t AND coalesce(waits.last_t, 1e12) >= worst.t"
expect_out '^server_a\|server_b$'
expect_out '^server_b\|server_a$'
expect_out '^teller.*\|ledger$'

# The alerts, with since and until.
ask "SELECT DISTINCT rule FROM alerts WHERE state IN ('firing', 'resolved') ORDER BY rule"
for rule in deadlock leak unmatched bottleneck contention; do
  expect_out "^$rule\$"
done
ask "SELECT rule, since, until FROM alerts WHERE since IS NULL OR since < 1000000000 OR until < since"
expect_no_out .
ask "SELECT summary FROM alerts WHERE rule = 'deadlock' AND until >= since"
expect_out 'server_a'
ask "SELECT count(*) FROM targets WHERE t_ms IS NULL OR at IS NULL"
expect_out '^0$'

# The commands on the same recording.
ask "SELECT max(t) FROM targets WHERE pid = $demo AND state = 'running'"
running=$(cat "$work/out")
run "$IMPASSE" show actors --db "$work/db" --at "@$running" --order "depth DESC" --limit 3 --format csv
expect_status 0
expect_out 'event_log'
run "$IMPASSE" show alerts --db "$work/db" --since "10m ago" --format csv
expect_status 0
expect_out 'deadlock'
run "$IMPASSE" query "SELECT count(DISTINCT t) FROM targets" --db "$work/db" --format tsv
expect_status 0
