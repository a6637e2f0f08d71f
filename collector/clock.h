/*
 * clock.h - the clocks of the machine, read in one place; everything below takes its time from
 * outside.
 */
#ifndef IMPASSE_COLLECTOR_CLOCK_H
#define IMPASSE_COLLECTOR_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "model/snapshot.h"

#define CLOCK_NS_PER_MS UINT64_C(1000000)
#define CLOCK_NS_PER_S UINT64_C(1000000000)

static inline uint64_t clock_read_ns(clockid_t id)
{
  struct timespec now;

  (void)clock_gettime(id, &now); /* cannot fail for the clocks that are asked for here */
  return (uint64_t)now.tv_sec * CLOCK_NS_PER_S + (uint64_t)now.tv_nsec;
}

static inline uint64_t clock_mono_ns(void)
{
  return clock_read_ns(CLOCK_MONOTONIC);
}

static inline int64_t clock_wall_ms(void)
{
  return (int64_t)(clock_read_ns(CLOCK_REALTIME) / CLOCK_NS_PER_MS);
}

/* Processor time of the calling thread. */
static inline uint64_t clock_thread_ns(void)
{
  return clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* Processor time of all threads of this process: /proc counts it in hundredths of a second only. */
static inline uint64_t clock_process_ns(void)
{
  return clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static inline struct tick_clock clock_now(void)
{
  return (struct tick_clock){.mono_ns = clock_mono_ns(), .wall_ms = clock_wall_ms()};
}

static inline struct timespec clock_timespec(uint64_t ns)
{
  return (struct timespec){.tv_sec = (time_t)(ns / CLOCK_NS_PER_S),
                           .tv_nsec = (long)(ns % CLOCK_NS_PER_S)};
}

#endif
