#!/usr/bin/env bash
# quiet_test.sh CASE[,NUMBER...] SECONDS [ACTORS] - a shape of locks.c that only looks like trouble raises no alert for so
# long, while more than ACTORS rows are seen.
cd "$(dirname "$0")"
. ./locks.sh
locks "$1"
stays_quiet "$locks" "${2}s" "${3-0}"
no_circle "$locks"
