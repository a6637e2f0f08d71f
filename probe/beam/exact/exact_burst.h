/*
 * exact_burst.h - a burst (bpf/burst.h) on an exported function of the emulator, within what a target
 * may be asked to pay. Not for what the counts mean: senders.h, exits.h.
 */
#ifndef IMPASSE_PROBE_BEAM_EXACT_BURST_H
#define IMPASSE_PROBE_BEAM_EXACT_BURST_H

#include <stdio.h>

#include "bpf/burst.h"

struct reach_target;

enum {
  /* Hits that a burst may take of the target where they are cheap, fewer where they are not. At no more
   * than one burst a second they stay below 20,000 a second. */
  EXACT_BURST_HITS_MOST = 20000,
};

/* Fills in the burst's site, pidfd and most_hits, and runs it. *ret_hit_ns is what one hit cost the
 * target, about. On failure -errno with a line of text that says why and what to do: -ENOTSUP the
 * function is not exported, -EPERM, -EACCES, -ESRCH the node is gone, -EOPNOTSUPP. */
int beam_exact_burst(const struct reach_target *target, const char *function, struct burst *burst,
                     struct burst_counts *ret_counts, unsigned *ret_hit_ns, FILE *text);

#endif
