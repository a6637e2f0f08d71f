/*
 * test_segments.h - memory of a node that no longer lives, or never did: recorded pages, damaged on
 * purpose. For tests and fuzzers of whatever reads through memory.h. Used by tests only.
 *
 *    test_segments_init(&segments);
 *    test_segments_follow(&segments, &live->memory);   reads go to the live node, and are kept
 *    ... run the walker once, with node.memory = &segments.memory ...
 *    test_segments_freeze(&segments);                  from now on there is only what was kept
 *    for each input: test_segments_mutate(...); run the walker; test_segments_restore(&segments);
 *    test_segments_done(&segments);
 *
 * Or made by hand: test_segments_put(address, bytes, length) gives memory in whole pages, as mappings are; what it does
 * not fill of them is zero.
 *
 * Faults: .refuse_each n = each nth read is not there; .cut_each n = each nth read ends halfway; .gone_after n = the
 * process is gone after n reads. 0 = none. .reads and .bytes count what was asked for since the last restore: a walker
 * that keeps to its bounds keeps them small.
 */
#ifndef IMPASSE_PROBE_BEAM_TEST_SEGMENTS_H
#define IMPASSE_PROBE_BEAM_TEST_SEGMENTS_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probe/beam/memory.h"

enum {
  TEST_PAGE = 4096,
  TEST_SEGMENTS_SPOTS_MOST = 1 << 16,  /* reads that are remembered as worth a mutation */
  TEST_SEGMENTS_MUTATION = 16,         /* bytes of input that make one */
  TEST_SEGMENTS_MUTATIONS_MOST = 4096, /* of one input */
};

struct test_page {
  uint64_t address;
  unsigned char *bytes;
};

/* A read of the run that was followed. */
struct test_spot {
  uint64_t address;
  size_t length;
};

struct test_undo {
  unsigned char *place, before;
};

struct test_segments {
  struct beam_memory memory; /* to read through */
  const struct beam_memory *live;
  struct test_page *pages; /* ascending */
  size_t page_count, page_room;
  struct test_spot *spots;
  size_t spot_count;
  struct test_undo *undo;
  size_t undo_count, undo_room;
  uint64_t refuse_each, cut_each, gone_after;
  uint64_t reads, bytes;
};

/* Index of the page at `address`, or of where it would stand. */
static inline size_t test_segments_index(const struct test_segments *segments, uint64_t address)
{
  size_t low = 0, high = segments->page_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (segments->pages[middle].address < address)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static inline struct test_page *test_segments_page(const struct test_segments *segments,
                                                   uint64_t address)
{
  size_t i = test_segments_index(segments, address);
  return i < segments->page_count && segments->pages[i].address == address ? &segments->pages[i]
                                                                           : NULL;
}

static inline struct test_page *test_segments_new_page(struct test_segments *segments,
                                                       uint64_t address)
{
  size_t i = test_segments_index(segments, address);
  if (segments->page_count == segments->page_room) {
    segments->page_room = segments->page_room ? segments->page_room * 2 : 1024;
    segments->pages = reallocarray(segments->pages, segments->page_room, sizeof *segments->pages);
    if (!segments->pages)
      abort();
  }
  memmove(&segments->pages[i + 1], &segments->pages[i],
          (segments->page_count - i) * sizeof *segments->pages);
  segments->page_count++;
  segments->pages[i] = (struct test_page){address, calloc(1, TEST_PAGE)};
  if (!segments->pages[i].bytes)
    abort();
  return &segments->pages[i];
}

/* The page at `address`, out of the live node where it is followed and was not yet kept; NULL. */
static inline struct test_page *test_segments_get(struct test_segments *segments, uint64_t address)
{
  unsigned char bytes[TEST_PAGE];
  struct test_page *page = test_segments_page(segments, address);
  if (page || !segments->live ||
      beam_memory_read(segments->live, address, bytes, sizeof bytes) != 0)
    return page;
  page = test_segments_new_page(segments, address);
  memcpy(page->bytes, bytes, sizeof bytes);
  return page;
}

/* Copies what is there from `address` on, and returns how much that was. */
static inline size_t test_segments_copy(struct test_segments *segments, uint64_t address,
                                        void *ret_bytes, size_t length)
{
  size_t done = 0;
  while (done < length && address + done >= address) {
    uint64_t at = address + done, inside = at % TEST_PAGE;
    size_t room = TEST_PAGE - inside < length - done ? TEST_PAGE - inside : length - done;
    const struct test_page *page = test_segments_get(segments, at - inside);
    if (!page)
      break;
    memcpy((char *)ret_bytes + done, page->bytes + inside, room);
    done += room;
  }
  return done;
}

static inline ssize_t test_segments_read(const struct beam_memory *memory, uint64_t address,
                                         void *ret_bytes, size_t length)
{
  struct test_segments *segments = (struct test_segments *)(uintptr_t)memory->context;
  segments->reads++;
  segments->bytes += length;
  if (segments->gone_after && segments->reads > segments->gone_after)
    return -ESRCH;
  if (segments->refuse_each && segments->reads % segments->refuse_each == 0)
    return -EFAULT;
  if (segments->live && segments->spot_count < TEST_SEGMENTS_SPOTS_MOST)
    segments->spots[segments->spot_count++] = (struct test_spot){address, length};
  size_t got = test_segments_copy(segments, address, ret_bytes, length);
  if (segments->cut_each && segments->reads % segments->cut_each == 0)
    got /= 2;
  return got || !length ? (ssize_t)got : -EFAULT;
}

static inline int test_segments_read_pieces(const struct beam_memory *memory,
                                            struct reach_piece *pieces, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    ssize_t got = test_segments_read(memory, pieces[i].address, pieces[i].bytes, pieces[i].length);
    if (got == -ESRCH)
      return -ESRCH;
    pieces[i].read = got == (ssize_t)pieces[i].length;
  }
  return 0;
}

static inline void test_segments_init(struct test_segments *segments)
{
  *segments =
      (struct test_segments){.memory = {.read = test_segments_read,
                                        .read_pieces = test_segments_read_pieces,
                                        .context = segments,
                                        .pagemap_fd = -1},
                             .spots = calloc(TEST_SEGMENTS_SPOTS_MOST, sizeof(struct test_spot))};
  if (!segments->spots)
    abort();
}

static inline void test_segments_done(struct test_segments *segments)
{
  for (size_t i = 0; i < segments->page_count; i++)
    free(segments->pages[i].bytes);
  free(segments->pages);
  free(segments->spots);
  free(segments->undo);
}

static inline void test_segments_put(struct test_segments *segments, uint64_t address,
                                     const void *bytes, size_t length)
{
  for (size_t done = 0; done < length;) {
    uint64_t at = address + done, inside = at % TEST_PAGE;
    size_t room = TEST_PAGE - inside < length - done ? TEST_PAGE - inside : length - done;
    struct test_page *page = test_segments_page(segments, at - inside);
    if (!page)
      page = test_segments_new_page(segments, at - inside);
    memcpy(page->bytes + inside, (const char *)bytes + done, room);
    done += room;
  }
}

/* `live` must outlive the following. */
static inline void test_segments_follow(struct test_segments *segments,
                                        const struct beam_memory *live)
{
  segments->live = live;
}

static inline void test_segments_freeze(struct test_segments *segments)
{
  segments->live = NULL;
}

/* Overwrites what is recorded there (and only there), so that restore brings it back. */
static inline void test_segments_damage(struct test_segments *segments, uint64_t address,
                                        const void *bytes, size_t length)
{
  for (size_t i = 0; i < length; i++) {
    uint64_t at = address + i;
    struct test_page *page = test_segments_page(segments, at - at % TEST_PAGE);
    if (!page)
      continue;
    if (segments->undo_count == segments->undo_room) {
      segments->undo_room = segments->undo_room ? segments->undo_room * 2 : 1024;
      segments->undo = reallocarray(segments->undo, segments->undo_room, sizeof *segments->undo);
      if (!segments->undo)
        abort();
    }
    unsigned char *place = page->bytes + at % TEST_PAGE;
    segments->undo[segments->undo_count++] = (struct test_undo){place, *place};
    *place = ((const unsigned char *)bytes)[i];
  }
}

/* What a mutation makes of a word: anything, nothing, a neighbour, a bit more, another place that
 * was read, a number that is too large. */
static inline uint64_t test_segments_word(const struct test_segments *segments, uint64_t word,
                                          uint32_t kind, uint32_t value)
{
  uint64_t other = segments->spots[value % segments->spot_count].address;
  switch (kind % 8) {
  case 0:
    return (uint64_t)value << 32 | (value * UINT32_C(2654435761));
  case 1:
    return 0;
  case 2:
    return word + (uint64_t)(int64_t)((int32_t)(value % 33) - 16);
  case 3:
    return word ^ UINT64_C(1) << value % 64;
  case 4:
    return other;
  case 5:
    return other | (value >> 16) % 4;
  case 6:
    return word + UINT64_C(8) * value;
  default:
    return UINT64_MAX >> value % 64;
  }
}

/* Damages what the followed run has read, as the input says: {u32 which read, u32 where in it, u32
 * kind, u32 value} each; a rest that is shorter is ignored. */
static inline void test_segments_mutate(struct test_segments *segments, const uint8_t *input,
                                        size_t size)
{
  size_t count = size / TEST_SEGMENTS_MUTATION;
  for (size_t i = 0; i < count && i < TEST_SEGMENTS_MUTATIONS_MOST && segments->spot_count; i++) {
    const uint8_t *mutation = input + i * TEST_SEGMENTS_MUTATION;
    const struct test_spot *spot = &segments->spots[beam_u32(mutation, 0) % segments->spot_count];
    uint64_t inside = spot->length ? beam_u32(mutation, 4) % spot->length / 8 * 8 : 0;
    uint64_t word = 0;
    (void)test_segments_copy(segments, spot->address + inside, &word, sizeof word); /* else 0 */
    word = test_segments_word(segments, word, beam_u32(mutation, 8), beam_u32(mutation, 12));
    test_segments_damage(segments, spot->address + inside, &word, sizeof word);
  }
}

/* As it was when frozen; the counters begin anew. */
static inline void test_segments_restore(struct test_segments *segments)
{
  while (segments->undo_count) {
    const struct test_undo *undo = &segments->undo[--segments->undo_count];
    *undo->place = undo->before;
  }
  segments->reads = segments->bytes = 0;
}

#endif
