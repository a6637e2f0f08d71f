/*
 * told.h - regions as far as probes have told of them (bpf/hook.h): images with the lines of those slots that
 * were seen to change, in the places where the target has them, so that the reader reads them like any
 * region. What was not seen is empty there, and is unknown, not gone: regions are `partial`.
 * Not here: attaching (probed.h).
 */
#ifndef IMPASSE_PROBE_HOOK_TOLD_H
#define IMPASSE_PROBE_HOOK_TOLD_H

#include "probe/hook/reader_region.h"

struct hook;
struct told;

/* With an empty region 0 in `regions`, which told owns: never reader_regions_done() on them. */
int told_new(struct reader_regions *regions, struct told **ret_told); /* -ENOMEM */
void told_free(struct told *told, struct reader_regions *regions);    /* NULL is fine */

/* Makes the images current. -EPROTO: a region's header is not that of this version, and the words
 * say what is wrong with it; -errno. */
int told_fill(struct told *told, const struct hook *hook, struct reader_regions *regions,
              char reason[READER_REASON_BYTES]);

#endif
