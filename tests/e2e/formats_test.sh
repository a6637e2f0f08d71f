# Every relation, every format, live: what they say is well-formed, and the exit code is 0.
. ./session.sh
demo deadlock

quiet() {
  expect_status 0
  [ ! -s "$work/err" ] || fail "'$ran' said something on standard error"
}
for relation in targets actors waits tables call_graph names alerts gaps; do
  run timeout 60 "$IMPASSE" show $relation --target "$demo" --format ndjson
  quiet
done
for format in table json csv tsv openmetrics; do
  run timeout 60 "$IMPASSE" show actors --target "$demo" --format $format
  quiet
  [ $format = openmetrics ] || expect_out 'server_a'
done

run "$IMPASSE" show graph --target "$demo"
quiet
expect_out 'server_a'
run "$IMPASSE" show graph --target "$demo" --format dot
quiet
expect_out '^(di)?graph '

# JSON as a JSON reader sees it: SQLite has one.
valid() {
  sqlite3 :memory: "SELECT json_valid(readfile('$1'))"
}
run "$IMPASSE" show actors --target "$demo" --json
expect_status 0
if command -v sqlite3 >/dev/null; then
  [ "$(valid "$work/out")" = 1 ] || fail "show --json is no JSON"
  names=$(sqlite3 :memory: "SELECT group_concat(json_extract(value, '\$.name'), ' ')
    FROM (SELECT value FROM json_each(readfile('$work/out')) ORDER BY json_extract(value, '\$.name'))")
  case $names in *server_a*server_b*) ;; *) fail "show --json has these names: $names" ;; esac
  run "$IMPASSE" show actors --target "$demo" --format ndjson
  while read -r line; do
    printf '%s' "$line" >"$work/line"
    [ "$(valid "$work/line")" = 1 ] || fail "a line of ndjson is no JSON: $line"
  done <"$work/out"
  run timeout 60 "$IMPASSE" watch deadlock --target "$demo" --duration 5s
  expect_status 0
  expect_out 'server_a'
  while read -r line; do
    printf '%s' "$line" >"$work/line"
    [ "$(valid "$work/line")" = 1 ] || fail "a line of watch is no JSON: $line"
  done <"$work/out"
fi

run "$IMPASSE" show actors --target "$demo" --where "name = 'server_a'" --format csv
expect_status 0
[ "$(wc -l <"$work/out")" -eq 2 ] || fail "one row was asked for: $(cat "$work/out")"
run "$IMPASSE" show actors --target "$demo" --order "name DESC" --limit 2 --format tsv
expect_status 0
[ "$(wc -l <"$work/out")" -eq 3 ] || fail "two rows were asked for: $(cat "$work/out")"
sed -n 2p "$work/out" | grep -q server_b || fail "the order is not the one asked for"
run "$IMPASSE" show targets --target "$demo" --format openmetrics
tail -1 "$work/out" | grep -qx '# EOF' || fail "openmetrics does not end in # EOF"
run "$IMPASSE" query "SELECT NULL AS unknown, 1 AS one" --target "$demo" --json
expect_out '"unknown": *null'
