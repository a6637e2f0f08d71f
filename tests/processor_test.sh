#!/usr/bin/env bash
# processor_test.sh CLANG - what depends on the processor, for each one that we know: numbers against the headers of that
# processor, names of system calls likewise, and all of probe/thread and the programs for the kernel compile for it.
# aarch64 needs Debian's libc6-dev-arm64-cross; nothing is linked, and nothing is run.
set -euo pipefail
cd "$(dirname "$0")/.."
clang=$1
[ -d /usr/aarch64-linux-gnu/include ] || { echo "processor: skipped: no libc6-dev-arm64-cross" >&2; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/impasse-processor.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Each call that the headers know has the number and the name that they give it.
calls() {
  echo '#include <sys/syscall.h>'
  sed -nE 's/CALL\(([0-9]+), ([a-z0-9_]+)\)/\n#ifdef __NR_\2\n_Static_assert(__NR_\2 == \1, "\2");\n#endif\n/gp' "$1"
}

# check NAME ITS_NAME_FOR_BPF HEADERS FLAG...
check() {
  local name=$1 bpf=$2 headers=$3 file count=0
  shift 3
  local compile=("$clang" -fsyntax-only -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Wconversion -Werror -I. "$@")
  "${compile[@]}" tests/processor_layout.c
  calls "probe/processor/${name}_calls.def" >"$work/calls.c"
  [ "$(grep -c _Static_assert "$work/calls.c")" -gt 250 ]
  "${compile[@]}" "$work/calls.c"
  for file in probe/thread/*.c probe/thread/*/*.c; do
    case $file in *_test.c) continue ;; esac
    "${compile[@]}" -Wno-sign-conversion "$file"
    count=$((count + 1))
  done
  [ -d /usr/include/bpf ] && for file in bpf/*.bpf.c; do
    "$clang" -target bpf -mcpu=v3 -O2 -fsyntax-only -Wall -Wextra -Werror "-D__TARGET_ARCH_$bpf" -I. \
      -idirafter "$headers" "$file"
    count=$((count + 1))
  done
  echo "processor: $name: $count files compile, numbers agree"
}

native=/usr/include/$("$clang" -print-multiarch 2>/dev/null || cc -print-multiarch)
check x86_64 x86 "$native"
check aarch64 arm64 /usr/aarch64-linux-gnu/include --target=aarch64-linux-gnu \
  -isystem /usr/aarch64-linux-gnu/include -idirafter /usr/include
