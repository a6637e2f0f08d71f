/*
 * exact_table.h - exact waits (exact.h) by ETS table: which lock is of which table, followed from sweep
 * to sweep, since the memory of a table that was deleted may be another's lock by now.
 *
 * A table with write_concurrency has many locks: its time with at least one waiter is the sum of theirs,
 * but never more than the time that passed. One thread.
 */
#ifndef IMPASSE_PROBE_BEAM_EXACT_TABLE_H
#define IMPASSE_PROBE_BEAM_EXACT_TABLE_H

#include "model/sweep.h"
#include "probe/beam/exact/exact.h"
#include "probe/beam/table/lock.h"

struct beam_exact_tables;

/* `exact` is lent. NULL without memory. */
struct beam_exact_tables *beam_exact_tables_new(const struct beam_node *node,
                                                struct beam_exact *exact);
void beam_exact_tables_free(struct beam_exact_tables *tables); /* NULL is fine */

/* Collects: what was waited since the last time goes to the tables of the plan. 0, -ENOMEM, -errno. */
int beam_exact_tables_take(struct beam_exact_tables *tables, const struct beam_lock_plan *plan);

/* Puts the sums of the table `key` since it was first seen in the place of sampled ones; false where it
 * was not in the last plan. */
bool beam_exact_tables_put(const struct beam_exact_tables *tables, uint64_t key,
                           struct sweep_table *row);

#endif
