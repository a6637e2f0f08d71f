#!/usr/bin/env bash
# cross_test.sh - a circle over two nodes is one circle, found by nobody who looks at one node alone. With network
# namespaces at hand: two pairs of nodes have the same two names each, one pair is deadlocked and one is not, and they
# are not mixed up.
cd "$(dirname "$0")"
. ./node.sh
command -v erl >/dev/null || skip "erlang is not installed"
[ "$(id -u)" -eq 0 ] || skip "needs root to make network namespaces"
command -v ip >/dev/null || skip "no ip (package iproute2)"
first=impasse-$$-1 second=impasse-$$-2
cleanup() {
  ip netns del $first 2>/dev/null || true
  ip netns del $second 2>/dev/null || true
}
for space in $first $second; do
  ip netns add $space || skip "the kernel gives no network namespace"
  ip netns exec $space true 2>"$work/netns.err" || skip "no network namespace can be entered here: $(cat "$work/netns.err")"
  ip -n $space link set lo up
done

# host SPACE NAME SHAPE: a node left@127.0.0.1 or right@127.0.0.1 in a network namespace.
host() {
  spawn ip netns exec "$1" env HOME="$work" ./otp.sh run 25 --with "$programs" -- -noshell -name "$2@127.0.0.1" \
    -setcookie impasse -eval "[{ok, _} = c:c(M) || M <- [relay, scenario]], scenario:main([$3])."
  node=$spawned node_out=$spawned_out
  poll 90 ready
}
for space in $first $second; do
  host $space right '"partner", "server_b"'
  eval "right_$(echo $space | tail -c 2)=\$node"
done
host $second left '"partner", "server_a"'
left_2=$node
host $first left '"cross", "server_a", "server_b", "right@127.0.0.1"'
left_1=$node

both() {
  run "$IMPASSE" check deadlock --wait 5s --target "$left_1" --target "$right_1" --target "$left_2" --target "$right_2"
  [ "$status" -eq 2 ]
}
poll 60 both
expect_out 'server_a.*server_b'
expect_out "'deadlock'=1;"
# Each wait leads into the other node of its own pair.
run "$IMPASSE" query --target "$left_1" --target "$right_1" --target "$left_2" --target "$right_2" \
  "SELECT (target_key & 0x3fffff) AS waits, (holder_target_key & 0x3fffff) AS held FROM waits WHERE verdict = 'deadlock'"
expect_status 0
expect_out "^ *$left_1 +$right_1 *$"
expect_out "^ *$right_1 +$left_1 *$"
# Half of it is no deadlock that could be told.
run "$IMPASSE" check deadlock --wait 5s --target "$left_1"
[ "$status" -ne 2 ] || fail "half a circle was called a deadlock"
