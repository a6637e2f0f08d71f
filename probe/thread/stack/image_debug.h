/*
 * image_debug.h - names of what is static in a stripped image, from the debug file that somebody installed for it
 * (Debian's -dbgsym packages): by its build id, beneath the target's own root. Nothing is fetched. Inside this folder
 * only.
 */
#ifndef IMPASSE_PROBE_THREAD_STACK_IMAGE_DEBUG_H
#define IMPASSE_PROBE_THREAD_STACK_IMAGE_DEBUG_H

#include "probe/thread/stack/image.h"

/* Puts the whole table of symbols in the place of the exported ones, where such a file is there. 0 also where not;
 * -ENOMEM. */
int image_debug_read(const struct reach_target *target, struct image *image);

#endif
