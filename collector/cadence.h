/*
 * cadence.h - how often a target is read: a budget of processor time, and back-off after failures.
 *
 * Sweeps come at multiples of one interval of the clock, so that the sweeps of all targets fall
 * together and a tick finds them all fresh. A sweep that costs more than the budget makes its
 * interval grow to the next multiple. Between such sweeps there are parts, of sources that have them,
 * at the wished interval; they get half of the budget at most, and what they take of it the sweeps
 * make up for by coming less often still. Wait rounds get what both leave of the budget, and at least
 * a quarter of it, since they are what confirms a deadlock.
 *
 * All targets of a source together have its budget once more. Where they cost more than that, those in which nothing
 * happens (no wait, nothing in a mailbox, hardly any processor time) are read less often, so many of them at each
 * instant, but often enough that a deadlock that forms in one is seen within CADENCE_QUIET_MAX_NS.
 *
 * Pure; no clock.
 */
#ifndef IMPASSE_COLLECTOR_CADENCE_H
#define IMPASSE_COLLECTOR_CADENCE_H

#include <stdbool.h>
#include <stdint.h>

#define CADENCE_ROUND_NS UINT64_C(100000000)
#define CADENCE_BUDGET_PERMILLE 10                 /* where a source does not say */
#define CADENCE_SWEEP_MAX_NS UINT64_C(60000000000) /* a costly target, too, is read once a minute */
#define CADENCE_QUIET_MAX_NS UINT64_C(5000000000)  /* of a target in which nothing happens */
#define CADENCE_BACKOFF_MAX_NS UINT64_C(60000000000)

struct cadence {
  uint64_t interval_ns;     /* wished for between sweeps */
  unsigned budget_permille; /* 0: the default */
  bool has_parts;
  uint64_t sweep_cpu_ns; /* what one costs: rises at once, falls slowly */
  uint64_t part_cpu_ns;
  uint64_t round_cpu_ns;
};

void cadence_sweep_cost(struct cadence *cadence, uint64_t cpu_ns);
void cadence_part_cost(struct cadence *cadence, uint64_t cpu_ns);
void cadence_round_cost(struct cadence *cadence, uint64_t cpu_ns);

/* Present intervals under the budget. */
uint64_t cadence_sweep_ns(const struct cadence *cadence);
uint64_t cadence_round_ns(const struct cadence *cadence);
/* 0: none are made, as sweeps come as often as that. */
uint64_t cadence_part_ns(const struct cadence *cadence);

/* Processor time a second for its sweeps at that interval. */
uint64_t cadence_sweep_load(const struct cadence *cadence);
/* The interval of a target in which nothing happens, where all of its source cost so much a second together. */
uint64_t cadence_quiet_ns(const struct cadence *cadence, uint64_t all_ns_per_s);

/* The next instant after `now_ns` that is a multiple of `interval_ns`. */
uint64_t cadence_next(uint64_t now_ns, uint64_t interval_ns);
/* The same, `turn` times `step_ns` later each time: so targets with the same long interval take turns. */
uint64_t cadence_next_turn(uint64_t now_ns, uint64_t interval_ns, uint64_t step_ns, uint64_t turn);

/* Time to wait after the n-th failure in a row (1, 2, ...): 1 s, doubled each time, at most a
 * minute. */
uint64_t cadence_backoff_ns(unsigned failures);

#endif
