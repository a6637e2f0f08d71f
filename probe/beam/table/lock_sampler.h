/*
 * lock_sampler.h - the thread that looks at the locks of a node's tables: when, at what cost, and whether it may.
 *
 * It looks at most 100 times a second, at uneven distances so that it does not beat with what it watches, and less often
 * when looking costs more than 1 % of a core. Its target, memory and locks are its own; it shares with the caller
 * nothing but what a mutex guards, and never holds that while it reads the node.
 *
 * One sampler a node on a host: the claim of reach.h. Who does not get it goes on trying at each report.
 */
#ifndef IMPASSE_PROBE_BEAM_LOCK_SAMPLER_H
#define IMPASSE_PROBE_BEAM_LOCK_SAMPLER_H

#include <sys/types.h>

#include "probe/beam/table/lock.h"

struct reach_target;
struct beam_lock_sampler;

/* What the sampler has seen until now; arrays belong to the report. */
struct beam_lock_report {
  bool samples;                /* false: nothing below is known, for the reason here: */
  pid_t claimant;              /* another process does, 0 unknown which; without one `error` */
  int error;                   /* 0, or the -errno that keeps it from sampling */
  struct beam_lock_sums *sums; /* by key */
  size_t count;
  struct beam_lock_waiter *waiters;
  size_t waiter_count;
  uint64_t at_ns; /* instant of the waiters */
  uint64_t sample_count;
  uint64_t cpu_ns, ran_ns; /* processor time of the thread, and time, since the last report */
  uint64_t interval_ns;    /* present mean distance of two looks */
};

/* Opens the process of `target` once more for itself. 0, -ENOMEM, -ESRCH, -EPERM. */
int beam_lock_sampler_new(const struct beam_node *node, const struct reach_target *target,
                          struct beam_lock_sampler **ret_sampler);

/* Ends and joins the thread: it stops where it stands, at once unless the kernel keeps it in a read. */
void beam_lock_sampler_free(struct beam_lock_sampler *sampler);

/* Hands over what is to be looked at from now on. */
void beam_lock_sampler_plan(struct beam_lock_sampler *sampler, struct beam_lock_plan *plan);

/* 0 or -ENOMEM; the report is to be freed with beam_lock_report_done. */
int beam_lock_sampler_report(struct beam_lock_sampler *sampler,
                             struct beam_lock_report *ret_report);
void beam_lock_report_done(struct beam_lock_report *report);

#endif
