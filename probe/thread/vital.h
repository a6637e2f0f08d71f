/*
 * vital.h - is a target stopped, and does it still execute what it did?
 */
#ifndef IMPASSE_PROBE_THREAD_VITAL_H
#define IMPASSE_PROBE_THREAD_VITAL_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/reach/reach.h"

struct vital {
  bool stopped;   /* by a signal or a debugger */
  uint64_t image; /* made of its addresses: another one after an exec; 0 not told */
  int space_fd;   /* as long as it lives the image is the same; -1: not open */
  unsigned reads; /* since the image was last looked at */
};

void vital_init(struct vital *vital);
void vital_done(struct vital *vital);

/* Reads it again. What cannot be read becomes 0. A first thread that has ended leaves the others running. */
void vital_read(const struct reach_target *target, struct vital *vital);

#endif
