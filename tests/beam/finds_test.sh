#!/usr/bin/env bash
# finds_test.sh MAJOR SHAPE[,ARGUMENT...] DETECTOR STATUS PATTERN... - a shape of scenario.erl on a node of that release
# (`elixir`: of scenario.exs) is found by its detector: `check` ends with STATUS and names what the patterns say.
cd "$(dirname "$0")"
. ./node.sh
major=$1 name=$2
shift 2
case $major in
  elixir) elixir_shape "$name" ;;
  *) shape "$major" "$name" ;;
esac
finds "$node" 60 "$@"
