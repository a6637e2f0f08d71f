# example_test.sh PAGE HEADERS LIBRARY - the example of libimpasse(3) compiles as it stands there, against the headers as
# they are installed, links, and runs.
set -eu
page=$1 headers=$2 library=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/include/impasse"
cp "$headers"/impasse.h "$work/include/"
cp ../probe/hook/region.h "$work/include/impasse/"
awk '/^\.\\" example: c/ { found = 1; next }
     found && /^\.Bd/ { inside = 1; next }
     inside && /^\.Ed/ { exit }
     inside { print }' "$page" >"$work/example.c"
[ -s "$work/example.c" ] || { echo "no example in $page" >&2; exit 1; }
# shellcheck disable=SC2086 # flags of the build, perhaps several
${CC:-cc} -std=c11 -Wall -Wextra -Werror ${CFLAGS:-} -I"$work/include" "$work/example.c" "$library" -lpthread -o "$work/example"
"$work/example"
