/*
 * budget.h - a thread that counts the hits of probes and takes the probes away when they are too many, so
 * that what they cost the target is bounded also while nobody sweeps. Not for attaching.
 */
#ifndef IMPASSE_PROBE_HOOK_BUDGET_H
#define IMPASSE_PROBE_HOOK_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct budget_setup {
  uint64_t most_per_s;
  uint64_t (*hits)(void *context); /* so far; called by the thread */
  void (*over)(void *context); /* called once, by the thread, when they were too many in a second */
  void *context;
};

struct budget;

int budget_start(const struct budget_setup *setup, struct budget **ret_budget); /* -errno */
/* Ends the thread; NULL is fine. Afterwards nothing is called any more. */
void budget_stop(struct budget *budget);
/* Was it exceeded? Any thread. */
bool budget_over(const struct budget *budget);

#endif
