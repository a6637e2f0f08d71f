# node.sh - what every test with a node sources: session.sh and how a shape of programs/ is brought up. Not a test itself.
#
#   shape MAJOR NAME[,ARGUMENT...] [ERL_ARGUMENT...]   starts a node of that release with a shape of scenario.erl, waits
#                                                      for `ready`; $node is its pid
#   elixir_shape NAME                                  the same of scenario.exs, on the machine's own release
. ../e2e/session.sh
programs=$PWD/programs

ready() {
  alive "$node" || fail "the node ended before it was ready"
  grep -q '^ready' "$node_out"
}

# Whatever a skipped download says is the reason of the skip.
shape() {
  major=$1
  words=$(printf '%s' "$2" | sed 's/[^,]*/"&"/g')
  shift 2
  ./otp.sh get "$major" >"$work/otp.out" 2>"$work/otp.err" || {
    [ $? -eq 77 ] && skip "$(cat "$work/otp.err")"
    fail "$(cat "$work/otp.err")"
  }
  spawn ./otp.sh run "$major" --with "$programs" -- -noshell "$@" \
    -eval "[{ok, _} = c:c(M) || M <- [relay, scenario]], scenario:main([$words])."
  node=$spawned node_out=$spawned_out
  poll 90 ready
}

elixir_shape() {
  command -v elixir >/dev/null || skip "elixir is not installed"
  spawn elixir "$programs/scenario.exs" "$1"
  node=$spawned node_out=$spawned_out
  poll 90 ready
}
