/*
 * clock.h - probe/clock.h, and what the program itself needs beyond it: the wall clock, the
 * clock of a tick.
 */
#ifndef IMPASSE_COLLECTOR_CLOCK_H
#define IMPASSE_COLLECTOR_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "model/snapshot.h"
#include "probe/clock.h"

static inline int64_t clock_wall_ms(void)
{
  return (int64_t)(clock_read_ns(CLOCK_REALTIME) / CLOCK_NS_PER_MS);
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
