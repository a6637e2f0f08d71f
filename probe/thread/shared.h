/*
 * shared.h - locks that several processes share: who has one where the owner is no thread of the target.
 *
 * The lock's word holds a number of the target's pid namespace and nothing else. It is believed only where
 * the kernel shows that a thread of that number, in a process of the same namespace, maps the very file (or
 * shared memory) that the lock lies in, at the same place of it.
 *
 * What was found is asked again at every use (does that thread still live?), and looked for anew after some
 * seconds. Not here: locks of one process (edges.c).
 */
#ifndef IMPASSE_PROBE_THREAD_SHARED_H
#define IMPASSE_PROBE_THREAD_SHARED_H

#include "probe/reach/reach.h"
#include "probe/thread/thread.h"

enum { SHARED_OWNERS_MOST = 64 };

/* An owner that was looked for; other is NULL where none was found. */
struct shared_owner {
  uint64_t lock;
  uint32_t number; /* in the lock's word */
  pid_t tid;
  uint64_t start_ticks;
  uint64_t sought_ns; /* 0: the place is free */
  struct reach_target *other;
};

struct shared {
  struct shared_owner owners[SHARED_OWNERS_MOST];
};

void shared_done(struct shared *shared);

/* `nested`: the target numbers its threads otherwise than we do. False: nobody who can be proven. */
bool shared_find(struct shared *shared, const struct reach_target *target, bool nested,
                 uint64_t lock, uint32_t number, uint64_t *ret_target, uint64_t *ret_thread);

#endif
