#!/bin/sh
# The screen on a real terminal (tmux): text at its place, keys, resizes, and a sane terminal after every way to end.
# Usage: terminal_test.sh GOLDEN_SHOW. Exit code 77 where there is no tmux.
set -eu
show=$1
command -v tmux >/dev/null || { echo "tmux is not installed"; exit 77; }
dir=$(mktemp -d)
tmux() { command tmux -L "impasse-golden-$$" -f /dev/null "$@"; }
trap 'tmux kill-server 2>/dev/null || :; rm -rf "$dir"' EXIT
checks=0

fail() {
  echo "FAILED: $*"
  tmux capture-pane -p || :
  exit 1
}

# until WHAT COMMAND...: the command succeeds within twenty seconds
until_true() {
  what=$1
  shift
  deadline=$(($(date +%s) + 20))
  while ! "$@"; do
    [ "$(date +%s)" -lt $deadline ] || fail "$what"
    sleep 0.02 # between two looks, not instead of one
  done
  checks=$((checks + 1))
}

row_has() { tmux capture-pane -p | sed -n "$1p" | grep -qF -- "$2"; }
row_lacks() { ! row_has "$@"; }
screen_has() { tmux capture-pane -p | grep -qF -- "$1"; }
screen_lacks() { ! screen_has "$1"; }
flag_is() { [ "$(tmux display -p "#{$1}")" = "$2" ]; }
file_has() { grep -q -- "$2" "$dir/$1" 2>/dev/null; }

keys() { tmux send-keys "$@"; }
command_line() { tmux send-keys -l "$1"; tmux send-keys Enter; }

# A sanitizer must leave crashes as they are.
crashes=handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_abort=0
export ASAN_OPTIONS=$crashes TSAN_OPTIONS=$crashes UBSAN_OPTIONS=$crashes

# start NAME ENVIRONMENT ARGUMENTS: runs the program in the shell of the pane, modes before and after in files
start() {
  command_line "clear; stty -g >$dir/$1.before; env $2 '$show' $3 2>$dir/$1.err; echo \$? >$dir/$1.status; stty -g >$dir/$1.after"
}

# ended NAME STATUS: the program ended so, and the terminal is as it was
ended() {
  until_true "$1: no end" file_has "$1.after" .
  file_has "$1.status" "^$2\$" || fail "$1: status $(cat "$dir/$1.status"), wanted $2"
  cmp -s "$dir/$1.before" "$dir/$1.after" || fail "$1: the modes of the terminal are not as before"
  until_true "$1: still on the alternate screen" flag_is alternate_on 0
  until_true "$1: no cursor" flag_is cursor_flag 1
  until_true "$1: the mouse is still taken" flag_is mouse_any_flag 0
}

the_pid() { pgrep -f -n -- "^$show $1" ; }

LC_ALL=C.UTF-8 TZ=UTC tmux new-session -d -x 80 -y 24 "PS1='# ' exec sh"
until_true "no shell" screen_has '#'

# Text at its place, and every pane by its key.
start first "LC_ALL=C.UTF-8" deadlock
until_true "header" row_has 1 " impasse  web1  03:00:00"
until_true "detectors" row_has 2 " C deadlock x2 12s"
until_true "alerts" row_has 4 "Alerts  4 firing  1 pending"
until_true "ring" row_has 11 "orders  call → billing"
until_true "function keys" row_has 24 "F1Help F3Search"
flag_is alternate_on 1 || fail "not on the alternate screen"
flag_is cursor_flag 0 || fail "the cursor is shown"
keys 2
until_true "mailboxes" row_has 4 "depth▼"
keys 3
until_true "waits" row_has 4 "C deadlock of 2 actors"
keys F5
until_true "waits as a table" row_has 4 "waiter name"
keys 4
until_true "tables" row_has 5 "session_cache"
keys 5
until_true "targets" screen_has "rabbit@web1               running"
keys 6
until_true "alerts" screen_has "severity"
keys F1
until_true "help" screen_has "This help; again or Esc: back."
keys Escape
until_true "back from help" screen_lacks "This help"
keys 2 Down Down Enter
until_true "detail" row_has 4 "orders  of shop:1001"
keys Escape
until_true "back from the detail" row_has 4 "depth▼"
keys F4
keys -l caller
until_true "filter" screen_lacks rabbit_reader
keys Enter
until_true "filter in the last line" row_has 24 "filter: caller"
keys Escape
until_true "no filter" screen_has rabbit_reader
keys Space
until_true "paused" row_has 1 PAUSED
keys Space
until_true "not paused" row_lacks 1 PAUSED
keys F9
until_true "F9" row_has 24 "never kills"
keys 1
until_true "overview" row_has 4 "Alerts"

# Resizes: a storm of them, the last one counts.
i=0
while [ $i -lt 40 ]; do
  tmux resize-window -x $((20 + i * 7)) -y $((3 + i))
  i=$((i + 1))
done
tmux resize-window -x 40 -y 10
until_true "40 columns" row_has 10 "F1Help F3Search F4Filter F5Tree F6Sort …"
until_true "10 rows" row_has 3 "Alerts  4 firing"
tmux resize-window -x 5 -y 2
until_true "too small" row_has 1 "term…"
tmux resize-window -x 80 -y 24
until_true "large again" row_has 11 "orders  call → billing"

# Ctrl-Z gives the terminal back, fg takes it again.
keys C-z
until_true "stopped" flag_is alternate_on 0
until_true "the shell's turn" screen_has "Stopped"
flag_is cursor_flag 1 || fail "no cursor while stopped"
command_line fg
until_true "continued" row_has 11 "orders  call → billing"
keys q
# Whether the rest of a line that was stopped is forgotten or went on at once is the shell's affair: files of another name.
cp "$dir/first.before" "$dir/resumed.before"
command_line "echo \$? >$dir/resumed.status; stty -g >$dir/resumed.after"
ended resumed 0

# Signals that ask to end, and those that do not ask.
for signal in TERM:143 INT:130 HUP:129 QUIT:131 SEGV:139 BUS:135 ABRT:134; do
  name=${signal%:*}
  start "$name" "LC_ALL=C.UTF-8" "deadlock waits"
  until_true "$name: on the screen" row_has 4 "C deadlock of 2 actors"
  kill "-$name" "$(the_pid "deadlock waits")"
  ended "$name" "${signal#*:}"
done

# A crash of its own.
start crash "LC_ALL=C.UTF-8" "deadlock waits crash"
until_true "crash: on the screen" row_has 4 "C deadlock of 2 actors"
keys x
ended crash 134

# No UTF-8, no colour, a terminal that cannot place its cursor.
start ascii "LC_ALL=C" deadlock
until_true "ASCII ring" row_has 11 "/> orders  call > billing"
tmux capture-pane -p | LC_ALL=C grep -q '[^ -~]' && fail "bytes beyond ASCII in a C locale"
keys q
ended ascii 0
start mono "LC_ALL=C.UTF-8 NO_COLOR=1" deadlock
until_true "without colour" row_has 2 " C deadlock x2 12s"
tmux capture-pane -pe | grep -q "$(printf '\033')\[[0-9;]*[34][0-7]m" && fail "colours in spite of NO_COLOR"
keys F10
ended mono 0
start hostile "LC_ALL=C.UTF-8" "hostile mailboxes"
until_true "hostile names" row_has 5 "[2J"
until_true "wide names keep columns" row_has 10 "wide 注文処理 queue     40"
keys q
ended hostile 0
start dumb "TERM=dumb" deadlock
until_true "dumb: no end" file_has dumb.after .
file_has dumb.err "no screen" || fail "dumb: $(cat "$dir/dumb.err")"

echo "$checks checks passed"
