/*
 * tick_gaps.h - the memory behind the relation `gaps`: one entry for each (target, reason),
 * bounded; the ones that ended longest ago are forgotten first. It never allocates, so that a lack
 * of memory can be told. Private to tick*.c.
 */
#ifndef IMPASSE_MODEL_TICK_GAPS_H
#define IMPASSE_MODEL_TICK_GAPS_H

#include <stddef.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "model/sweep.h"

enum { TICK_GAPS_MAX = 1024, TICK_GAPS_REASON_BYTES = 192 };

struct tick_gaps {
  struct tick_gap_entry {
    uint64_t target; /* 0 = impasse itself */
    char reason[TICK_GAPS_REASON_BYTES];
    int64_t since_ms;
    int64_t until_ms;       /* VALUE_UNKNOWN while it lasts */
    int64_t count;          /* VALUE_UNKNOWN where it is not known */
    uint8_t source;         /* of the sweeps that tell it; 0 = it was told by tick_gap */
  } entries[TICK_GAPS_MAX]; /* by (target, reason) */
  size_t count;
};

void tick_gaps_add(struct tick_gaps *gaps, struct tick_gap_entry gap);

/* All gaps of a sweep. Those that its source told before and tells no more have ended; but a part
 * only adds to them, as it did not look at everything, and a wait round tells none. */
void tick_gaps_of_sweep(struct tick_gaps *gaps, const struct sweep *sweep, int64_t wall_ms);

/* The target is not watched any more: what lasted has ended. */
void tick_gaps_end(struct tick_gaps *gaps, uint64_t target, int64_t wall_ms);

int tick_gaps_fill(const struct tick_gaps *gaps, struct snapshot_builder *builder,
                   const char *host);

#endif
