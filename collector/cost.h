/*
 * cost.h - the processor time that impasse takes: its own, and what the broker spends on its behalf.
 */
#ifndef IMPASSE_COLLECTOR_COST_H
#define IMPASSE_COLLECTOR_COST_H

#include <stdint.h>
#include <time.h>

#include "probe/clock.h"
#include "probe/reach/broker.h"

/* Of the calling thread. */
static inline uint64_t cost_thread_ns(void)
{
  return clock_thread_ns() + broker_thread_ns();
}

/* Of all threads of both processes: /proc counts it in hundredths of a second only. */
static inline uint64_t cost_process_ns(void)
{
  uint64_t broker_ns = 0;
  clockid_t clock;

  if (broker_runs() && clock_getcpuclockid(broker_pid(), &clock) == 0)
    broker_ns = clock_read_ns(clock);
  return clock_read_ns(CLOCK_PROCESS_CPUTIME_ID) + broker_ns;
}

#endif
