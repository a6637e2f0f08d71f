# The program of the README compiles as it stands there, against the headers as they are installed, and locks up as it
# says there.
. ./session.sh
: "${CC:?the compiler}" "${INSTALLED:?the directory of impasse.h}" "${LIBRARY:?libimpasse.a}"
root=../..
mkdir -p "$work/include/impasse"
cp "$INSTALLED"/impasse.h "$work/include/"
cp "$root"/probe/hook/region.h "$work/include/impasse/"
awk '/^```c$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$root/README.md" >"$work/philosophers.c"
[ -s "$work/philosophers.c" ] || fail "no program in README.md"
"$CC" -std=gnu11 -Wall -Wextra -Werror -I"$work/include" "$work/philosophers.c" "$LIBRARY" -pthread -o "$work/philosophers"

spawn "$work/philosophers"
locked_up() {
  run "$IMPASSE" check deadlock --target "$spawned"
  [ "$status" -eq 2 ]
}
poll 30 locked_up
expect_out 'kant -> plato -> kant: lock fork 0, lock fork 1, no timeout'
