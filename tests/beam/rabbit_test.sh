#!/usr/bin/env bash
# rabbit_test.sh SECONDS - a broker under load: it is on the list by its name, with its processes and tables; nothing is
# alarmed for that many seconds; a queue whose process is suspended is the one behind whom everybody waits.
cd "$(dirname "$0")"
. ./node.sh
. ./rabbit.sh
broker
load 20
node=$broker

by_name() {
  run "$IMPASSE" query --target "$broker_name" "SELECT target, runtime, actors > 200 AS many FROM targets"
  [ "$status" -eq 0 ] && grep -Eq "^ *$broker_name +beam(\+queue)? +1" "$work/out"
}
poll 30 by_name
run "$IMPASSE" show actors --target "$broker_name" --where "name = 'rabbit_node_monitor'"
expect_status 0
expect_out 'rabbit_node_monitor'
run "$IMPASSE" query --target "$broker_name" "SELECT count(*) AS n FROM actors WHERE name LIKE 'rabbit_prequeue:init%'"
expect_out '^ *20 *$'
run "$IMPASSE" show tables --target "$broker_name" --where "name = 'rabbit_queue'"
expect_status 0
expect_out 'rabbit_queue +ets'
stays_quiet "$node" "${1}s" 10

tell suspend suspended
blocked_behind() {
  run "$IMPASSE" query --target "$broker_name" \
    "SELECT name, state, behind FROM actors WHERE state = 'suspended' AND behind >= 5"
  [ "$status" -eq 0 ] && grep -q 'rabbit_prequeue:init.*suspended' "$work/out"
}
poll 30 blocked_behind
tell resume resumed
free_again() {
  run "$IMPASSE" query --target "$broker_name" "SELECT count(*) AS n FROM actors WHERE state = 'suspended'"
  [ "$status" -eq 0 ] && grep -Eq '^ *0 *$' "$work/out"
}
poll 30 free_again
