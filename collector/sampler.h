/*
 * sampler.h - sweeping on our own: finds targets, gives each a worker, and lets the model make
 * snapshots of what the workers read.
 *
 *    discovery thread: names of /proc --> probe() of the sources --> quota
 *        --> worker: a thread for each open target and source --> model thread --> publish
 *
 * A process that a source recognises and cannot read, one for which its user's quota is used up,
 * and one that was named and is recognised by no source have a row of their own with the reason,
 * and are looked at again as discovery.h says; all other processes have none. Where targets are
 * named, processes whose name only they themselves can tell are read until it is known, and nothing
 * is said of those that cannot be read.
 */
#ifndef IMPASSE_COLLECTOR_SAMPLER_H
#define IMPASSE_COLLECTOR_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/feed.h"
#include "model/snapshot.h"

struct sampler;

struct sampler_setup {
  uint64_t interval_ns;
  const char *const *targets; /* names or pids: look at these only; copied */
  size_t target_count;        /* 0: look at every process */
  bool exact;                 /* attach probes where sources have some */
  void (*publish)(void *context, const struct snapshot *snapshot); /* lent; on the model's thread */
  void *context;
  /* What came of `exact` for one target; on any thread; NULL: it stands in `gaps` alone. */
  void (*told)(const char *name, const char *text);
};

#define SAMPLER_INTERVAL_NS UINT64_C(1000000000)

/* Starts; returns before anything has been read. 0 or -errno. */
int sampler_start(const struct sampler_setup *setup, struct sampler **ret_sampler);

/* Ends all threads and frees; a thread that the kernel holds in a read is left behind. NULL is
 * fine. */
void sampler_stop(struct sampler *sampler);

/* From any thread. Of a whole target (actor 0) the first of its sources answers that can. `answer`
 * comes on another thread. 0, or -ENOENT where nobody reads that target, or -ENOMEM: no
 * answer comes. */
int sampler_ask(struct sampler *sampler, int64_t target_key, int64_t actor,
                enum feed_question question, feed_answer_fn *answer, void *context);

/* See model_thread_gap. */
void sampler_gap(struct sampler *sampler, const char *reason, int64_t since_ms, int64_t until_ms,
                 int64_t count);

#endif
