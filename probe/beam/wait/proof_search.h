/*
 * proof_search.h - looking for references in all writable memory of a node, a part at a time: first upwards, then
 * downwards. See proof.h for what that proves.
 */
#ifndef IMPASSE_PROBE_BEAM_PROOF_SEARCH_H
#define IMPASSE_PROBE_BEAM_PROOF_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/beam/proc.h"
#include "probe/beam/wait/monitor.h"

/* A reference that is searched for, and those whose memory may hold it. */
struct beam_proof_wanted {
  struct beam_reference reference;
  const struct beam_proc *waiter, *holder;
  uint64_t monitor;
  bool
      elsewhere; /* out, set once: it was found in other memory, and it is not known who has it there */
  uint64_t third; /* out, set once: key of another process that holds it */
};

struct beam_proof_search;

struct beam_proof_search *beam_proof_search_new(const struct beam_node *node);
void beam_proof_search_free(struct beam_proof_search *search);

/* Starts from the beginning. -ENOTSUP the mappings cannot be listed, -EFBIG there is more memory than `most`. */
int beam_proof_search_begin(struct beam_proof_search *search, uint64_t most);

/* Goes on for about so many bytes. `members`: keys of processes that do not count as a third, for they wait in the same
 * circles. 1: everything was searched in both directions; 0: not yet; -errno: it cannot be told. */
int beam_proof_search_step(struct beam_proof_search *search, struct beam_proof_wanted *wanted,
                           size_t count, const uint64_t *members, size_t member_count,
                           size_t bytes);

#endif
