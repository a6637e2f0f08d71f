#!/usr/bin/env bash
# probes_test.sh - what is asked through probes: who floods a mailbox, why processes end, exact waits for a table; that
# the answer tells the cost; and what a user without the capabilities is told.
cd "$(dirname "$0")"
. ./node.sh
command -v erl >/dev/null || skip "erlang is not installed"
"$IMPASSE" doctor >"$work/doctor.out"
grep -Eq '^ok +bpf ' "$work/doctor.out" || skip "$(grep -A 1 ' bpf ' "$work/doctor.out" | tr -s ' \n' ' ')"

shape 25 flood
run "$IMPASSE" show senders drowning --target "$node"
expect_status 0
expect_out '^drowning <0\.[0-9]+\.0>: [0-9]+ messages in [0-9]+ ms .* sends of the node probed, about 1\.0 us each'
expect_out '^<0\.[0-9]+\.0>  \{noise,_\}  [0-9]+ messages \(100 %\)$'
run "$IMPASSE" show exits --target "$node"
expect_status 0
expect_out '^[0-9]+ exits in [0-9]+ ms .* exits of the node probed'
kill -KILL "$node"

# Sampled at most 100 times a second; counted, there are more. Which one waits is told with its cost, or why it ended.
shape 25 ets_storm,8
contended() {
  run timeout 60 "$IMPASSE" show tables --exact --target "$node" \
    --where "name = 'battlefield' AND contended_per_s > 100" --format csv
  [ "$status" -eq 0 ] && grep -q ',battlefield,' "$work/out"
}
poll 60 contended
expect_err "--exact: .*(each wait for a lock costs the node about 2\.1 us more|ended by themselves)"
run "$IMPASSE" show locks --target "$node"
expect_status 0
expect_out '^[0-9]+ waiters for locks, [0-9]+ hits of the probes'
expect_out '^fighter_[0-9] <0\.[0-9]+\.0>  [0-9]+ waits, '

[ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null || exit 0
nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
cp "$IMPASSE" "$work/impasse" # where others can run it, wherever the build is
IMPASSE=$work/impasse
chown -R 65534:65534 "$work"
spawn $nobody erl -noshell -eval 'register(mine, self()), io:format("ready~n"), receive never -> ok end.'
node=$spawned node_out=$spawned_out
poll 60 ready
run $nobody "$IMPASSE" show senders mine --target "$node"
[ "$status" -ne 0 ] || fail "probes without capabilities"
cat "$work/out" "$work/err" >"$work/both"
grep -q 'probes need CAP_BPF and CAP_PERFMON.*run as root' "$work/both" || fail "it is not told what is needed"
