/*
 * vital.h - is a target stopped, and does it still execute what it did? From its stat.
 */
#ifndef IMPASSE_PROBE_THREAD_VITAL_H
#define IMPASSE_PROBE_THREAD_VITAL_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/reach/reach.h"

struct vital {
  bool stopped;   /* by a signal or a debugger */
  uint64_t image; /* made of its addresses: another one after an exec; 0 not told */
};

/* What cannot be read stays 0. A first thread that has ended leaves the others running. */
struct vital vital_read(const struct reach_target *target);

#endif
