/*
 * tick_rates.h - what two reads of one row tell that a single one cannot: rates, the trend of a
 * depth, since when nothing was taken. Pure. Private to tick*.c.
 */
#ifndef IMPASSE_MODEL_TICK_RATES_H
#define IMPASSE_MODEL_TICK_RATES_H

#include "model/tick_memory.h"

/* Per second, of a counter that only grows; NaN when it did not, or is not known. */
double tick_rate(int64_t was, int64_t is, double seconds);

/* The memory of a row that `read` (a full sweep or a part) gave. `was` and `old` are the row as
 * known before and its memory; NULL where it is seen for the first time. */
struct actor_memory tick_rate_actor(const struct sweep_actor *was, const struct actor_memory *old,
                                    const struct sweep_actor *is, const struct sweep *read);

/* Notes when the row was read before, if it was on the same thread then. */
void tick_rate_before(const struct sweep_actor *was, const struct actor_memory *old,
                      const struct sweep_actor *is, struct actor_memory *memory);

struct table_memory tick_rate_table(const struct sweep_table *was, const struct table_memory *old,
                                    const struct sweep_table *is, const struct sweep *read);

#endif
