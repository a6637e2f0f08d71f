# A process whose executable lies on a file system that does not answer any more holds up nobody: the others are shown, and
# it is told with the reason. As root, by whose broker it is looked at, and as its own user, who looks himself.
. ./session.sh
: "${HANGS:?the program e2e_hangs}"
[ "$(id -u)" -eq 0 ] || skip "needs root to mount"
[ -c /dev/fuse ] || skip "no /dev/fuse"
command -v setpriv >/dev/null || skip "no setpriv"
as_nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
cp "$IMPASSE" "$work/impasse" # where others can run it, wherever the build is
IMPASSE=$work/impasse
mkdir "$work/mount"

cleanup() {
  kill -KILL "$server" "$hung" 2>/dev/null || true
  umount -l "$work/mount" 2>/dev/null || true
}

server='' hung=''
spawn "$HANGS" "$work/mount" "$SUBJECT"
server=$spawned server_out=$spawned_out
poll 30 grep -q '^ready$' "$server_out"
chown -R 65534:65534 "$XDG_STATE_HOME" "$XDG_RUNTIME_DIR"
spawn $as_nobody "$work/mount/program" nothing
hung=$spawned
poll 30 grep -q '^ready$' "$spawned_out"
spawn $as_nobody "$IMPASSE" demo deadlock
demo=$spawned
poll 60 demo_ready "$demo" "$spawned_out"
kill -USR1 "$server"
poll 30 grep -q '^silent$' "$server_out"

for as in '' "$as_nobody"; do
  run $as timeout 60 "$IMPASSE" show targets --target "$demo" --target "$hung" --format tsv
  expect_status 0
  expect_out "^[^	]*	$demo	.*	running"
  expect_out "^[^	]*	$hung	.*unreadable.*holds up who looks at it"
  run $as timeout 60 "$IMPASSE" check deadlock --target "$demo" --target "$hung"
  expect_status 2
  expect_out server_a
  run $as timeout 60 "$IMPASSE" doctor
  expect_status 0
  expect_out '^limited +processes +[1-9][0-9]* hold up'
done
