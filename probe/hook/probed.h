/*
 * probed.h - a hooked program whose memory may not be read (another user's, not dumpable), watched all the same
 * by who has CAP_BPF and CAP_PERFMON: found by the files that it maps, and, where probes are wanted
 * (--exact), told of by its USDT sites.
 *
 *    bpf/mapped.h   which files, and that it has a region
 *    usdt.h         the sites in them
 *    bpf/hook.h     probes there, which copy what changes
 *    told.h         regions made of the copies, read by the reader like others
 *
 * What is told is right as far as it goes: a slot is known from its first change after the probes were
 * attached on, as it then is; what nobody touched since is not known. Holders that were not seen make
 * a wait open; no wait is exclusive, since the list may lack somebody: a deadlock is never proven.
 *
 * Threads: one at a time, except probed_find.
 */
#ifndef IMPASSE_PROBE_HOOK_PROBED_H
#define IMPASSE_PROBE_HOOK_PROBED_H

#include "model/sweep.h"
#include "probe/hook/reader_region.h"

enum { PROBED_HITS_PER_S = 20000 }; /* above that the probes are taken away */

struct probed;

/* Does the process map a region, as far as the kernel tells us? 1, 0 or -errno: we may not ask. Cheap. */
int probed_find(const struct reach_target *target);

/* Finds the sites; attaches nothing. -ENOTSUP, -EACCES, -ENOENT with words. */
int probed_open(const struct reach_target *target, struct probed **ret_probed,
                char reason[READER_REASON_BYTES]);
void probed_close(struct probed *probed, struct reader_regions *regions); /* NULL is fine */

/* Puts the probes in. The words say what they cost, or why they cannot be had. `regions` are filled from
 * then on. */
int probed_attach(struct probed *probed, struct reader_regions *regions,
                  char reason[READER_REASON_BYTES]);
void probed_detach(struct probed *probed, struct reader_regions *regions);

enum probed_state {
  PROBED_OFF,  /* no probes were asked for */
  PROBED_ON,   /* what is told is current */
  PROBED_OVER, /* they cost too much, and were taken away */
};
enum probed_state probed_state(const struct probed *probed);

/* Makes `regions` current. */
int probed_fill(struct probed *probed, struct reader_regions *regions,
                char reason[READER_REASON_BYTES]);

/* Takes out of a sweep of them what was not seen, and adds the gaps. */
void probed_temper(struct probed *probed, struct sweep *sweep);

#endif
