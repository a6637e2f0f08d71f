/*
 * exits.h - why processes of a node end, right now: a burst of a second at most on
 * erts_do_exit_process, counted in the kernel by the shape of the reason. On demand only; the answer
 * tells what it cost.
 */
#ifndef IMPASSE_PROBE_BEAM_EXITS_H
#define IMPASSE_PROBE_BEAM_EXITS_H

#include <stdio.h>

#include "probe/beam/atom.h"

struct reach_target;

/* As beam_senders_write: a line of totals, then a line for each shape of reason. */
int beam_exits_write(const struct beam_node *node, struct beam_atoms *atoms,
                     const struct reach_target *target, FILE *text);

#endif
