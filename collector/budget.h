/*
 * budget.h - what all targets of one source cost together, so that a thousand small ones stay within a bound as one large
 * one does: where the sum is beyond the source's budget, those in which nothing happens are read less often (cadence.h).
 *
 * Not here: what one target costs, and how often it is read.
 */
#ifndef IMPASSE_COLLECTOR_BUDGET_H
#define IMPASSE_COLLECTOR_BUDGET_H

#include <stdatomic.h>
#include <stdint.h>

/* Begins as zeros. Any thread. */
struct budget {
  atomic_uint_fast64_t
      ns_per_s; /* of processor time, were all of them read as often as they alone may be */
};

/* One of them costs `now` instead of `before`. Returns the sum. */
static inline uint64_t budget_change(struct budget *budget, uint64_t before, uint64_t now)
{
  return atomic_fetch_add_explicit(&budget->ns_per_s, now - before, memory_order_relaxed) + now -
         before;
}

#endif
