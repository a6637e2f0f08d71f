#!/usr/bin/env bash
# finds_test.sh CASE[,NUMBER] DETECTOR STATUS PATTERN... - a shape of locks.c that was there before impasse came is found
# by its detector: `check` ends with STATUS and names what the patterns say.
cd "$(dirname "$0")"
. ./locks.sh
locks "$1"
shift
finds "$locks" 60 "$@"
