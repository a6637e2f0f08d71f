/*
 * test_region.h - regions made by hand, right ones and lies, for tests, the fuzzer and benchmarks.
 */
#ifndef IMPASSE_PROBE_HOOK_TEST_REGION_H
#define IMPASSE_PROBE_HOOK_TEST_REGION_H

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probe/hook/region.h"

/* The header that a region of `pid` would have. */
static inline void test_region_header(struct impasse_header *header, uint32_t pid, uint32_t chain)
{
  header->magic = IMPASSE_MAGIC;
  header->layout = IMPASSE_LAYOUT;
  header->header_bytes = IMPASSE_HEADER_BYTES;
  header->file_bytes = IMPASSE_FILE_BYTES;
  header->pid = pid;
  header->chain = chain;
  header->first_slot = chain * IMPASSE_SLOTS;
  header->slot_limit = IMPASSE_SLOTS;
  header->array_count = IMPASSE_ARRAY_COUNT;
  header->version = 1 << 8;
  header->region_count = chain + 1;
  for (unsigned i = 0; i < IMPASSE_ARRAY_COUNT; i++) {
    uint64_t offset;
    uint32_t count, item_bytes;
    impasse_array_shape(i, &offset, &count, &item_bytes);
    header->arrays[i].offset = offset;
    header->arrays[i].count = count;
    header->arrays[i].item_bytes = item_bytes;
  }
  header->state = IMPASSE_REGION_LIVE;
}

static inline struct impasse_hot *test_region_hot(void *image, uint32_t index)
{
  return (struct impasse_hot *)((char *)image + IMPASSE_HOT_OFFSET) + index;
}

static inline struct impasse_shard *test_region_shard(void *image, uint32_t shard)
{
  return (struct impasse_shard *)((char *)image + IMPASSE_SHARDS_OFFSET) + shard;
}

/* Opens slot `index`, which must be the next of its shard. */
static inline struct impasse_hot *test_region_open(void *image, uint32_t index, uint8_t kind)
{
  const struct impasse_header *header = (const struct impasse_header *)image;
  struct impasse_hot *hot = test_region_hot(image, index);
  hot->kind = kind;
  hot->number = header->first_slot + index;
  hot->memory_bytes = INT64_MIN;
  hot->generation = 1;
  test_region_shard(image, index / IMPASSE_SHARD_SLOTS)->fresh_count =
      index % IMPASSE_SHARD_SLOTS + 1;
  return hot;
}

/* Makes the wait in line 0 of an open slot, for one holder. */
static inline struct impasse_wait_line *test_region_wait(struct impasse_hot *hot, uint64_t holder)
{
  struct impasse_wait_line *line =
      (struct impasse_wait_line *)impasse_line(hot, IMPASSE_ARRAY_WAIT0);
  line->call = IMPASSE_CALL_NUMBER(1, 0);
  line->rank = 1;
  line->holder_count = 1;
  line->holders[0] = IMPASSE_CALL_TAG(line->call) | holder;
  hot->wait_mask = 1;
  return line;
}

#define TEST_REGION_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* A region file as the library makes it, or nearly: mapped, and NULL where the kernel refuses. */
static inline void *test_region_publish(size_t bytes, unsigned flags, int seals)
{
  int fd = memfd_create(IMPASSE_REGION_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
  if (fd < 0 || ftruncate(fd, (off_t)bytes) != 0 || (seals && fcntl(fd, F_ADD_SEALS, seals) != 0))
    return NULL;
  void *image = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  return image == MAP_FAILED ? NULL : image;
}

#endif
