# Without root: one's own processes are seen in full, those of others are shown as unreadable with the remedy.
. ./session.sh
[ "$(id -u)" -eq 0 ] || skip "needs root to become somebody else"
command -v setpriv >/dev/null || skip "no setpriv"
as_nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
cp "$IMPASSE" "$work/impasse" # where others can run it, wherever the build is
IMPASSE=$work/impasse
chown -R 65534:65534 "$work"

demo deadlock
roots=$demo
run $as_nobody timeout 60 "$IMPASSE" show targets --target "$roots" --format csv
expect_out 'unreadable|user'
run $as_nobody timeout 60 "$IMPASSE" check deadlock --target "$roots"
expect_status 3

spawn $as_nobody "$IMPASSE" demo deadlock
demo=$spawned
poll 60 demo_ready "$demo" "$spawned_out"
run $as_nobody timeout 60 "$IMPASSE" check deadlock --target "$demo"
expect_status 2
expect_out 'server_a'
run $as_nobody timeout 60 "$IMPASSE" doctor
expect_status 0
run $as_nobody timeout 60 "$IMPASSE" record --target "$demo" --db "$work/db" --duration 3s
expect_status 0
ls "$work"/db/*.db >/dev/null
run timeout 60 "$IMPASSE" check deadlock --target "$demo"
expect_status 2
