/*
 * dump.h - an Erlang crash dump as a sweep: the last state of a node that is no more, for the same model that watches
 * living ones.
 *
 *    =erl_crash_dump:0.5        when, slogan, version            dump.c
 *    =proc:<0.83.0>  ...        one for each process             dump_proc.c
 *    =ets:<0.42.0>   ...        tables                           dump_rows.c
 *    =proc_dictionary, _stack, _heap:<0.83.0> ...                dump_deep.c: names, who waits for whom
 *    =end
 *
 * The node's schedulers stand still while it is written, so all of it is of one instant (struct sweep, instant). A wait is
 * found as in a living node (wait.h): a function that is known to wait for an answer, with a reference in its first
 * frame, by which the process monitors somebody. Calls of other functions cannot be told, as the receive markers are not
 * in a dump. Whether a call ends by itself is told where the stack of its caller still has the timeout.
 *
 * A dump may be of any size and is untrusted: it is read once, in a buffer of fixed size; what is kept is rows, and the
 * monitors of processes that may be in a call. Many dumps end in the middle (the disk was full, the heart was
 * impatient): they are read as far as they go, and the sweep has a gap that says so.
 */
#ifndef IMPASSE_PROBE_BEAM_DUMP_H
#define IMPASSE_PROBE_BEAM_DUMP_H

#include <stdint.h>

#include "model/sweep.h"

/* Told every few megabytes how much was read. */
typedef void dump_progress_fn(void *context, uint64_t bytes);

struct dump_result {
  struct sweep *sweep; /* of kind FULL, sorted; begin_ns and end_ns are the caller's to set */
  int64_t wall_ms;     /* when it was written, Unix time; VALUE_UNKNOWN */
};

/* Reads the dump behind `fd`; `progress` may be NULL. 0, -EINVAL it is none, -ENOMEM, -EFBIG more processes than a
 * node can have, or -errno of read(2). */
int dump_read(int fd, dump_progress_fn *progress, void *context, struct dump_result *ret_result);

#endif
