# The screen in a real terminal: it shows the deadlock in every size and charset, and q gives the terminal back.
. ./session.sh
command -v tmux >/dev/null || skip "no tmux"
demo deadlock
tmux() {
  command tmux -L "impasse-e2e-$$" -f /dev/null "$@"
}
cleanup() {
  tmux kill-server 2>/dev/null || true
}

screen() {
  tmux capture-pane -p -t "$1" >"$work/screen.out" 2>/dev/null
}
shows() {
  screen "$1" && grep -Eq -- "$2" "$work/screen.out"
}

# The sums of stty's settings before and after are there and equal.
restored() {
  screen "$1" && [ "$(grep -Eo '^[0-9]+ [0-9]+$' "$work/screen.out" | sort | uniq -c | awk '{ print $1 }')" = 2 ]
}

# on_screen NAME COLUMNS ROWS ENVIRONMENT... - opens the screen, waits for the cycle, quits, waits for the shell.
on_screen() {
  name=$1 columns=$2 rows=$3
  shift 3
  tmux new-session -d -s "$name" -x "$columns" -y "$rows" "env PS1='prompt> ' HOME='$work' $* sh -i"
  poll 30 shows "$name" '^prompt>'
  tmux send-keys -t "$name" "stty -g | cksum; '$IMPASSE' top --target $demo; echo left=\$?; stty -g | cksum" Enter
  poll 60 shows "$name" 'deadlock|DEADLOCK'
  poll 60 shows "$name" 'server_[ab]'
  if [ "$rows" -ge 24 ]; then
    tmux resize-window -t "$name" -x 60 -y 20
    poll 30 shows "$name" 'server_[ab]'
  fi
  screen "$name" && cp "$work/screen.out" "$work/$name"
  tmux send-keys -t "$name" q
  poll 30 shows "$name" 'left=0'
  poll 30 restored "$name"
}

on_screen wide 80 24 TERM=screen-256color LC_ALL=C.UTF-8
on_screen small 40 10 TERM=screen LC_ALL=C.UTF-8
on_screen plain 80 24 TERM=screen LC_ALL=C NO_COLOR=1
! grep -q "$(printf '[\200-\377]')" "$work/plain" || fail "bytes beyond ASCII under LC_ALL=C"

# A terminal that cannot place its cursor gets the screen as text, once.
tmux new-session -d -s dumb -x 80 -y 24 "env PS1='prompt> ' HOME='$work' TERM=dumb sh -i"
poll 30 shows dumb '^prompt>'
tmux send-keys -t dumb "clear; '$IMPASSE' top --target $demo; echo left=\$?" Enter
poll 60 shows dumb 'left=0'
shows dumb 'server_a' || fail "no text for TERM=dumb"
