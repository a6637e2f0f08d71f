#!/usr/bin/env bash
# regenerate.sh MAJOR [FOLDER] - writes otpMAJOR.inc: where the fields of layout_fields.def lie in that release.
#
# Takes the source package of the release (or an unpacked one in FOLDER), configures it as it comes, generates its
# headers, compiles the few objects whose debugging information holds all the types, and asks gdb for each expression.
# Half a minute. Nothing of the source goes further than the numbers. Needs dpkg-dev, gdb, perl, a compiler.
# With IMPASSE_OTP_UBUNTU=1 a release may come from Ubuntu (see tests/beam/otp.sh).
#
# A new major version: regenerate.sh MAJOR, a row in ../layout.c and in its test, the major in ../../../tests/beam.
# Not for what differs between builds of one version: that is calibrated at attach.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
major=${1:?usage: regenerate.sh MAJOR [FOLDER]}
fields=$here/../layout_fields.def
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The types are spread over these: private ones stand in their .c files.
objects=(erl_process erl_db erl_hl_timer time erl_bif_persistent register beam_ranges erl_node_tables)
constants=(beam/erl_monitor_link.h beam/erl_hl_timer.c sys/unix/erl_unix_sys.h)

if [ -n "${2-}" ]; then
  source=$(readlink -f "$2")
  origin="source $(cat "$source/OTP_VERSION")"
else
  source=$work/source
  origin=$("$here/../../../tests/beam/otp.sh" source "$major" "$source")
fi

compile() (
  flags='-O1 -g -fno-eliminate-unused-debug-types' names=()
  export ERL_TOP=$source
  cd "$source"
  ./configure --without-javac --without-wx --without-odbc --without-ssl CFLAGS="$flags"
  cd erts/emulator
  target=$(echo *-linux-*)
  for name in "${objects[@]}"; do names+=("obj/$target/opt/jit/$name.o"); done
  make -f "$target/Makefile" TYPE=opt FLAVOR=jit generate
  mkdir -p "obj/$target/opt/jit"
  make -f "$target/Makefile" TYPE=opt FLAVOR=jit "${names[@]}"
  ld -r -o "$work/all.o" "${names[@]}"
)

# One print for each alternative of each field; what gdb cannot evaluate prints nothing but a complaint. The constants of
# headers, which debugging information does not hold, are told to gdb as macros.
questions() {
  cat <<'END'
set width 0
macro define AT(type, field) ((long)&((type *)0)->field)
macro define SIZE(type) ((long)sizeof(type))
END
  (cd "$source/erts/emulator" && sed -s -z 's/\\\n/ /g' "${constants[@]}" |
    sed -nE 's/^# *define[ \t]+([A-Z_0-9]+)[ \t]+([^"]+)$/macro define \1 \2/p' | sed 's|/\*.*\*/||')
  sed -nE 's/^FIELD\(([a-z0-9_]+), (.*), "[^"]*"\)$/\1 \2/p' "$fields" | while read -r name alternatives; do
    printf '%s\n' "$alternatives" | sed 's/ | /\n/g' | while read -r expression; do
      printf 'printf "VALUE %s %%ld\\n", (long)(%s)\n' "$name" "$expression"
    done
  done
}

fail() { tail -n 30 "$1" >&2; echo "regenerate.sh: OTP $major $2" >&2; exit 1; }
compile >"$work/log" 2>&1 || true # judged by what came of it: -e does not work on the left of ||
[ -f "$work/all.o" ] || fail "$work/log" 'did not compile'
questions | gdb -q -nx "$work/all.o" >"$work/answers" 2>"$work/complaints"
grep 'VALUE p_id 0$' "$work/answers" >/dev/null || fail "$work/complaints" 'has no process as gdb sees it'

{
  printf '/* Made by regenerate.sh %s. Offsets and sizes in bytes, -1 is absent. */\n' "$major"
  printf 'ORIGIN(%s, "%s")\n' "$major" "${origin^}"
  # gdb prefixes its prompt; the first answer counts, a field without one is absent.
  sed -nE 's/^FIELD\(([a-z0-9_]+),.*/\1/p' "$fields" |
    awk 'NR == FNR { sub(/^(\(gdb\) )*/, ""); if ($1 == "VALUE" && !($2 in value)) value[$2] = $3; next }
         { printf "VALUE(%s, %s)\n", $1, ($1 in value) ? value[$1] : -1 }' "$work/answers" -
} >"$work/inc"
mv "$work/inc" "$here/otp$major.inc"
grep -c ', -1)' "$here/otp$major.inc" | sed "s/^/OTP $major: absent fields: /"
