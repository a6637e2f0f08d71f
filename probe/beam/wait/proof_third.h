/*
 * proof_third.h - which living process holds a reference that was found somewhere in a node's memory.
 *
 * Not here: the search itself (proof_search.h), whether what lies in a process's memory is garbage (proof_hold.h).
 */
#ifndef IMPASSE_PROBE_BEAM_PROOF_THIRD_H
#define IMPASSE_PROBE_BEAM_PROOF_THIRD_H

#include "probe/beam/proc.h"
#include "probe/beam/wait/monitor.h"

/* Where a reference was found. */
struct beam_proof_place {
  uint64_t address; /* of its header */
  struct beam_reference reference;
  uint64_t holder; /* out: key of the process that holds it; 0 nobody who is known */
};

/* Fills `holder` of all: processes that are not exiting, in whose heap, stack, old generation or fragments it lies and who
 * can reach it, or who have it in the first messages of their mailbox. Reads the table of all processes once. 0, -ENOMEM,
 * -EPERM, -ESRCH. */
int beam_proof_third_find(const struct beam_node *node, struct beam_proof_place *places,
                          size_t count);

#endif
