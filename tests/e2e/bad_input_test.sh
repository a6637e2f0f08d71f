# Bad input: one clear line on standard error that says what and where; exit code 2. For check, exit code 3 and the line
# is a plugin's answer on standard output, for Nagios shows nothing else.
. ./session.sh
demo deadlock

wrong() {
  code=$1 pattern=$2
  shift 2
  run timeout 60 "$IMPASSE" "$@"
  expect_status "$code"
  expect_one_error "$pattern"
}

unknown() {
  pattern=$1
  shift
  run timeout 60 "$IMPASSE" check "$@"
  expect_status 3
  [ ! -s "$work/err" ] || fail "'$ran' speaks on standard error"
  [ "$(wc -l <"$work/out")" -eq 1 ] || fail "'$ran' said $(wc -l <"$work/out") lines, wanted 1"
  expect_out "^IMPASSE UNKNOWN - [^|]*$pattern[^|]*$"
}

# A pid that nobody has: above the largest there can be.
nobody=$(($(cat /proc/sys/kernel/pid_max) + 1))
wrong 2 "$nobody" show actors --target "$nobody"
wrong 2 "$nobody" query "SELECT 1" --target "$nobody"
unknown "no process $nobody" deadlock --target "$nobody"
wrong 2 "no_such_program" show actors --target no_such_program

wrong 2 "dpth" show actors --target "$demo" --where "dpth > 3"
wrong 2 "order" show actors --target "$demo" --order "depth DESC DESC"
wrong 2 "column 18" query "SELECT name FORM actors" --target "$demo"
wrong 2 "no_such" query "SELECT no_such FROM actors" --target "$demo"
wrong 2 "" query "DELETE FROM actors" --target "$demo"
wrong 2 "nonsense" show nonsense --target "$demo"
wrong 2 "nonsense" nonsense
wrong 2 "nonsense" watch nonsense --target "$demo"
unknown "nonsense" nonsense --target "$demo"
unknown "non.sense" "--non|sense"
wrong 2 "nonsense" show actors --nonsense
wrong 2 "yesterdy" show alerts --since yesterdy
wrong 2 "xml" show actors --target "$demo" --format xml
wrong 2 "SQL" query

# Databases: none there, not one of ours, one of another version, noise. None of them is changed.
command -v sqlite3 >/dev/null || exit 0
mkdir "$work/empty" "$work/foreign"
wrong 2 "$work/none" query "SELECT 1 FROM actors" --db "$work/none"
wrong 2 "$work/empty" query "SELECT 1 FROM actors" --db "$work/empty"

run timeout 60 "$IMPASSE" record --target "$demo" --db "$work/newer" --duration 3s
expect_status 0
newer=$(ls "$work"/newer/*.db)
foreign=$work/foreign/$(basename "$newer")
sqlite3 "$foreign" "CREATE TABLE mine (x); INSERT INTO mine VALUES (42)"
wrong 2 "$foreign" query "SELECT 1 FROM actors" --db "$work/foreign"
run timeout 60 "$IMPASSE" record --target "$demo" --db "$work/foreign" --duration 5s
expect_status 2
expect_err "$foreign"
[ "$(sqlite3 "$foreign" "SELECT x FROM mine")" = 42 ] || fail "a foreign database was changed"

sqlite3 "$newer" "PRAGMA user_version = 9999" >/dev/null
wrong 2 "newer" query "SELECT 1 FROM actors" --db "$work/newer"
[ "$(sqlite3 "$newer" "PRAGMA user_version")" = 9999 ] || fail "a database of another version was changed"

head -c 100000 /dev/urandom >"$work/garbage.db"
cp "$work/garbage.db" "$work/garbage"
wrong 2 "garbage.db" query "SELECT 1 FROM actors" --db "$work/garbage.db"
cmp -s "$work/garbage.db" "$work/garbage" || fail "a file that is no database was changed"
