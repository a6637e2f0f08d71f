/*
 * reader_region.h - the regions of one target: found, checked, mapped or copied.
 * Not here: what stands in their slots (reader_slot.h).
 */
#ifndef IMPASSE_PROBE_HOOK_READER_REGION_H
#define IMPASSE_PROBE_HOOK_READER_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/hook/region.h"

struct reach_target;
struct reach_memfd;

/* What is read of one process, so that no program can make its reader map without end. */
#define READER_BYTES_MOST (UINT64_C(1) << 30)
#define READER_REGIONS_MOST (READER_BYTES_MOST / IMPASSE_FILE_BYTES)

enum { READER_REASON_BYTES = 256 };

/* A slot is read as "first this, then that, then this again". In a mapped region both images
 * are the one live mapping. Where the target closed its descriptor the region is copied
 * before each sweep, and what must be read again later is copied once more, at the end, into
 * a second image. */
struct reader_region {
  const unsigned char *first; /* IMPASSE_FILE_BYTES */
  const unsigned char *again;
  bool copied;
  uint64_t address, inode;      /* of the target's mapping */
  struct impasse_header header; /* private; its constant part is checked and never read again */
  /* As of the last begin: enum impasse_region_state; slots of each shard that may be read,
   * bounded. */
  uint32_t state;
  uint32_t fresh[IMPASSE_SHARDS];
};

/* The chain of a target, regions[0 .. count) with chain numbers 0 .. count - 1. */
struct reader_regions {
  struct reader_region *chain[READER_REGIONS_MOST];
  size_t count;
  bool partial; /* slots that are not there may exist all the same (told.h) */
};

/* Looks for regions that are not in `regions` yet and adds them. Returns 0 when there is at least
 * chain 0 then, with the words about another one that was refused, or none; -ENOENT: there is none,
 * or only what a forked process inherited; -EPROTO: there are some, and the words say what is wrong
 * with the first; -EACCES, -EPERM, -ESRCH, -ENOMEM as reach.h and mmap give them. */
int reader_regions_find(const struct reach_target *target, struct reader_regions *regions,
                        char reason[READER_REASON_BYTES]);
void reader_regions_done(struct reader_regions *regions);

/* Is there anything in the maps of the target that reader_regions_find would take or complain of?
 * As cheap as one read of maps where there is not. 1, 0 or -errno. */
int reader_regions_probe(const struct reach_target *target);

/* Before a sweep: how much of each region may be read; copies what is not mapped. A region whose
 * state is not LIVE or CLOSED, or that cannot be copied, shows no slots. */
void reader_regions_begin(const struct reach_target *target, struct reader_regions *regions);

/* Copies the lines of one slot once more, for a retry; nothing where the region is mapped. */
void reader_region_refresh(const struct reach_target *target, struct reader_region *region,
                           uint32_t index);

/* Makes `length` bytes at `offset` of the first image current; nothing where the
 * region is mapped. */
void reader_region_fetch(const struct reach_target *target, struct reader_region *region,
                         uint64_t offset, size_t length);

/* Do clocks of the target tell what ours tell? Not where it is in a time namespace of its own. */
bool reader_regions_same_clock(const struct reach_target *target);

/* Does the target still map it? A look at its memory, and only when that is not conclusive
 * at its maps. */
bool reader_region_held(const struct reach_target *target, const struct reader_region *region);

/* The region and the index in it of slot `number`, or false where there is no such slot
 * to be read. */
bool reader_regions_locate(const struct reader_regions *regions, uint32_t number,
                           struct reader_region **ret_region, uint32_t *ret_index);

/* Line `array` of slot `index` in an image; index < IMPASSE_SLOTS. */
static inline const void *reader_line(const unsigned char *image, enum impasse_array array,
                                      uint32_t index)
{
  return image + IMPASSE_LINE_OFFSET((uint64_t)array) + (uint64_t)index * IMPASSE_LINE_BYTES;
}

/* For the fuzzer and for tests: a region that is not of any process. The image stays the caller's;
 * it is IMPASSE_FILE_BYTES long. -EPROTO where its header is refused. */
int reader_region_of_bytes(const unsigned char *image, struct reader_region **ret_region);
void reader_region_free(struct reader_region *region);

#endif
