#!/usr/bin/env bash
# refused_test.sh - nodes that this user may not read are on the list with the reason and what to do: of another user, and
# of the same user with a capability that the reader lacks.
cd "$(dirname "$0")"
. ./node.sh
[ "$(id -u)" -eq 0 ] || skip "needs root to become somebody else"
command -v setpriv >/dev/null || skip "no setpriv"
command -v erl >/dev/null || skip "erlang is not installed"
nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
cp "$IMPASSE" "$work/impasse" # where others can run it, wherever the build is
IMPASSE=$work/impasse
chown -R 65534:65534 "$work"

shape 25 idle,10
roots=$node
spawn setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+net_bind_service \
  --ambient-caps=+net_bind_service erl -noshell -eval 'io:format("ready~n"), receive never -> ok end.'
node=$spawned node_out=$spawned_out
poll 60 ready
capable=$node
listed() {
  run $nobody timeout 60 "$IMPASSE" query "SELECT pid, state, reason FROM targets WHERE state = 'unreadable'"
  [ "$status" -eq 0 ] && grep -Eq "^ *$roots +unreadable" "$work/out" && grep -Eq "^ *$capable +unreadable" "$work/out"
}
poll 60 listed
expect_out "$roots +unreadable .*user"
expect_out "$capable +unreadable .*capabilit"
