#!/usr/bin/env bash
# layers.sh - guards what the compiler cannot: which folder may include what, and what a library must not call.
# The table is the one of ARCHITECTURE.md. Prints every offence with file and line; exit 1 when there is one.
set -euo pipefail
cd "$(dirname "$0")/.."
offences=0

# folder | folders of ours it may include from | libraries (pattern of system headers) it may use beyond libc
table='
model         | model                                          |
probe/reach   | probe/reach                                    | linux/.*|seccomp\.h|cap-ng\.h
probe/processor | probe/processor                              |
probe/process | probe/process probe/reach probe model          |
probe/hook    | probe/hook probe/reach probe/process probe/processor probe bpf model | sys/sdt\.h|linux/.*|gelf\.h
probe/beam          | probe/beam probe/beam/layouts probe/beam/attach probe/beam/wait probe/beam/table probe/beam/mailbox probe/beam/exact probe/reach probe/process probe model |
probe/beam/attach   | probe/beam/attach probe/beam probe/reach probe |
probe/beam/wait     | probe/beam/wait probe/beam probe model |
probe/beam/table    | probe/beam/table probe/beam/exact probe/beam probe/reach probe model |
probe/beam/mailbox  | probe/beam/mailbox probe/beam model |
probe/beam/exact    | probe/beam/exact probe/beam/table probe/beam/mailbox probe/beam/attach probe/beam probe/reach probe bpf model |
probe/beam/dump     | probe/beam/dump probe/beam/wait probe/beam model |
probe/thread          | probe/thread probe/thread/classify probe/thread/stack probe/processor probe/reach probe/process probe bpf model | linux/.*|uthash\.h
probe/thread/classify | probe/thread/classify probe/thread probe/processor model | linux/.*
probe/thread/stack    | probe/thread/stack probe/thread probe/processor probe/reach probe model | elfutils/.*|libelf\.h|gelf\.h|dwarf\.h|libiberty/.*
probe/queue   | probe/queue probe/reach probe/process probe bpf model | linux/.*
bpf           | bpf probe/processor                            | linux/.*|bpf/.*
store         | store model                                    | sqlite3\.h|jansson\.h
tui           | tui model                                      | ncurses\.h|curses\.h|term\.h|jansson\.h
demo          | demo probe/hook                                |
collector     | collector demo tui store probe/hook probe/beam/dump probe/process probe/reach probe bpf model | seccomp\.h|uv\.h|sqlite3\.h|jansson\.h|linux/.*
man           | man collector tui store model                    |
'
others='uv\.h|sqlite3\.h|jansson\.h|ncurses\.h|curses\.h|term\.h|sys/sdt\.h|uthash\.h|libelf\.h|gelf\.h|elfutils/.*|dwarf\.h|libiberty/.*|seccomp\.h|cap-ng\.h|bpf/.*|linux/.*'

offend() { printf '%s\n' "$1" >&2; offences=$((offences + 1)); }

# Includes of a file as "line:path" for ours and "line:<path>" for the system's.
includes() { sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*("([^"]+)"|(<[^>]+>)).*/\2\3/;T;=;p' "$1" | paste -d: - -; }

while IFS='|' read -r folder ours libraries; do
  folder=${folder// /} libraries=${libraries// /}
  [ -n "$folder" ] || continue
  for file in "$folder"/*.c "$folder"/*.h "$folder"/*.hpp; do
    [ -f "$file" ] || continue
    is_test=false; case $file in *_test.c) is_test=true ;; esac
    while IFS=: read -r line path; do
      case $path in
        '') ;;
        '<'*)
          name=${path#<} name=${name%>}
          if [[ $name =~ ^($others)$ ]] && ! [[ -n $libraries && $name =~ ^($libraries)$ ]] && ! $is_test; then
            offend "$file:$line: $folder must not use <$name>"
          fi ;;
        *..*) offend "$file:$line: includes go by the path from the root, not through '..'" ;;
        *)
          dir=$(dirname "$path")
          case " $ours " in *" $dir "*) ;; *) $is_test || offend "$file:$line: $folder must not include from $dir/" ;; esac
          if [ ! -f "$path" ]; then offend "$file:$line: no such file: $path"; fi ;;
      esac
    done < <(includes "$file")
  done
done <<<"$table"

# The library in the target includes nothing of ours but its own headers; those that programs include, only each other.
for file in probe/hook/impasse*.[ch] probe/hook/impasse.hpp probe/hook/region.h; do
  inner=probe/hook/impasse_inner.h
  case $file in *_test.c) continue ;; probe/hook/impasse.h | *.hpp | probe/hook/region.h) inner= ;; esac
  while IFS=: read -r line path; do
    case $path in '<'* | probe/hook/region.h | probe/hook/impasse.h | '' | "$inner") ;;
      *) offend "$file:$line: the hook library must not include $path" ;; esac
  done < <(includes "$file")
done

# Libraries never print to the standard streams and never exit (the program's folder and the tests may).
while read -r hit; do offend "$hit (libraries never print and never exit)"; done < <(
  grep -nE '(^|[^a-zA-Z_>.])(printf|puts|perror|exit|_exit|abort|system|popen)[[:space:]]*\(' \
    model/*.c probe/*/*.c probe/*/*/*.c bpf/*.c store/*.c tui/*.c 2>/dev/null | grep -vE '_test\.c:|^[^:]+:[0-9]+:[[:space:]]*(/?\*|//)' | grep -v 'layers: allowed' || true)
# Nothing anywhere starts a shell.
while read -r hit; do offend "$hit (no shell)"; done < <(
  grep -nE '(^|[^a-zA-Z_])(system|popen)[[:space:]]*\(' collector/*.c demo/*.c 2>/dev/null || true)
# The model reads no clock.
while read -r hit; do offend "$hit (the model is given its clock)"; done < <(
  grep -nE '(clock_gettime|gettimeofday|[^a-z_]time)[[:space:]]*\(' model/*.c 2>/dev/null | grep -v '_test\.c:' || true)

[ "$offences" = 0 ] || { printf 'layers: %d offence(s)\n' "$offences" >&2; exit 1; }
echo "layers: every include and call is where the design allows it"
