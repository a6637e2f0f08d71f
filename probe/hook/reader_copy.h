/*
 * reader_copy.h - copies a region out of the memory of a target that closed its descriptor. Inside
 * the reader only.
 */
#ifndef IMPASSE_PROBE_HOOK_READER_COPY_H
#define IMPASSE_PROBE_HOOK_READER_COPY_H

#include "probe/hook/reader_region.h"

/* The image that may be written: that of a copied region. */
static inline unsigned char *reader_copy_first(const struct reader_region *region)
{
  return (unsigned char *)(uintptr_t)region->first;
}

static inline unsigned char *reader_copy_again(const struct reader_region *region)
{
  return (unsigned char *)(uintptr_t)region->again;
}

/* Reserves the two images. -ENOMEM. */
int reader_copy_reserve(struct reader_region *region);

/* Copies the header and the shards. Returns whether they arrived. */
bool reader_copy_head(const struct reach_target *target, const struct reader_region *region);

/* Copies the used lines of all slots below fresh[], in the order in which slots are read. Returns
 * whether they all arrived. */
bool reader_copy_slots(const struct reach_target *target, const struct reader_region *region);

/* Copies the used lines of one slot, likewise. */
void reader_copy_slot(const struct reach_target *target, const struct reader_region *region,
                      uint32_t index);

#endif
