/*
 * exact_site.h - where in the emulator's executable a probe belongs: functions by their exported
 * names, and the one function without a name in which threads wait for a lock.
 *
 * OTP 29 exports no function any more: there it is refused in words.
 */
#ifndef IMPASSE_PROBE_BEAM_EXACT_SITE_H
#define IMPASSE_PROBE_BEAM_EXACT_SITE_H

#include <stdbool.h>

#include "bpf/site.h"
#include "probe/reach/reach.h"
#include "probe/source.h"

struct beam_exact_site {
  struct site site;
  unsigned hit_ns; /* what a hit costs the target, about: site.h */
};

/* The function `name`. On failure -errno with the reason and what to do: -ENOTSUP it is not exported;
 * -EACCES, -EPERM, -ESRCH. */
int beam_exact_site_function(const struct reach_target *target, const char *name,
                             struct beam_exact_site *ret_site, char reason[SOURCE_REASON_BYTES]);

/* Where threads wait for a read-write lock: f(lock, event of the thread, ...). */
int beam_exact_site_lock_wait(const struct reach_target *target, struct beam_exact_site *ret_site,
                              char reason[SOURCE_REASON_BYTES]);

void beam_exact_site_done(struct beam_exact_site *site);

#endif
