# --help and --version everywhere; every command that the help lists exists.
. ./session.sh
run "$IMPASSE" --help
expect_status 0
commands=$(sed -n 's/^  \([a-z][a-z]*\).*/\1/p' "$work/out")
for command in top record show query check watch doctor demo; do
  printf '%s\n' "$commands" | grep -qx "$command" || fail "--help does not list $command"
done
for command in $commands; do
  run "$IMPASSE" "$command" --help
  expect_status 0
  expect_out "^usage: impasse $command"
  [ ! -s "$work/err" ] || fail "$command --help speaks on standard error"
  run "$IMPASSE" "$command" --version
  expect_status 0
  expect_out '^impasse [0-9]'
done
run "$IMPASSE" --version
expect_status 0
run "$IMPASSE"
expect_status 2
run "$IMPASSE" doctor
expect_status 0
[ -s "$work/out" ] || fail "doctor says nothing"
