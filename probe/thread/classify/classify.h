/*
 * classify.h - what a blocked thread waits for, told from its system call and the bytes around the
 * futex word. Pure: no reading, no allocation; recorded bytes in, verdict out.
 *
 * A holder is told only where the words prove one. A wait that could be anything else (condition
 * variables, semaphores, barriers, futures, the parking of Rust, Go, Java, CPython) is CLASSIFY_IDLE:
 * nobody in particular holds it up. Rather no edge than a false one.
 */
#ifndef IMPASSE_PROBE_THREAD_CLASSIFY_CLASSIFY_H
#define IMPASSE_PROBE_THREAD_CLASSIFY_CLASSIFY_H

#include "probe/thread/thread.h"

enum classify_kind {
  CLASSIFY_NONE,    /* runs, or it or its lock could not be read: nothing is to be told */
  CLASSIFY_IDLE,    /* waits for nobody in particular, in the kernel or in a futex */
  CLASSIFY_MUTEX,   /* of glibc, any kind but the two below; musl's normal ones have no owner */
  CLASSIFY_ROBUST,  /* robust mutex of glibc, mutexes of musl that note their owner */
  CLASSIFY_INHERIT, /* priority inheritance: the kernel boosts and hands over */
  CLASSIFY_RWLOCK_WRITER,  /* held for writing */
  CLASSIFY_RWLOCK_READERS, /* held by readers: who they are is written nowhere */
  CLASSIFY_JOIN,           /* waits for the end of a thread */
};

struct classify_verdict {
  enum classify_kind kind;
  uint64_t lock;  /* address of the lock object; JOIN and IDLE: of the word; 0 not a futex */
  uint32_t owner; /* tid as the target numbers it; 0: between owners, or there is none */
  /* MUTEX and RWLOCK_WRITER: not 0, the owner that is noted is no thread of the target. It ended, or was
   * left behind by a fork; nobody will unlock it. Believe it when it is so a second time, as a thread
   * may be younger than the list of tids. */
  uint32_t late_owner;
  uint32_t readers; /* RWLOCK_READERS */
  bool for_reading; /* waits to read a rwlock */
  bool timed;       /* the call has a timeout */
  /* The lock may be shared with other processes (robust ones of glibc always say so): the owner is of
   * another process where it is no thread of the target; here it was not asked whether it lives. */
  bool process_shared;
  /* Nobody but the owner can end it, and no timeout: a circle of such waits is proven. Never INHERIT:
   * there the kernel itself refuses circles. */
  bool proves;
  /* IDLE, and the words fit a mutex between two owners, but as well any 2 with nothing behind it: take it
   * for a mutex only where `lock` had an owner before. */
  bool between;
  const char *function; /* the system call, where nothing better is known; NULL unknown */
};

/* Is the tid a living thread of the target, as the target numbers it? */
typedef bool classify_lives_fn(const void *context, uint32_t tid);

void classify(const struct thread_state *thread, classify_lives_fn *lives, const void *context,
              struct classify_verdict *ret_verdict);

/* Name of a system call of this processor; NULL unknown. */
const char *classify_call_name(int64_t number);

#endif
