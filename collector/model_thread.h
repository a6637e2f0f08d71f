/*
 * model_thread.h - the thread that owns the model's state: it takes sweeps from the workers, makes
 * a tick at each interval, at once when a wait round changed a verdict or a new target was read,
 * and when an alert is due, and publishes the snapshots.
 *
 *    workers --> bounded queue --+--> FULL, FAILED: kept for the tick --> tick_step --> publish
 *                                '--> ROUND: tick_round at once; where it changed much, a tick
 *
 * It adds a row for impasse itself to each tick: what the monitor costs is on the screen.
 */
#ifndef IMPASSE_COLLECTOR_MODEL_THREAD_H
#define IMPASSE_COLLECTOR_MODEL_THREAD_H

#include <stddef.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "model/sweep.h"

struct model_thread;

struct model_thread_setup {
  uint64_t interval_ns;
  uint64_t
      first_patience_ns; /* for the first sweeps of what the first look found; 0 = half a second */
  void (*publish)(void *context, const struct snapshot *snapshot); /* lent; on the model's thread */
  void *context;
};

int model_thread_start(const struct model_thread_setup *setup, struct model_thread **ret_thread);

/* All of these from any thread. */

/* Takes the sweep over. Where the queue is full it is dropped, counted, and told as a gap. */
void model_thread_post(struct model_thread *thread, struct sweep *sweep);
void model_thread_gap(struct model_thread *thread, const char *reason, int64_t since_ms,
                      int64_t until_ms, int64_t count);

/* The first look at all processes is over and `sweeps` sweeps are to be expected from it: the first
 * tick waits for them, for the patience of the setup. */
void model_thread_begin(struct model_thread *thread, size_t sweeps);
/* One of them will not come. */
void model_thread_skip(struct model_thread *thread);

/* Ends the thread: nothing is published any more. Who still posts may go on, and nobody looks at it.
 * NULL is fine. */
void model_thread_end(struct model_thread *thread);

/* Ends the thread, unless it has ended, and frees. NULL is fine. */
void model_thread_stop(struct model_thread *thread);

#endif
