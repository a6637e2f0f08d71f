#!/usr/bin/env bash
# bpf_compiles.sh CLANG PROCESSOR FACES ARCHITECTURE - do all programs for the kernel compile for a processor, whichever
# this machine has? FACES: the build's folder of headers, ARCHITECTURE: of this machine's own headers.
set -euo pipefail
cd "$(dirname "$0")/.."
clang=$1 processor=$2 faces=$3 architecture=$4
failed=0

for program in bpf/*.bpf.c; do
  "$clang" -target bpf -mcpu=v3 -g -O2 -Wall -Wextra -Werror "-D__TARGET_ARCH_$processor" "-I$faces/bpf" \
    "-I$faces/processor" -idirafter "/usr/include/$architecture" -c "$program" -o /dev/null || failed=1
done
exit "$failed"
