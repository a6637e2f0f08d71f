/*
 * proof_search.c - see proof_search.h. A reference is searched for in the two forms that it has in a node:
 *
 *    on a heap   ..., ffffffff n0, n1 n2      words, little-endian
 *    encoded     n0 n1 n2, big-endian, anywhere in bytes (term_to_binary, compressed tables, messages to other nodes)
 */
#include "probe/beam/wait/proof_search.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probe/beam/term.h"
#include "probe/beam/wait/proof_third.h"

enum {
  REGIONS_MOST = 65536,
  CHUNK = 1 << 20,
  PAGE = 4096,
  OVERLAP = PAGE, /* a form may lie across the end of a chunk */
  FRAGMENTS_MOST = 256,
  MONITOR_BYTES = 256, /* a monitor's allocation, generously */
  ENCODED_BYTES = 12,
  PLACES_MOST =
      64, /* whose owners are asked for after a step; further ones have none that is known */
};

struct region {
  uint64_t begin, end;
};

struct beam_proof_search {
  const struct beam_node *node;
  struct region *regions;
  size_t region_count;
  size_t region;   /* where it is */
  uint64_t offset; /* bytes of that region done, from the end that this direction begins at */
  bool downwards;
  uint64_t most;                               /* bytes of all regions */
  struct beam_proof_place places[PLACES_MOST]; /* of the step under way */
  size_t wanted_of[PLACES_MOST], place_count;
  unsigned char *chunk;
};

struct beam_proof_search *beam_proof_search_new(const struct beam_node *node)
{
  struct beam_proof_search *search = calloc(1, sizeof *search);
  if (!search)
    return NULL;
  search->node = node;
  search->chunk = malloc(CHUNK);
  if (!search->chunk) {
    free(search);
    return NULL;
  }
  return search;
}

void beam_proof_search_free(struct beam_proof_search *search)
{
  if (!search)
    return;
  free(search->regions);
  free(search->chunk);
  free(search);
}

/* ---- which memory ---- */

/* "7f00-7f10 rw-p ...": a writable mapping of a line of /proc/PID/maps, but not of a device. */
static bool region_of_line(const char *line, struct region *ret_region)
{
  char *end;
  uint64_t begin = strtoull(line, &end, 16);
  if (*end != '-')
    return false;
  uint64_t finish = strtoull(end + 1, &end, 16);
  if (end[0] != ' ' || end[1] != 'r' || end[2] != 'w' || finish <= begin || begin % 8 != 0)
    return false;
  const char *newline = strchr(end, '\n'), *device = strstr(end, "/dev/");
  if (device && (!newline || device < newline))
    return false;
  *ret_region = (struct region){begin, finish};
  return true;
}

static int take_regions(struct beam_proof_search *search, const char *maps, uint64_t most)
{
  uint64_t total = 0;
  struct region region;
  search->region_count = 0;
  for (const char *line = maps; line && *line;) {
    if (region_of_line(line, &region)) {
      total += region.end - region.begin;
      if (search->region_count == REGIONS_MOST || total > most)
        return -EFBIG;
      search->regions[search->region_count++] = region;
    }
    line = strchr(line, '\n');
    line = line ? line + 1 : NULL;
  }
  return search->region_count > 0 ? 0 : -ENOTSUP;
}

/* The mappings as they are now. */
static int list_regions(struct beam_proof_search *search)
{
  const struct beam_memory *memory = search->node->memory;
  char *maps = NULL;
  int error = memory->maps(memory, &maps);
  if (error)
    return error;
  error = take_regions(search, maps, search->most);
  free(maps);
  return error;
}

int beam_proof_search_begin(struct beam_proof_search *search, uint64_t most)
{
  if (!search->node->memory->maps)
    return -ENOTSUP;
  if (!search->regions)
    search->regions = calloc(REGIONS_MOST, sizeof *search->regions);
  if (!search->regions)
    return -ENOMEM;
  search->most = most;
  search->region = 0;
  search->offset = 0;
  search->downwards = false;
  return list_regions(search);
}

/* From the top again, through the mappings that there are by now. */
static int turn_downwards(struct beam_proof_search *search)
{
  int error = list_regions(search);
  search->downwards = true;
  search->region = 0;
  for (size_t i = 0; i < search->region_count / 2; i++) {
    struct region *low = &search->regions[i];
    struct region *high = &search->regions[search->region_count - 1 - i];
    struct region kept = *low;
    *low = *high;
    *high = kept;
  }
  return error;
}

/* ---- whose memory ---- */

static bool within(uint64_t address, uint64_t begin, uint64_t end)
{
  return address >= begin && address < end;
}

static uint64_t word_of(const struct beam_node *node, const struct beam_proc *proc, int32_t field)
{
  uint64_t word = 0;
  if (field < 0 || beam_memory_word(node->memory, proc->address + (uint64_t)field, &word) != 0)
    return 0;
  return word;
}

/* Its heap and stack, the old generation, the fragments of messages that it has taken. */
static bool owns(const struct beam_node *node, const struct beam_proc *proc, uint64_t address)
{
  const struct beam_layout *layout = &node->layout;
  if (within(address, proc->heap, proc->heap_end))
    return true;
  uint64_t old = word_of(node, proc, layout->p_oldheap);
  if (old != 0 && within(address, old, word_of(node, proc, layout->p_oldhend)))
    return true;
  uint64_t fragment = layout->hf_mem >= 0 ? word_of(node, proc, layout->p_mbuf) : 0;
  for (int i = 0; fragment != 0 && i < FRAGMENTS_MOST; i++) {
    uint64_t words = 0, next = 0, begin = fragment + (uint64_t)layout->hf_mem;
    if (beam_memory_word(node->memory, fragment + (uint64_t)layout->hf_alloc, &words) != 0 ||
        beam_memory_word(node->memory, fragment + (uint64_t)layout->hf_next, &next) != 0)
      return false;
    if (words < UINT64_C(1) << 32 && within(address, begin, begin + words * 8))
      return true;
    fragment = next;
  }
  return false;
}

/* `address`: of the reference's marker, which is the second word. */
static void judge_place(struct beam_proof_search *search, struct beam_proof_wanted *wanted,
                        size_t index, uint64_t address)
{
  const struct beam_node *node = search->node;
  if (within(address, wanted->monitor, wanted->monitor + MONITOR_BYTES) ||
      owns(node, wanted->waiter, address) || owns(node, wanted->holder, address))
    return;
  if (search->place_count == PLACES_MOST) {
    wanted->elsewhere = true;
    return;
  }
  search->wanted_of[search->place_count] = index;
  search->places[search->place_count++] = (struct beam_proof_place){
      .address = address - sizeof(uint64_t), .reference = wanted->reference};
}

/* Whose memory the places of this step are. */
static int judge_owners(struct beam_proof_search *search, struct beam_proof_wanted *wanted,
                        const uint64_t *members, size_t member_count)
{
  if (search->place_count == 0)
    return 0;
  int error = beam_proof_third_find(search->node, search->places, search->place_count);
  for (size_t i = 0; i < search->place_count; i++) {
    struct beam_proof_wanted *of = &wanted[search->wanted_of[i]];
    uint64_t third = error ? 0 : search->places[i].holder;
    for (size_t k = 0; k < member_count; k++)
      if (members[k] == third)
        third = 0;
    if (third != 0)
      of->third = third;
    else
      of->elsewhere = true;
  }
  search->place_count = 0;
  return error;
}

/* ---- the bytes ---- */

static void search_heap_form(struct beam_proof_search *search, size_t length, uint64_t from,
                             struct beam_proof_wanted *wanted, size_t count)
{
  for (size_t at = 0; at + 2 * sizeof(uint64_t) <= length; at += sizeof(uint64_t)) {
    uint64_t word = beam_u64(search->chunk, (int32_t)at);
    if ((uint32_t)word != UINT32_MAX)
      continue;
    uint64_t next = beam_u64(search->chunk, (int32_t)at + 8);
    for (size_t i = 0; i < count; i++) {
      const uint32_t *number = wanted[i].reference.number;
      if (wanted[i].third == 0 && word >> 32 == number[0] && (uint32_t)next == number[1] &&
          next >> 32 == number[2])
        judge_place(search, &wanted[i], i, from + at);
    }
  }
}

static void search_encoded_form(const struct beam_proof_search *search, size_t length,
                                struct beam_proof_wanted *wanted)
{
  uint32_t form[3];
  for (int i = 0; i < 3; i++)
    form[i] = __builtin_bswap32(wanted->reference.number[i]);
  if (!wanted->elsewhere && memmem(search->chunk, length, form, ENCODED_BYTES))
    wanted->elsewhere = true;
}

/* Fills the chunk; holes in a mapping (guard pages of threads, what was unmapped meanwhile) hold nothing: zeros.
 * -EFAULT: what could not be read may also have been swapped out. */
static int read_chunk(struct beam_proof_search *search, uint64_t from, size_t length)
{
  const struct beam_memory *memory = search->node->memory;
  ssize_t got = memory->read(memory, from, search->chunk, length);
  if (got >= 0 && (size_t)got == length)
    return 0;
  if (memory->pagemap_fd >= 0)
    return -EFAULT;
  for (size_t at = 0; at < length; at += PAGE) {
    size_t part = length - at < PAGE ? length - at : PAGE;
    if (beam_memory_read(memory, from + at, search->chunk + at, part) != 0)
      memset(search->chunk + at, 0, part);
  }
  return 0;
}

/* One chunk of the region under way; returns the bytes that it dealt with, or -EFAULT. */
static ssize_t search_chunk(struct beam_proof_search *search, struct beam_proof_wanted *wanted,
                            size_t count)
{
  const struct region *region = &search->regions[search->region];
  uint64_t left = region->end - region->begin - search->offset;
  size_t wish = left < CHUNK ? (size_t)left : CHUNK;
  uint64_t from =
      search->downwards ? region->end - search->offset - wish : region->begin + search->offset;
  int error = read_chunk(search, from, wish);
  if (error)
    return error;
  search_heap_form(search, wish, from, wanted, count);
  for (size_t i = 0; i < count; i++)
    search_encoded_form(search, wish, &wanted[i]);
  if (wish == left) {
    search->offset = 0;
    search->region++;
  } else {
    search->offset += wish - OVERLAP;
  }
  return (ssize_t)wish;
}

/* As beam_proof_search_step, but for the owners. */
static int search_bytes(struct beam_proof_search *search, struct beam_proof_wanted *wanted,
                        size_t count, size_t bytes)
{
  for (size_t done = 0; done < bytes;) {
    if (search->region == search->region_count && search->downwards)
      return 1;
    if (search->region == search->region_count) {
      int error = turn_downwards(search);
      if (error)
        return error;
    }
    ssize_t dealt = search_chunk(search, wanted, count);
    if (dealt < 0)
      return (int)dealt;
    done += (size_t)dealt;
  }
  return 0;
}

int beam_proof_search_step(struct beam_proof_search *search, struct beam_proof_wanted *wanted,
                           size_t count, const uint64_t *members, size_t member_count, size_t bytes)
{
  int state = search_bytes(search, wanted, count, bytes);
  int error = judge_owners(search, wanted, members, member_count);
  return error ? error : state;
}
