/*
 * writer_thread.h - the thread that records: the only writing connection, behind a bounded queue.
 * What does not fit and what cannot be written (disk full) is counted and told as a gap; recording
 * resumes by itself.
 */
#ifndef IMPASSE_COLLECTOR_WRITER_THREAD_H
#define IMPASSE_COLLECTOR_WRITER_THREAD_H

#include <stdint.h>

#include "model/snapshot.h"
#include "store/writer.h"

struct writer_thread;

struct writer_thread_setup {
  const char *dir;
  struct writer_options options;
  /* A stretch in which `count` ticks were not recorded has ended, and why; on the writer's
   * thread. */
  void (*gap)(void *context, const char *reason, int64_t since_ms, int64_t until_ms, int64_t count);
  /* Recording stopped (`error` < 0, with words) or goes on (0); on the writer's thread. */
  void (*state)(void *context, int error, const char *text);
  void *context;
};

/* Opens the recording; *error says in words why not. */
int writer_thread_start(const struct writer_thread_setup *setup, struct writer_thread **ret_thread,
                        struct writer_error *error);

/* Any thread; never waits. */
void writer_thread_put(struct writer_thread *thread, const struct snapshot *snapshot);

/* Writes what is queued, closes the recording, frees. NULL is fine. Returns what was done. */
struct writer_stats writer_thread_stop(struct writer_thread *thread);

#endif
