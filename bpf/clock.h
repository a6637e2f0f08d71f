/*
 * clock.h - the clock of whoever uses programs: CLOCK_MONOTONIC, as bpf_ktime_get_ns has it. Inside this
 * folder only.
 */
#ifndef IMPASSE_BPF_CLOCK_H
#define IMPASSE_BPF_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(void)
{
  struct timespec now;

  (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
