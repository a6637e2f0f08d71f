/* proof_circle.h - the circles in a graph in which everybody waits for one. Pure. */
#ifndef IMPASSE_PROBE_BEAM_PROOF_CIRCLE_H
#define IMPASSE_PROBE_BEAM_PROOF_CIRCLE_H

#include "probe/beam/wait/proof.h"

/* Writes the links that are part of a circle, at most `room`, each with the link of its holder behind it: ret_links[i]
 * and ret_next[i] are indices of `links`. Returns how many, or -ENOMEM. Linear. */
int beam_proof_circle_find(const struct beam_proof_link *links, size_t count, uint32_t *ret_links,
                           uint32_t *ret_next, size_t room);

#endif
