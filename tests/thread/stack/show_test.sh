#!/usr/bin/env bash
# show_test.sh - `show stack`: of all threads of a process, of one, of an actor that a thread runs; by both routes.
cd "$(dirname "$0")/.."
. ./locks.sh
: "${JOINED:?the program target_joined}" "${BLOCKED:?the program o2 of this folder}"

# All of a process.
mkfifo "$work/blocked"
exec 8<>"$work/blocked"
# shellcheck disable=SC2016
spawn sh -c 'exec "$0" <"$1"' "$BLOCKED" "$work/blocked"
blocked=$spawned
all_blocked() {
  [ "$(cat "/proc/$blocked"/task/*/syscall 2>/dev/null | grep -c '^202 ')" = 3 ]
}
poll 60 all_blocked
run "$IMPASSE" show stack --target "$blocked"
expect_status 0
expect_out "^thread $blocked o2$"
expect_out '^thread [0-9]* chain$'
expect_out '^#2  transfer\+0x[0-9a-f]* \(o2\)$'
expect_out '^#3  book\+0x[0-9a-f]* \(o2\)$'
expect_out '^#4  worker\+0x[0-9a-f]* \(o2\)$'
expect_out 'keeper\+0x'

# One thread, by its name.
chain=$(grep -lx chain "/proc/$blocked"/task/*/comm | cut -d/ -f5)
run "$IMPASSE" show stack "chain/$chain" --target "$blocked"
expect_status 0
expect_out "^thread $chain chain$"
expect_out '^#2  transfer\+0x'
expect_no_out 'keeper'

# An actor of a hooked program: the stack is that of its thread, which another source reads.
mkfifo "$work/input"
exec 9<>"$work/input" # while this is open the program stays
# shellcheck disable=SC2016
spawn sh -c 'exec "$0" <"$1"' "$JOINED" "$work/input"
locks=$spawned locks_out=$spawned_out
poll 60 locks_ready
run "$IMPASSE" show stack clerk --target "$locks"
expect_status 0
expect_out 'want_vault\+0x'
expect_no_out 'tell\+0x'

# What cannot be told says why.
run "$IMPASSE" show stack nobody --target "$locks"
expect_status 2
expect_err 'no actor is called'
run "$IMPASSE" show stack one two three
expect_status 2
