# Processes that show what is not theirs, or not a region: nothing of it is believed, and the reason is said.
. ./session.sh

spawn "$SUBJECT" nothing
victim=$spawned
poll 30 grep -q '^ready$' "$spawned_out"

# refused WORD ACTION ARGUMENT: such a process has no actors, and the reason names WORD.
refused() {
  word=$1
  shift
  spawn "$SUBJECT" "$@"
  liar=$spawned
  poll 30 grep -q '^ready$' "$spawned_out"
  kill -USR1 "$liar"
  poll 30 grep -q '^done ' "$spawned_out"
  run timeout 60 "$IMPASSE" show actors --target "$liar" --format tsv
  expect_no_out 'subject_'
  run timeout 60 "$IMPASSE" check deadlock --target "$liar"
  expect_status 3
  run timeout 60 "$IMPASSE" show targets --target "$liar" --format tsv
  expect_no_out 'running'
  grep -Eqi -- "$word" "$work/out" "$work/err" || fail "'$ran' does not say why: wanted $word"
}

refused 'another process|pid' claim "$victim"
refused 'size|truncated|header' truncate
refused 'seal' unseal
refused 'magic|header' garble

# The one who was copied is as well as before.
run timeout 60 "$IMPASSE" check deadlock --target "$victim"
expect_status 2
expect_out subject_a
