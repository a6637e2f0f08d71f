/*
 * reader_threads.h - thread numbers of a target in a pid namespace of its own, as the
 * collector numbers them.
 */
#ifndef IMPASSE_PROBE_HOOK_READER_THREADS_H
#define IMPASSE_PROBE_HOOK_READER_THREADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reach_target;

/* All zero at first. */
struct reader_threads {
  bool looked; /* whether the namespaces differ is known */
  bool differ;
  bool refreshed;             /* in this sweep: at most once */
  struct reader_thread *list; /* by inner number */
  size_t count;
};

/* Before a sweep. */
void reader_threads_begin(struct reader_threads *threads, const struct reach_target *target);
/* The collector's number of thread `tid` of the target; 0 where it has none (any more). */
uint32_t reader_threads_outer(struct reader_threads *threads, const struct reach_target *target,
                              uint32_t tid);
void reader_threads_done(struct reader_threads *threads);

#endif
