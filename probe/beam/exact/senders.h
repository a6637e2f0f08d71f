/*
 * senders.h - who sends to a mailbox, and what: a burst of a few hundred milliseconds at most on
 * erts_send_message, counted in the kernel. On demand only: each send of the whole node costs about a
 * microsecond while it lasts, and what that was is told in the answer.
 */
#ifndef IMPASSE_PROBE_BEAM_SENDERS_H
#define IMPASSE_PROBE_BEAM_SENDERS_H

#include <stdio.h>

#include "probe/beam/atom.h"
#include "probe/beam/proc.h"

struct reach_target;

/* Writes for people: what was seen and what it cost in one line, then a line for each sender and shape
 * of message, most frequent first. When it is refused the text says why and what to do. 0, -ENOTSUP,
 * -EPERM, -ESRCH the process or the node is gone, -EOPNOTSUPP built without probes. */
int beam_senders_write(const struct beam_node *node, struct beam_atoms *atoms,
                       const struct reach_target *target, const struct beam_proc *proc, FILE *text);

#endif
