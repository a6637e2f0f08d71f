#!/usr/bin/env bash
# install_test.sh - what `cmake --install` leaves is enough for a program: by pkg-config and by find_package, C and C++.
# usage: install_test.sh BUILD_DIR SOURCE_DIR
set -euo pipefail
build=$1 source=$2
command -v pkg-config >/dev/null || { echo "skipped: no pkg-config"; exit 77; }
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
cmake --install "$build" --prefix "$root/usr" --component library >/dev/null

pc=$(find "$root/usr" -name impasse.pc)
export PKG_CONFIG_PATH=${pc%/*}
library=$(pkg-config --variable=libdir impasse)
# shellcheck disable=SC2046  # the flags are words
cc -std=c11 -Wall -Wextra -Werror -o "$root/by_pc" "$source/consumer.c" $(pkg-config --cflags --libs impasse)
LD_LIBRARY_PATH=$library "$root/by_pc"
echo "pkg-config: fine"

cmake -S "$source" -B "$root/build" -DCMAKE_PREFIX_PATH="$root/usr" >/dev/null
cmake --build "$root/build" >/dev/null
for program in consumer_impasse consumer_impasse_static consumer_cpp; do
  "$root/build/$program"
  echo "find_package, $program: fine"
done
