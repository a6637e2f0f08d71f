/*
 * wait_gather.h - very many small reads that lie near each other, as the stacks, references and monitors of blocked
 * callers do: in the order of their addresses, neighbours as one span. A span costs as much as one of its pieces.
 */
#ifndef IMPASSE_PROBE_BEAM_WAIT_GATHER_H
#define IMPASSE_PROBE_BEAM_WAIT_GATHER_H

#include "probe/beam/memory.h"

/* As beam_memory_pieces; pieces longer than 4 KiB are left unread. 0, -ENOMEM, -EPERM, -ESRCH. */
int beam_wait_gather(const struct beam_memory *memory, struct reach_piece *pieces, size_t count);

#endif
