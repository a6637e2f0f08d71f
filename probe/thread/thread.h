/*
 * thread.h - one thread of a target as it was read at an instant, whichever way it was read: the one
 * record from which rows, waits, names and stacks are made.
 *
 *    route_proc.c  /proc/PID/task/T/{syscall,schedstat} and the memory of the target   \
 *                                                                                        struct thread_state
 *    route_bpf.c   the kernel's task iterator (bpf/tasks.h)                             /
 *
 * Not here: what the words around a lock mean (classify/), how it is called (stack/).
 */
#ifndef IMPASSE_PROBE_THREAD_THREAD_H
#define IMPASSE_PROBE_THREAD_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/sweep.h"

/* Of the target's memory around a futex word: so many bytes, the word being at the offset
 * THREAD_WORD of them. */
enum { THREAD_LOCK_BYTES = 80, THREAD_WORD = 16, THREAD_COMM_BYTES = 16, THREAD_ARGUMENTS = 6 };

enum thread_activity {
  THREAD_UNKNOWN, /* it could not be read */
  THREAD_RUNS,    /* on a processor, or ready for one */
  THREAD_CALLS,   /* asleep in a system call: `call` and `arguments` say which */
  THREAD_SLEEPS,  /* asleep outside of one: a page fault, a signal stop */
};

struct thread_state {
  pid_t tid;            /* in our pid namespace */
  pid_t tid_inside;     /* as the target numbers it: what its lock words hold */
  uint64_t start_ticks; /* clock ticks since boot: with the tid its identity */
  char comm[THREAD_COMM_BYTES];
  enum thread_activity activity;
  int64_t call; /* THREAD_CALLS: number of the system call */
  uint64_t arguments[THREAD_ARGUMENTS];
  uint64_t sp, pc;    /* 0 unknown */
  uint64_t frame;     /* the frame pointer register, 0 unknown: only the iterator tells it */
  uint64_t run_count; /* changes when it has run */
  uint64_t since_ns;  /* CLOCK_MONOTONIC; asleep since, 0 unknown */
  /* In a futex call whose word could be read: the bytes around it, as they were after the thread was
   * seen asleep. What is not mapped is 0. */
  bool lock_read;
  uint8_t lock[THREAD_LOCK_BYTES];
};

/* 56 bits that mean a thread for ever: the low 34 of its start and its tid. */
static inline uint64_t thread_key(const struct thread_state *thread)
{
  return ACTOR_KEY(SOURCE_TAG_THREAD, thread->start_ticks << 22 | (uint64_t)thread->tid);
}

#endif
