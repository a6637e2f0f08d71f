# Where /proc hides the processes of others (hidepid), one's own are seen in full, and who names another's is told what hides
# it. In a user namespace of its own nobody claims to see more than is in it.
. ./session.sh
[ "$(id -u)" -eq 0 ] || skip "needs root to mount another /proc"
command -v setpriv >/dev/null || skip "no setpriv"
cp "$IMPASSE" "$work/impasse" # where others can run it, wherever the build is
IMPASSE=$work/impasse
chown -R 65534:65534 "$work"
cat >"$work/hidden" <<'END'
mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
END
hidden="unshare --mount sh $work/hidden timeout 60"
$hidden true || skip "cannot mount another /proc"

demo deadlock
roots=$demo
spawn setpriv --reuid=65534 --regid=65534 --clear-groups "$IMPASSE" demo deadlock
demo=$spawned
poll 60 demo_ready "$demo" "$spawned_out"

run $hidden "$IMPASSE" check deadlock --target "$demo"
expect_status 2
expect_out server_a
run $hidden "$IMPASSE" show targets --target "$roots"
expect_status 2
expect_one_error 'hidden by /proc'
run $hidden "$IMPASSE" check deadlock --target "$roots"
expect_status 3
expect_out 'hidden by /proc'
run $hidden "$IMPASSE" doctor
expect_status 0
expect_out '^limited +hidepid '

unshare --user --map-root-user true || exit 0 # no user namespaces here
run unshare --user --map-root-user timeout 60 "$IMPASSE" doctor
expect_status 0
expect_out '^ok +memory of .* of every user of this container$'
expect_no_out 'every user$'
