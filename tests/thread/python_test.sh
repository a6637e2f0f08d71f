#!/usr/bin/env bash
# python_test.sh - a program of the field with two locks that are taken in both orders. CPython's locks have no owner, so
# its threads are seen, and nobody is accused.
cd "$(dirname "$0")"
. ./locks.sh
cat >"$work/two_locks.py" <<'PYTHON'
import threading
a, b = threading.Lock(), threading.Lock()
both = threading.Barrier(2)
def take(first, second):
    with first:
        both.wait()
        with second:
            pass
for pair in ((a, b), (b, a)):
    threading.Thread(target=take, args=pair).start()
print("ready", flush=True)
PYTHON
spawn python3 "$work/two_locks.py"
ready() { grep -q '^ready' "$spawned_out"; }
poll 60 ready
python=$spawned
stays_quiet "$python" 5s 2
no_circle "$python"
run "$IMPASSE" query --target "$python" "SELECT count(*) AS n FROM waits WHERE holder IS NOT NULL"
expect_out '^ *[01] *$' # the main thread joins one of them
