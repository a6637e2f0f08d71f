/*
 * worker.h - one thread that reads one target through one source: sweeps at its cadence, wait
 * rounds while something is blocked, questions about single actors, the end of the target.
 *
 *    open --ok--> sweep, round, round, ..., sweep, ... --target exits--> last sweep (gone), ended
 *      |            '--named otherwise than is wished--> ended, nothing was posted
 *      '--error--> FAILED sweep (unreadable, with the reason), back-off, open again
 *
 * A target whose sweeps cost more than their budget allows at the wished interval has parts between
 * them, where its source can make them (cadence.h).
 *
 * Where all targets of its source together cost more than one budget, a target in which nothing happens is read less
 * often, until something does.
 *
 * A slow target holds up its own worker and nobody else. Not here: which processes are targets
 * (sampler.c), what rows mean (model).
 */
#ifndef IMPASSE_COLLECTOR_WORKER_H
#define IMPASSE_COLLECTOR_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector/budget.h"
#include "model/feed.h"
#include "model/sweep.h"
#include "probe/source.h"

struct worker;

struct worker_setup {
  uint64_t interval_ns;
  struct budget *budget; /* of all targets of the source; NULL: each has its own alone */
  bool exact;            /* the source's probes are wanted, too */
  /* All are called on the worker's thread. */
  void (*post)(void *context, struct sweep *sweep); /* takes the sweep over */
  void (*ended)(void *context);                     /* worker_ended() is true from now on */
  /* Is the target wanted by the name that it gives itself (NULL: it has none)? Asked once, when it
   * has been read; until then nothing is posted. NULL: it is. */
  bool (*wanted)(void *context, const char *name, pid_t pid);
  /* What probes cost this target, or why it has none (--exact); NULL: nobody listens. */
  void (*told)(void *context, const char *name, const char *text);
  void *context;
};

/* Starts the thread. Takes the target over, on failure too. 0 or -errno. */
int worker_start(struct reach_target *target, const struct source *source,
                 const struct worker_setup *setup, struct worker **ret_worker);

pid_t worker_pid(const struct worker *worker);
uint64_t worker_target_key(const struct worker *worker);
const struct source *worker_source(const struct worker *worker);

/* It has nothing left to read: the process is gone, or (exec) is another program now. */
bool worker_ended(const struct worker *worker);

/* It ended because its name is not one of those that are wanted. */
bool worker_unwanted(const struct worker *worker);

/* Asks the source; `answer` comes on the worker's thread, with -ECANCELED when the worker ends
 * first. 0 or -ENOMEM, or -ESRCH when it has ended; then `answer` does not come. */
int worker_ask(struct worker *worker, uint64_t actor, enum feed_question question,
               feed_answer_fn *answer, void *context);

/* Tells the thread to end; returns at once. */
void worker_stop(struct worker *worker);

/* Waits for the end until `deadline_ns` (CLOCK_MONOTONIC) and frees. A thread that the kernel holds
 * in a read of its target cannot be ended: then -ETIMEDOUT, and it and its memory are left
 * alone. */
int worker_join(struct worker *worker, uint64_t deadline_ns);

#endif
