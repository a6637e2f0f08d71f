#!/usr/bin/env bash
# busy_test.sh - a node where processes are born and die by the hundred thousand a second, and one with room for two
# million processes: what is read is right, and nothing but living processes has a row.
cd "$(dirname "$0")"
. ./node.sh
shape 25 spawn_storm,2 +P 2000000
rates() {
  run "$IMPASSE" query --target "$node" \
    "SELECT born_per_s > 10000 AND died_per_s > 10000 AS busy, actor_limit >= 2000000 AS roomy FROM targets"
  [ "$status" -eq 0 ] && grep -Eq '^ *1 +1 *$' "$work/out"
}
poll 60 rates
# Garbage would be a process without a function, or with a mailbox of millions.
run "$IMPASSE" query --target "$node" "SELECT count(*) AS n FROM actors WHERE depth > 1000 OR depth < 0 OR kind <> 'process'"
expect_status 0
expect_out '^ *0 *$'
