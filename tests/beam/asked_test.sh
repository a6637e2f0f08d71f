#!/usr/bin/env bash
# asked_test.sh - what a person asks of a node: meant by its program though it is called by its node name; what is in a
# mailbox; and who may not read it is told so, instead of that nothing is there.
cd "$(dirname "$0")"
. ./node.sh
shape 25 flood -sname "asked_$$@localhost"

run "$IMPASSE" show actors --target beam.smp --where "name = 'drowning'" --format tsv
expect_status 0
expect_out "^asked_$$@localhost	drowning	"

run "$IMPASSE" show messages drowning --target "asked_$$@localhost"
expect_status 0
expect_out '\{noise,_\} x '

[ "$(id -u)" -eq 0 ] || exit 0 # the rest is about being somebody else
command -v setpriv >/dev/null || exit 0
nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
cp "$IMPASSE" "$work/impasse" # where others can run it, wherever the build is
chown -R 65534:65534 "$work"
run $nobody "$work/impasse" show senders drowning --target "$node"
expect_status 2
expect_err "drowning: not found; beam.smp:$node cannot be read: .*root"
run $nobody "$work/impasse" show actors --target "$node"
expect_status 0
expect_err "beam.smp:$node cannot be read: .*root"
run $nobody "$work/impasse" doctor
expect_out 'limited +source beam .* may not be read'
