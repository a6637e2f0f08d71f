# As root the processes of everybody are read by an impasse that has no capabilities in any of its threads: a broker alone
# has some, and is gone whenever its impasse is.
. ./session.sh
[ "$(id -u)" -eq 0 ] || skip "needs root to give something up"
command -v setpriv >/dev/null || skip "no setpriv"
grep -q '^CapEff:.*[1-9a-f]' /proc/self/status || skip "has no capabilities"
other=65534
as_other="setpriv --reuid=$other --regid=$other --clear-groups"
cp "$IMPASSE" "$work/impasse" # where others can run it, wherever the build is
spawn $as_other "$work/impasse" demo deadlock
demo=$spawned
poll 60 demo_ready "$demo" "$spawned_out"

# What stands behind LABEL in a status file.
told() {
  sed -n "s/^$2:[[:space:]]*//p" "$1" 2>/dev/null
}
broker_of() {
  for task in /proc/[0-9]*; do
    [ "$(told "$task/status" PPid)" = "$1" ] && [ "$(cat "$task/comm" 2>/dev/null)" = impasse-broker ] && basename "$task"
  done
  return 0
}
record() {
  spawn "$IMPASSE" record --target "$demo" --db "$work/db"
  recorder=$spawned
  poll 60 circle
  poll 60 has_broker
}
has_broker() {
  alive "$recorder" || fail "the recorder ended: $(cat "$spawned_err")"
  broker=$(broker_of "$recorder")
  [ -n "$broker" ]
}
circle() {
  run "$IMPASSE" query "SELECT count(*) AS n FROM waits WHERE verdict = 'deadlock'" --db "$work/db" --format tsv
  [ "$status" -eq 0 ] && [ "$(tail -1 "$work/out")" -gt 0 ]
}

record
parsers=0
for task in /proc/"$recorder"/task/*; do
  cat "$task/status" >"$work/status" 2>/dev/null || continue # it has ended
  for set in CapInh CapPrm CapEff CapBnd CapAmb; do
    [ -z "$(told "$work/status" $set | tr -d 0)" ] || fail "a thread of the recorder has $set $(told "$work/status" $set)"
  done
  [ "$(told "$work/status" NoNewPrivs)" = 1 ] || fail "a thread of the recorder could gain privileges by exec"
  [ "$(told "$work/status" Seccomp)" = 2 ] || fail "a thread of the recorder has no filter"
  [ "$(told "$work/status" Seccomp_filters)" -gt "$(told /proc/"$recorder"/status Seccomp_filters)" ] && parsers=$((parsers + 1))
done
[ "$parsers" -ge 2 ] || fail "discovery and the worker should have a filter of their own: $parsers have"
[ -n "$(told /proc/"$broker"/status CapEff | tr -d 0)" ] || fail "the broker has no capabilities"
[ "$(told /proc/"$broker"/status CapEff)" != "$(told /proc/self/status CapEff)" ] || fail "the broker gave up nothing"
[ "$(told /proc/"$broker"/status Seccomp)" = 2 ] || fail "the broker has no filter"

# ^C reaches both: the recorder ends orderly, and nobody stays.
kill -INT "$broker"
kill -INT "$recorder"
poll 30 gone "$recorder"
poll 30 gone "$broker"
grep -q '[1-9][0-9]* ticks' "$spawned_err" || fail "the recorder did not end orderly"

record
kill -KILL "$recorder"
wait "$recorder" || : # all of its threads: one may hold its socket a little longer
poll 30 gone "$broker"

# Without its broker it goes on with what it has, and says what is missing.
record
kill -KILL "$broker"
missed() {
  run "$IMPASSE" query "SELECT reason FROM gaps" --target "$demo" --format tsv
  grep -q 'start impasse again' "$work/out"
}
poll 60 missed
kill -INT "$recorder"
poll 30 gone "$recorder"

# The folder of another user is not root's any more.
mkdir "$work/theirs"
chmod 755 "$work/theirs"
chown $other:$other "$work/theirs"
run timeout 60 "$IMPASSE" record --target "$demo" --db "$work/theirs" --duration 1s
expect_status 2
expect_err "chown root"
