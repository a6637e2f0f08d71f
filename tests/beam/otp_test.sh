#!/usr/bin/env bash
# otp_test.sh MAJOR - a node of that release starts by otp.sh, says that it is that release, finds a module in the copied
# folder, and is beam.smp under the very pid that was started; when it has ended, nothing of it runs.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
major=$1
root=$(./otp.sh get "$major")
work=$(mktemp -d)
node=
trap '[ -z "$node" ] || kill -9 "$node" 2>/dev/null; rm -rf "$work"' EXIT
fail() { printf 'otp_test: OTP %s: %s\n' "$major" "$*" >&2; exit 1; }

mkdir "$work/module"
cat >"$work/module/release.erl" <<'END'
-module(release).
-export([say/0]).
say() -> io:put_chars([erlang:system_info(otp_release), "\n"]).
END

# The node waits for the end of its input, so that it can be looked at and then ends by itself.
mkfifo "$work/in"
./otp.sh run "$major" --with "$work/module" -- -noshell \
  -eval '{ok, release} = c:c(release), release:say(), eof = io:get_line(""), halt(7).' <"$work/in" >"$work/out" &
node=$!
exec 8>"$work/in"
for _ in $(seq 600); do
  [ ! -s "$work/out" ] || break
  kill -0 "$node" 2>/dev/null || break
  sleep 0.1
done
said=$(cat "$work/out")
[ "$said" = "$major" ] || fail "said '$said'"
exe=$(readlink "/proc/$node/exe")
below=${root%/}
case $exe in "$below"/*/beam.smp) ;; *) fail "process $node is $exe, not an emulator below $root" ;; esac
exec 8>&-
status=0
wait "$node" || status=$?
node=
[ "$status" = 7 ] || fail "ended with $status, not 7"
echo "OTP $major: $exe"
