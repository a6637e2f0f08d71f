# Mailboxes that the kernel keeps, of a program that knows nothing of impasse: by root with all of them, by the user that
# owns it without any privilege, and in a network namespace of its own.
. ./session.sh

ready() {
  alive "$spawned" || fail "the program ended"
  grep -q '^ready$' "$spawned_out"
}

# name, depth, whether it is exact, unit, capacity
queues() {
  run "$@" "$IMPASSE" query --format csv --target "$spawned" \
    "SELECT name, depth, depth_is, depth_unit, capacity FROM actors WHERE kind = 'queue' ORDER BY name"
  expect_status 0
}

cp "$IMPASSE" "$work/impasse" # where others can run it, wherever the build is
cp "$QUEUES" "$work/queues"
IMPASSE=$work/impasse

spawn "$work/queues" "a$$"
poll 60 ready
queues
expect_out "^mq /impasse-a$$,4,exact,messages,8"
expect_out '^tcp 127\.0\.0\.1:[0-9]+ accept,4,exact,connections,3'
expect_out "^unix @impasse-a$$,(2,exact,messages,10|1,at_least,messages,)"
run "$IMPASSE" query --target "$spawned" "SELECT runtime, state FROM targets"
expect_out 'queue +running'

[ "$(id -u)" -eq 0 ] || exit 0
run "$IMPASSE" doctor
if grep -q 'without probes' "$work/out"; then exit 0; fi
queues
expect_out "^unix @impasse-a$$,2,exact,messages,"
expect_out '^pipe:\[[0-9]+\],3000,exact,bytes,65536'

command -v unshare >/dev/null && command -v setpriv >/dev/null || exit 0
spawn unshare --net "$work/queues" "b$$"
poll 60 ready
queues
expect_out '^tcp 127\.0\.0\.1:[0-9]+ accept,4,exact,connections,3'

# Somebody else: of a namespace that is not his own the kernel tells no capacities and not how many datagrams there are.
chown -R 65534:65534 "$work"
as_nobody="setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all"
spawn $as_nobody "$work/queues" "c$$"
poll 60 ready
queues $as_nobody
expect_out "^mq /impasse-c$$,4,exact,messages,8"
expect_out '^tcp 127\.0\.0\.1:[0-9]+ accept,4,exact,connections,3'
expect_out "^unix @impasse-c$$,1,at_least,messages,"
expect_no_out '^pipe'
spawn unshare --net sh -c "ip link set lo up && exec $as_nobody $work/queues d$$"
poll 60 ready
queues $as_nobody
expect_out "^mq /impasse-d$$,4,exact,messages,8"
expect_out '^tcp 127\.0\.0\.1:[0-9]+ accept,4,exact,connections,[[:space:]]*$'
expect_out "^unix @impasse-d$$,,,messages,[[:space:]]*$"
