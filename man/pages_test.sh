# pages_test.sh - the manual pages render without a warning, and nothing of the tables is missing in them.
set -eu
command -v man >/dev/null || { echo "man.pages: skipped: no man(1)" >&2; exit 77; }
for page; do
  warnings=$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings=w -l "$page" 2>&1 >/dev/null)
  [ -z "$warnings" ] || { printf '%s: groff warns:\n%s\n' "$page" "$warnings" >&2; exit 1; }
  ! grep -n '^@' "$page" || { echo "$page: a place was not filled" >&2; exit 1; }
done
