/*
 * dump_proc.h - the section of one process in a crash dump.
 *
 *    State: Waiting | Name: server_a | Spawned as: proc_lib:init_p/5 | Spawned by: <0.9.0> |
 *    Message queue length: 6 | Link list: [<0.9.0>, {to,<0.84.0>,#Ref<0.1.2.3>}, {from,<0.85.0>,#Ref<0.1.2.4>}] |
 *    Reductions: 53 | Memory: 3488 | Program counter: 0x00007f835580e1b8 (gen:do_call/4 + 776)
 */
#ifndef IMPASSE_PROBE_BEAM_DUMP_PROC_H
#define IMPASSE_PROBE_BEAM_DUMP_PROC_H

#include "probe/beam/dump/dump_rows.h"

/* One line of the section of the process `index`. 0, -ENOMEM. */
int dump_proc_line(struct dump_rows *rows, size_t index, struct dump_line line);

/* The section has ended: forgets the monitors of who is in no call. */
void dump_proc_end(struct dump_rows *rows, size_t index);

#endif
