# shape.sh SHAPE DETECTOR STATUS PATTERN... - a failure shape of the demo is found by its detector: `check` ends with
# STATUS and names what the patterns say.
. ./session.sh
demo "$1"
shift
finds "$demo" 60 "$@"
