/*
 * image_memory.h - an image put together from the memory of the target, where its file is gone (deleted, replaced
 * by an upgrade) or may not be opened. The rules for unwinding and the exported names are in memory; those of
 * static functions and variables are not. Inside this folder only.
 */
#ifndef IMPASSE_PROBE_THREAD_STACK_IMAGE_MEMORY_H
#define IMPASSE_PROBE_THREAD_STACK_IMAGE_MEMORY_H

#include "probe/thread/stack/image.h"

/* As image_open. */
int image_memory_read(const struct reach_target *target, const struct mapping *mapping,
                      const struct mapping_image *mapped, struct image **ret_image);

#endif
