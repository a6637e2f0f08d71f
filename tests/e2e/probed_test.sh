# A hooked program whose memory may not be read, and an impasse that has CAP_BPF and CAP_PERFMON but not CAP_SYS_PTRACE:
# unreadable with the remedy; with --exact its deadlock is found, but never proven. Killed, impasse leaves no probe behind.
. ./session.sh
PATH=$PATH:/usr/sbin:/sbin
[ "$(id -u)" -eq 0 ] || skip "needs root to become somebody else with capabilities"
command -v setpriv >/dev/null || skip "no setpriv"
command -v bpftool >/dev/null || skip "no bpftool (impasse is built without probes)"
prober="setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+bpf,+perfmon --ambient-caps=+bpf,+perfmon
  --bounding-set=-all,+bpf,+perfmon"
cp "$IMPASSE" "$PROBED" "$work" # where others can run them, wherever the build is
IMPASSE=$work/impasse PROBED=$work/$(basename "$PROBED")
chown -R 65534:65534 "$work"
run $prober timeout 60 "$IMPASSE" doctor
grep -Eq 'probes can be loaded' "$work/out" || skip "probes are refused here: $(grep -m1 -i probe "$work/out")"

said() {
  grep -Eq -- "$1" "$2"
}

# has_row FOLDER SQL PATTERN: what was recorded there has it by now
has_row() {
  run $prober timeout 60 "$IMPASSE" query "$2" --db "$work/$1" --format tsv
  [ "$status" -eq 0 ] && grep -Eq -- "$3" "$work/out"
}

spawn "$PROBED"
probed=$spawned probed_out=$spawned_out
poll 60 said '^ready$' "$probed_out"

run $prober timeout 60 "$IMPASSE" show targets --target "$probed" --format csv
expect_out 'unreadable.*--exact'
run timeout 60 "$IMPASSE" show actors --target "$probed" --format csv # root sees it all, without probes
expect_out 'ledger'

spawn $prober "$IMPASSE" record --target "$probed" --db "$work/db" --exact
recorder=$spawned recorder_err=$spawned_err
poll 60 said 'probes tell of it: .* us; detached above' "$recorder_err"
kill -USR1 "$probed"
poll 60 said '^done$' "$probed_out"
# It had three messages before the probes came.
poll 60 has_row db "SELECT name, depth, depth_is FROM actors" 'ledger[[:space:]]3[[:space:]]exact'
poll 60 has_row db "SELECT name, max_wait_us FROM tables" 'accounts[[:space:]][0-9]'
poll 60 has_row db "SELECT certainty, summary FROM alerts WHERE rule = 'deadlock' AND state = 'firing'" 'confirmed.*ledger.*teller'
poll 60 has_row db "SELECT count(*), sum(certainty = 'proven') FROM waits" '^[1-9][0-9]*[[:space:]]0$'

programs=$(sed -n 's/^prog_id:[[:space:]]*//p' "/proc/$recorder/fdinfo/"* 2>/dev/null | sort -u)
[ -n "$programs" ] || fail "the recorder holds no program"
kill -KILL "$recorder"
none_left() {
  for program in $programs; do
    ! bpftool prog show id "$program" >"$work/left" 2>/dev/null || return 1
  done
}
poll 60 none_left
alive "$probed" || fail "the target did not survive"

# Compiled without sites for messages and calls: what is opened and tables are told, of the rest that it is not.
spawn setpriv --reuid=65533 --regid=65533 --clear-groups "$IMPASSE" demo contention --duration 10m
demo=$spawned
poll 60 demo_ready "$demo" "$spawned_out"
spawn $prober "$IMPASSE" record --target "$demo" --db "$work/db2" --exact
recorder=$spawned
poll 60 has_row db2 "SELECT name FROM tables" 'accounts'
poll 60 has_row db2 "SELECT reason FROM gaps" 'compiled without IMPASSE_USDT'
poll 60 has_row db2 "SELECT count(*), count(depth), (SELECT count(*) FROM waits) FROM actors" '^[1-9][0-9]*[[:space:]]0[[:space:]]0$'
kill -INT "$recorder"
