/*
 * memory.h - the memory of a node, as everything in this folder reads it: a pair of functions, so
 * that the same walkers run on a live process (memory.c, over reach) and on recorded or hostile
 * segments (test_segments.h, for tests and fuzzers).
 *
 * Rules for everybody who reads through it: each address and length is foreign until it is bounded;
 * each loop over foreign links has a limit; a read that fails is an unknown value, not a zero.
 *
 * Not here: what the bytes mean.
 */
#ifndef IMPASSE_PROBE_BEAM_MEMORY_H
#define IMPASSE_PROBE_BEAM_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "probe/reach/reach.h"

struct beam_memory {
  /* As reach_read: bytes read, which may be fewer at the end of a mapping, or -errno. */
  ssize_t (*read)(const struct beam_memory *memory, uint64_t address, void *ret_bytes,
                  size_t length);
  /* As reach_read_pieces. */
  int (*read_pieces)(const struct beam_memory *memory, struct reach_piece *pieces, size_t count);
  const void *context;
  /* Of the target, for what was swapped out: -1, or a descriptor of /proc/PID/pagemap while some of
   * it is. Pages that are swapped out count as unreadable: reading would swap them in. */
  int pagemap_fd;
  /* The text of /proc/PID/maps, malloc'ed. 0 or -errno. NULL: there is none (recorded segments). */
  int (*maps)(const struct beam_memory *memory, char **ret_text);
};

/* Memory of a live process; the target must outlive it. */
void beam_memory_init(struct beam_memory *memory, const struct reach_target *target);
void beam_memory_done(struct beam_memory *memory);

/* To be called before each sweep, round or question: looks whether something is swapped out. Never
 * fails: where the kernel does not tell, nothing is. */
void beam_memory_begin(struct beam_memory *memory);

/* How many of the first of these entries of a pagemap (one a page) are not swapped out. Pure. */
size_t beam_memory_resident(const uint64_t *entries, size_t count);

/* All of it or nothing: 0, -EFAULT where some of it is not there (or is swapped out), -EPERM,
 * -ESRCH. */
int beam_memory_read(const struct beam_memory *memory, uint64_t address, void *ret_bytes,
                     size_t length);

/* One 8-byte word, little-endian as everything here. */
int beam_memory_word(const struct beam_memory *memory, uint64_t address, uint64_t *ret_word);

/* Many small reads in one call; see struct reach_piece. 0, -EPERM, -ESRCH. */
int beam_memory_pieces(const struct beam_memory *memory, struct reach_piece *pieces, size_t count);

/* Fields out of bytes that were read; no alignment needed. */
static inline uint64_t beam_u64(const void *bytes, int32_t offset)
{
  uint64_t value;
  __builtin_memcpy(&value, (const char *)bytes + offset, sizeof value);
  return value;
}

static inline uint32_t beam_u32(const void *bytes, int32_t offset)
{
  uint32_t value;
  __builtin_memcpy(&value, (const char *)bytes + offset, sizeof value);
  return value;
}

static inline uint16_t beam_u16(const void *bytes, int32_t offset)
{
  uint16_t value;
  __builtin_memcpy(&value, (const char *)bytes + offset, sizeof value);
  return value;
}

#endif
