/*
 * mailbox.h - what is in a mailbox: on demand, the first messages decoded and folded by shape, and
 * requests whose caller is gone.
 */
#ifndef IMPASSE_PROBE_BEAM_MAILBOX_H
#define IMPASSE_PROBE_BEAM_MAILBOX_H

#include <stdio.h>

#include "probe/beam/atom.h"
#include "probe/beam/proc.h"

/* Writes for people, one item a line: shapes with their counts and how old they can be told to be,
 * then the oldest orphaned requests. Bounded in messages, depth of terms and bytes read. 0, -ESRCH
 * the process or the node is gone, -EFAULT. */
int beam_mailbox_write(const struct beam_node *node, struct beam_atoms *atoms,
                       const struct beam_proc *proc, FILE *text);

#endif
