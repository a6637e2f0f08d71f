# A reader that has seen enough is a clean end: no message, no signal, no failure.
. ./session.sh
demo deadlock
set +e
(timeout 60 "$IMPASSE" watch deadlock --target "$demo" --duration 30s 2>"$work/err"; echo $? >"$work/code") | head -n 1 >"$work/out"
set -e
grep -q '"type"' "$work/out" || fail "watch wrote no line"
poll 60 test -s "$work/code"
[ "$(cat "$work/code")" -eq 0 ] || fail "watch exited with $(cat "$work/code") when its reader went away"
[ ! -s "$work/err" ] || fail "watch complained when its reader went away"

(timeout 60 "$IMPASSE" show actors --target "$demo"; echo $? >"$work/code") 2>"$work/err" | true
[ "$(cat "$work/code")" -eq 0 ] || fail "show exited with $(cat "$work/code") without a reader"
