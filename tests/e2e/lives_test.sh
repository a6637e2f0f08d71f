# What programs do in their lives: fork, exec, close all descriptors. What is shown is always what is there.
. ./session.sh

# subject ACTION: starts one, waits until it is ready; $subject.
subject() {
  spawn "$SUBJECT" "$@"
  subject=$spawned
  poll 30 grep -q '^ready$' "$spawned_out"
}
# Lets it do what it was started for; $told is the pid that it tells.
act() {
  kill -USR1 "$subject"
  poll 30 grep -q '^done ' "$spawned_out"
  told=$(sed -n 's/^done //p' "$spawned_out")
}
actors_of() {
  run timeout 60 "$IMPASSE" query "SELECT name FROM actors WHERE target_key IN (SELECT target_key FROM targets WHERE pid = $1) ORDER BY name" \
    --target "$1" --format tsv
}
sees() {
  actors_of "$1"
  grep -q "$2" "$work/out"
}
sees_not() {
  actors_of "$1"
  ! grep -q "$2" "$work/out"
}

subject nothing
poll 30 sees "$subject" subject_a
run timeout 60 "$IMPASSE" check deadlock --target "$subject"
expect_status 2
expect_out subject_a

# A child has its own actors, and its parent keeps his.
subject fork
act
pids="$pids $told"
poll 30 sees "$told" subject_child
sees_not "$told" subject_a || fail "the child is said to have its parent's actors"
sees "$subject" subject_a || fail "the parent lost its actors"
sees_not "$subject" subject_child || fail "the parent is said to have its child's actors"

# A child that never calls the library has none at all.
subject fork_quietly
act
pids="$pids $told"
sees "$subject" subject_a || fail "the parent lost its actors"
sees_not "$told" subject_a || fail "the quiet child is said to have its parent's actors"

# After exec the process is another program.
subject exec
poll 30 sees "$subject" subject_a
act
poll 30 sees_not "$subject" subject_a
run timeout 60 "$IMPASSE" check deadlock --target "$subject"
expect_no_out subject_a

# A daemon that closes all descriptors is still seen.
subject close
act
poll 30 sees "$subject" subject_a
run timeout 60 "$IMPASSE" check deadlock --target "$subject"
expect_status 2
