/*
 * clock.h - the clocks of the machine, for all who read targets and for the program above them;
 * the model below takes its time from outside.
 */
#ifndef IMPASSE_PROBE_CLOCK_H
#define IMPASSE_PROBE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_NS_PER_MS UINT64_C(1000000)
#define CLOCK_NS_PER_S UINT64_C(1000000000)

static inline uint64_t clock_read_ns(clockid_t id)
{
  struct timespec now = {0};

  (void)clock_gettime(id, &now); /* cannot fail for the clocks that are asked for here */
  return (uint64_t)now.tv_sec * CLOCK_NS_PER_S + (uint64_t)now.tv_nsec;
}

static inline uint64_t clock_mono_ns(void)
{
  return clock_read_ns(CLOCK_MONOTONIC);
}

/* Processor time of the calling thread. */
static inline uint64_t clock_thread_ns(void)
{
  return clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
}

#endif
