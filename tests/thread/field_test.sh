#!/usr/bin/env bash
# field_test.sh SECONDS - programs of the field that nobody here wrote, under load: a database server, and a stress of
# mutexes. Sensible names, no circle, nothing stuck, no alert but of contention where there is some.
cd "$(dirname "$0")"
. ./locks.sh
seconds=$1

# --- MariaDB
data=$work/data
mkdir "$data"
chown -R "$(id -u)" "$data"
user=
[ "$(id -u)" -ne 0 ] || user=--user=root
mariadb-install-db --no-defaults $user --datadir="$data" --auth-root-authentication-method=normal >"$work/install.out" 2>&1 ||
  fail "$(tail -n 5 "$work/install.out")"
spawn mariadbd --no-defaults $user --datadir="$data" --socket="$work/sql" --skip-networking --pid-file="$work/sql.pid"
server=$spawned
sql() { mariadb --no-defaults --socket="$work/sql" -u root "$@"; }
answers() { alive "$server" || fail "$(tail -n 5 "$spawned_err")"; sql -e 'SELECT 1' >/dev/null 2>&1; }
poll 60 answers
sql -e 'CREATE DATABASE t; USE t; CREATE TABLE t.a (id INT PRIMARY KEY, n INT); INSERT INTO t.a SELECT seq, 0 FROM seq_1_to_50'
for client in 1 2 3 4 5 6 7 8; do
  spawn sh -c 'while :; do i=$((i % 50 + 1)); echo "UPDATE t.a SET n = n + 1 WHERE id = $((i * $1 % 50 + 1)); SELECT SUM(n) FROM t.a;"; done |
    mariadb --no-defaults --socket="$2" -u root >/dev/null' sh "$client" "$work/sql"
done
run "$IMPASSE" watch deadlock latent_deadlock leak unmatched bottleneck --target "$server" --duration "${seconds}s"
expect_status 0
expect_no_out '"state":"firing"'
no_circle "$server"
are_named() { # on a busy machine a first look may end before all was read
  run "$IMPASSE" query --target "$server" \
    "SELECT count(*) > 10 AS threads, sum(name LIKE 'mariadbd/%') > 10 AS named FROM actors WHERE kind = 'thread'"
  grep -Eq '1 +1' "$work/out"
}
poll 60 are_named
kill -TERM "$server"
poll 60 gone "$server"

# --- a stress of mutexes, some of them with priority inheritance
spawn stress-ng --mutex 2 --mutex-procs 8 --timeout $((seconds + 60))
parent=$spawned
worker() { stress=$(child_of "$parent") && [ -n "$stress" ]; }
poll 60 worker
stays_there() {
  run "$IMPASSE" query --target "$stress" "SELECT count(*) > 1 AS seen FROM actors"
  [ "$status" -eq 0 ] && grep -Eq '^ *1 *$' "$work/out"
}
poll 60 stays_there
run "$IMPASSE" watch deadlock latent_deadlock --target "$stress" --duration "${seconds}s"
expect_status 0
expect_no_out '"state":"firing"'
