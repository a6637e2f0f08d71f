# The examples of impasse-sql(5) run as they stand there, on a live snapshot and on a recording.
. ./session.sh
page=../../man/impasse-sql.5.in
demo deadlock
run timeout 60 "$IMPASSE" record --target "$demo" --db "$work/db" --duration 3s
expect_status 0

# Blocks behind `.\" example: KIND`, one file each.
awk -v dir="$work" '
  /^\.\\" example: / { kind = $3; next }
  kind != "" && /^\.Bd/ { file = dir "/example." ++n "." kind; inside = 1; next }
  inside && /^\.Ed/ { inside = 0; kind = ""; close(file); next }
  inside { print > file }' "$page"
count=0
for example in "$work"/example.*; do
  case $example in
    *.now) run timeout 60 "$IMPASSE" query "$(cat "$example")" --target "$demo" ;;
    *.past) run timeout 60 "$IMPASSE" query "$(cat "$example")" --db "$work/db" ;;
  esac
  expect_status 0
  count=$((count + 1))
done
[ "$count" -ge 6 ] || fail "only $count examples were found in $page"
