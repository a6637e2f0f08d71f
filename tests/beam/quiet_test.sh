#!/usr/bin/env bash
# quiet_test.sh MAJOR SHAPE[,ARGUMENT...] SECONDS - a shape that only looks like trouble raises no alert for so long.
cd "$(dirname "$0")"
. ./node.sh
shape "$1" "$2"
stays_quiet "$node" "${3}s" 10
