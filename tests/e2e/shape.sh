# shape.sh SHAPE DETECTOR STATUS PATTERN... - a failure shape of the demo is found by its detector: `check` ends with
# STATUS and names what the patterns say, `show alerts` has it.
. ./session.sh
shape=$1 detector=$2 wanted=$3
shift 3
demo "$shape"

found() {
  run "$IMPASSE" check "$detector" --target "$demo" --wait 5s
  [ "$status" -eq "$wanted" ]
}
poll 60 found
for pattern; do
  expect_out "$pattern"
done
