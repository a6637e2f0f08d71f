#!/usr/bin/env bash
# dump_test.sh MAJOR SHAPE[,ARGUMENT...] PATTERN... - the deadlock of a shape of scenario.erl, found in the living node,
# is found again in the crash dump that the node leaves when it is told to (SIGUSR1): `show alerts` says the patterns,
# `show graph` draws the circle. A dump that was cut off anywhere is read as far as it goes.
cd "$(dirname "$0")"
. ./node.sh
major=$1 name=$2
shift 2

root=$(./otp.sh get "$major" 2>"$work/otp.err") || skip "$(cat "$work/otp.err")"
inner=/tmp/impasse-dump-$$
dump=${root%/}$inner
cleanup() { rm -f "$dump"; }
export ERL_CRASH_DUMP=$inner ERL_CRASH_DUMP_SECONDS=-1
shape "$major" "$name"
finds "$node" 60 deadlock 2 "$1"

kill -USR1 "$node"
poll 60 gone "$node"
[ -s "$dump" ] || fail "the node left no dump"

run "$IMPASSE" show alerts --crash-dump "$dump" --format ndjson --where "rule = 'deadlock'"
expect_status 0
expect_out '"severity":"critical"'
expect_out '"state":"firing"'
expect_out '"certainty":"confirmed"'
for pattern; do
  expect_out "$pattern"
done
run "$IMPASSE" show graph --crash-dump "$dump"
expect_status 0
expect_out 'deadlock \(confirmed\)'
run "$IMPASSE" show targets --crash-dump "$dump" --format ndjson
expect_out '"pid":null'
expect_out '"state":"gone"'
expect_out "OTP $major "
expect_out 'Received SIGUSR1'
run "$IMPASSE" show tables --crash-dump "$dump" --where "name = 'ac_tab' AND items > 0 AND bytes > 0"
expect_out 'application_controller'
run "$IMPASSE" show gaps --crash-dump "$dump"
expect_no_out 'ends before its end'

size=$(stat -c %s "$dump")
for part in 1 3 7 10; do
  head -c $((size * part / 11)) "$dump" >"$work/part"
  run "$IMPASSE" show gaps --crash-dump "$work/part"
  expect_status 0
  expect_out 'ends before its end'
done
run "$IMPASSE" show actors --crash-dump "$0"
expect_status 2
