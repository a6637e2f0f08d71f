# session.sh - what every end-to-end test sources: a directory of its own, its processes, polling and expectations.
# Not a test itself.
#
# A test has a temporary directory as its home, state and runtime directory, so that tests run side by side and touch
# nothing of the user's. Every process that it starts is ended with it. Nothing sleeps but the poll loop.
#
#   demo NAME...            starts `impasse demo NAME...`, waits for `ready`; $demo is its pid
#   spawn COMMAND...        starts anything in the background; $spawned is its pid, output in $work/spawned.out, .err
#   finds PID SECONDS DETECTOR STATUS PATTERN...   `check` ends with STATUS (one of several) within that time and says the
#                           patterns
#   stays_quiet PID DURATION [ACTORS]   no alert of warning or above for so long, and more than ACTORS rows all the while
#   poll SECONDS COMMAND... runs the command until it succeeds; fails the test when the time is over
#   run COMMAND...          runs it; $status, $work/out and $work/err say what it did
#   expect_status N, expect_out PATTERN, expect_err PATTERN, expect_no_out PATTERN      look at the last `run`
set -eu

: "${IMPASSE:?the path of the program to test}"
test=$(basename "$0" _test.sh)
work=$(mktemp -d "${TMPDIR:-/tmp}/impasse-e2e-$test.XXXXXX")
chmod 755 "$work"
export HOME="$work" XDG_STATE_HOME="$work/state" XDG_RUNTIME_DIR="$work/runtime" XDG_CONFIG_HOME="$work/config"
mkdir -p "$XDG_STATE_HOME" "$XDG_RUNTIME_DIR" "$XDG_CONFIG_HOME"
unset IMPASSE_SOCKET IMPASSE_DB NO_COLOR || true
# A worker whose read does not end in time is left behind at the end of the program, on purpose.
export TSAN_OPTIONS="report_thread_leaks=0${TSAN_OPTIONS:+:$TSAN_OPTIONS}"
pids=

# What a test has to end besides its processes.
cleanup() {
  :
}

# Daemons that a process of the test left behind (epmd) know the test's own state directory.
end_strays() {
  grep -lasF "XDG_STATE_HOME=$work/state" /proc/[0-9]*/environ | cut -d/ -f3 | while read -r pid; do
    kill -KILL "$pid" 2>/dev/null || true # grep found itself, too
  done
}

finish() {
  code=$?
  trap - EXIT
  cleanup
  for pid in $pids; do
    kill -CONT "$pid" 2>/dev/null || true
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true # so that a shell which tells of killed jobs keeps quiet
  done
  end_strays
  if [ "$code" -ne 0 ] && [ "$code" -ne 77 ]; then
    echo "$test: failed; what was said last:" >&2
    for file in "$work"/*.out "$work"/*.err "$work/out" "$work/err"; do
      [ -s "$file" ] || continue
      echo "--- $(basename "$file")" >&2
      head -c 4000 "$file" >&2
    done
  fi
  rm -rf "$work"
  exit "$code"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

fail() {
  echo "$test: $*" >&2
  exit 1
}

skip() {
  echo "$test: skipped: $*" >&2
  exit 77
}

poll() {
  seconds=$1
  shift
  end=$(($(date +%s) + seconds))
  until "$@"; do
    [ "$(date +%s)" -lt "$end" ] || fail "not within $seconds s: $*"
    sleep 0.1
  done
}

alive() {
  kill -0 "$1" 2>/dev/null && ! grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null
}

gone() {
  ! alive "$1"
}

spawn() {
  spawn_count=$((${spawn_count:-0} + 1))
  "$@" >"$work/spawned$spawn_count.out" 2>"$work/spawned$spawn_count.err" &
  spawned=$!
  spawned_out=$work/spawned$spawn_count.out
  spawned_err=$work/spawned$spawn_count.err
  pids="$pids $spawned"
}

# It ends by itself at last, should this shell be killed before it can see to that.
demo() {
  spawn "$IMPASSE" demo "$@" --duration 10m
  demo=$spawned
  poll 60 demo_ready "$demo" "$spawned_out"
}

demo_ready() {
  alive "$1" || fail "the demo ended before it was ready"
  grep -q '^ready$' "$2"
}

run() {
  status=0
  ran=$*
  "$@" >"$work/out" 2>"$work/err" || status=$?
}

expect_status() {
  [ "$status" -eq "$1" ] || fail "'$ran' exited with $status, wanted $1"
}

expect_in() {
  grep -Eq -- "$2" "$1" || fail "'$ran': no line of $(basename "$1") matches: $2"
}

expect_out() {
  expect_in "$work/out" "$1"
}

expect_err() {
  expect_in "$work/err" "$1"
}

expect_no_out() {
  ! grep -Eq -- "$1" "$work/out" || fail "'$ran': a line of the output matches: $1"
}

# One clear line on standard error, nothing on standard output: how every wrong use ends.
expect_one_error() {
  [ ! -s "$work/out" ] || fail "'$ran' printed on standard output although it failed"
  [ "$(wc -l <"$work/err")" -eq 1 ] || fail "'$ran' said $(wc -l <"$work/err") lines on standard error, wanted 1"
  expect_err "$1"
}

found() {
  run "$IMPASSE" check "$detector" --target "$watched" --wait 5s
  case " $wanted " in *" $status "*) ;; *) return 1 ;; esac
}

finds() {
  watched=$1 seconds=$2 detector=$3 wanted=$4
  shift 4
  poll "$seconds" found
  for pattern; do
    expect_out "$pattern"
  done
}

# Every alert that fired in that time, as NDJSON; actors are counted so that a blind watcher is not taken for peace.
stays_quiet() {
  run "$IMPASSE" watch --target "$1" --duration "$2"
  expect_status 0
  expect_no_out '"severity":"(warning|critical)".*"state":"firing"|"state":"firing".*"severity":"(warning|critical)"'
  run "$IMPASSE" query --target "$1" "SELECT count(*) > ${3-0} AS seen FROM actors"
  expect_status 0
  expect_out '^ *1 *$'
}
