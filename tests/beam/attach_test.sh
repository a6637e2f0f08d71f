#!/usr/bin/env bash
# attach_test.sh MAJOR COUNT SHAPE[,ARGUMENT...] [ERL_ARGUMENT...] - a healthy node is never refused, whatever it is doing:
# it is attached COUNT times while it is busy with a shape of scenario.erl, or, as `broker`, a RabbitMQ under load.
cd "$(dirname "$0")"
. ./node.sh
: "${IMPASSE_ATTACH_AGAIN:?the program attach_again}"
major=$1 count=$2 name=$3
shift 3
if [ "$name" = broker ]; then
  . ./rabbit.sh
  broker
  load 20
  node=$broker
else
  shape "$major" "$name" "$@"
fi
run "$IMPASSE_ATTACH_AGAIN" "$count" "$node"
[ -z "${IMPASSE_SAY-}" ] || cat "$work/out"
expect_status 0
