/*
 * reader_copy.c - the way around a closed descriptor: a daemon that closes all files keeps its
 * mapping, and its memory can be read where it may be ptraced.
 *
 * Only lines that were ever used are asked for. Reading a hole of a shared file makes the kernel
 * allocate it, and that would be in the target's account.
 */
#include "probe/hook/reader_copy.h"

#include <errno.h>
#include <sys/mman.h>

#include "probe/reach/reach.h"

enum { GROUP_SLOTS = 64, ARRAYS = IMPASSE_ARRAY_CELLS };

/* Copies `length` bytes at `offset` into an image. */
static bool copy(const struct reach_target *target, const struct reader_region *region,
                 unsigned char *image, uint64_t offset, size_t length)
{
  return length == 0 ||
         reach_read(target, region->address + offset, image + offset, length) == (ssize_t)length;
}

int reader_copy_reserve(struct reader_region *region)
{
  void *images = mmap(NULL, 2 * (size_t)IMPASSE_FILE_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (images == MAP_FAILED)
    return -ENOMEM;
  region->first = images;
  region->again = region->first + IMPASSE_FILE_BYTES;
  region->copied = true;
  return 0;
}

bool reader_copy_head(const struct reach_target *target, const struct reader_region *region)
{
  return copy(target, region, reader_copy_first(region), 0, IMPASSE_CLASSES_OFFSET);
}

/* Does the slot use this line, as far as the copied hot and cold lines say? */
static bool uses(const struct reader_region *region, uint32_t index, enum impasse_array array)
{
  const struct impasse_hot *hot = reader_line(region->first, IMPASSE_ARRAY_HOT, index);
  const struct impasse_cold *cold = reader_line(region->first, IMPASSE_ARRAY_COLD, index);
  if (!(hot->generation & 1))
    return false;
  if (array == IMPASSE_ARRAY_TEXT)
    return cold->name_kind == IMPASSE_NAME_TEXT;
  if (hot->kind == IMPASSE_KIND_SERVICE || hot->kind == IMPASSE_KIND_LIST)
    return true;
  if (array == IMPASSE_ARRAY_HELD)
    return hot->held_mask;
  if (hot->kind == IMPASSE_KIND_TABLE)
    return array == IMPASSE_ARRAY_WAIT0;
  return hot->wait_mask >> (array - IMPASSE_ARRAY_WAIT0) & 1;
}

static bool copy_lines(const struct reach_target *target, const struct reader_region *region,
                       unsigned char *image, enum impasse_array array, uint32_t index,
                       uint32_t count)
{
  uint64_t offset = IMPASSE_LINE_OFFSET((uint64_t)array) + (uint64_t)index * IMPASSE_LINE_BYTES;
  return copy(target, region, image, offset, (size_t)count * IMPASSE_LINE_BYTES);
}

/* The lines of an array that only some slots use: a page's worth at a time, where one
 * of them does. */
static bool copy_used(const struct reach_target *target, const struct reader_region *region,
                      enum impasse_array array, uint32_t index, uint32_t count)
{
  bool arrived = true;
  for (uint32_t group = 0; group < count && arrived; group += GROUP_SLOTS) {
    uint32_t most = count - group < GROUP_SLOTS ? count - group : GROUP_SLOTS, i = 0;
    while (i < most && !uses(region, index + group + i, array))
      i++;
    if (i < most)
      arrived = copy_lines(target, region, reader_copy_first(region), array, index + group, most);
  }
  return arrived;
}

/* `count` slots from `index` on, all of one shard. The order is that of reader_slot_read: taken and
 * dropped_oldest before put, sequences before what they guard, generations last. */
static bool copy_range(const struct reach_target *target, const struct reader_region *region,
                       uint32_t index, uint32_t count)
{
  unsigned char *first = reader_copy_first(region), *again = reader_copy_again(region);
  bool arrived = copy_lines(target, region, first, IMPASSE_ARRAY_HOT, index, count) &&
                 copy_lines(target, region, first, IMPASSE_ARRAY_COLD, index, count) &&
                 copy_lines(target, region, first, IMPASSE_ARRAY_BOX, index, count);
  for (unsigned array = IMPASSE_ARRAY_WAIT0; array < ARRAYS && arrived; array++)
    arrived = copy_used(target, region, (enum impasse_array)array, index, count);
  return arrived && copy_lines(target, region, again, IMPASSE_ARRAY_BOX, index, count) &&
         copy_lines(target, region, again, IMPASSE_ARRAY_HOT, index, count);
}

bool reader_copy_slots(const struct reach_target *target, const struct reader_region *region)
{
  bool arrived = true;
  for (uint32_t shard = 0; shard < IMPASSE_SHARDS && arrived; shard++)
    arrived = copy_range(target, region, shard * IMPASSE_SHARD_SLOTS, region->fresh[shard]);
  return arrived;
}

void reader_copy_slot(const struct reach_target *target, const struct reader_region *region,
                      uint32_t index)
{
  (void)copy_range(target, region, index, 1); /* what did not arrive is as old as before */
}
