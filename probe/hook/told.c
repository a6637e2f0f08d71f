/*
 * told.c - see told.h. A slot that changes while it is copied is copied once more; where that does not help it is marked as
 * in mid-update, and the reader counts it as torn.
 */
#include "probe/hook/told.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bpf/hook.h"

_Static_assert(sizeof(struct hook_hot) == sizeof(struct impasse_hot) &&
                   offsetof(struct hook_hot, number) == offsetof(struct impasse_hot, number) &&
                   offsetof(struct hook_hot, held_mask) == offsetof(struct impasse_hot, held_mask),
               "hot line");
_Static_assert((uint64_t)HOOK_HOT_OFFSET == IMPASSE_HOT_OFFSET &&
                   (uint64_t)HOOK_CLASSES_OFFSET == IMPASSE_CLASSES_OFFSET &&
                   (uint64_t)HOOK_STRIDE == IMPASSE_ARRAY_STRIDE && HOOK_MAGIC == IMPASSE_MAGIC,
               "places");
_Static_assert((unsigned)HOOK_REGION_SLOTS == IMPASSE_SLOTS &&
                   (unsigned)HOOK_REGIONS == IMPASSE_CHAIN_MOST &&
                   (unsigned)HOOK_CLASSES == IMPASSE_CLASSES &&
                   (unsigned)HOOK_HEAD_BYTES == offsetof(struct impasse_header, reserved) &&
                   sizeof(struct hook_class) == sizeof(struct impasse_class_entry),
               "counts");
_Static_assert((int)HOOK_LINES == IMPASSE_ARRAY_TEXT - IMPASSE_ARRAY_HOT + 1 &&
                   (int)HOOK_COLD == IMPASSE_ARRAY_COLD - IMPASSE_ARRAY_HOT &&
                   (int)HOOK_BOX == IMPASSE_ARRAY_BOX - IMPASSE_ARRAY_HOT &&
                   (int)HOOK_WAIT == IMPASSE_ARRAY_WAIT0 - IMPASSE_ARRAY_HOT &&
                   (int)HOOK_HELD == IMPASSE_ARRAY_HELD - IMPASSE_ARRAY_HOT,
               "lines");
_Static_assert((int)HOOK_SERVICE == IMPASSE_KIND_SERVICE &&
                   (int)HOOK_PROMISE == IMPASSE_KIND_PROMISE &&
                   (int)HOOK_TABLE == IMPASSE_KIND_TABLE && (int)HOOK_LIST == IMPASSE_KIND_LIST,
               "kinds");
_Static_assert(offsetof(struct impasse_cold, class_id) == 5 * 8 &&
                   offsetof(struct impasse_wait_line, object) == 3 * 8 &&
                   offsetof(struct impasse_box, put) == 8 &&
                   offsetof(struct impasse_header, chain) == 3 * 8 + 4,
               "words that hook.bpf.c looks at");

enum { TRIES = 16 };

struct told {
  unsigned char *images[READER_REGIONS_MOST];
  uint64_t quiet_hits; /* the images are current as long as there are no more than these */
};

/* ---- images ---- */

/* What of a header is the same in all programs. */
static struct impasse_header header_blank(uint32_t chain)
{
  struct impasse_header header = {
      .magic = IMPASSE_MAGIC,
      .layout = IMPASSE_LAYOUT,
      .header_bytes = IMPASSE_HEADER_BYTES,
      .file_bytes = IMPASSE_FILE_BYTES,
      .chain = chain,
      .first_slot = chain * IMPASSE_SLOTS,
      .slot_limit = IMPASSE_SLOTS,
      .array_count = IMPASSE_ARRAY_COUNT,
      .state = IMPASSE_REGION_LIVE,
  };
  for (unsigned i = 0; i < IMPASSE_ARRAY_COUNT; i++)
    impasse_array_shape(i, &header.arrays[i].offset, &header.arrays[i].count,
                        &header.arrays[i].item_bytes);
  return header;
}

/* The image is sparse: what is never written takes no memory. */
static int add_region(struct told *told, struct reader_regions *regions)
{
  uint32_t chain = (uint32_t)regions->count;
  struct impasse_header header = header_blank(chain);
  void *image = mmap(NULL, IMPASSE_FILE_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (image == MAP_FAILED)
    return -ENOMEM;
  told->images[chain] = image;
  memcpy(image, &header, sizeof header);
  int error = reader_region_of_bytes(image, &regions->chain[chain]);
  regions->count += error == 0;
  return error;
}

int told_new(struct reader_regions *regions, struct told **ret_told)
{
  struct told *told = calloc(1, sizeof *told);
  if (!told)
    return -ENOMEM;
  int error = add_region(told, regions);
  if (error) {
    told_free(told, regions);
    return error;
  }
  regions->partial = true;
  told->quiet_hits = UINT64_MAX;
  *ret_told = told;
  return 0;
}

void told_free(struct told *told, struct reader_regions *regions)
{
  if (!told)
    return;
  reader_regions_done(regions);
  for (size_t i = 0; i < READER_REGIONS_MOST; i++)
    if (told->images[i])
      (void)munmap(told->images[i], IMPASSE_FILE_BYTES); /* ours, whole: cannot fail */
  free(told);
}

/* ---- filling ---- */

/* The header that the target itself has written, where it was seen. */
static int put_header(struct told *told, struct reader_regions *regions, uint32_t chain,
                      const struct hook_region *seen, char reason[READER_REASON_BYTES])
{
  struct impasse_header header = {0};
  memcpy(&header, seen->head, sizeof seen->head);
  const char *wrong = impasse_header_check(&header);
  if (!wrong && header.chain != chain)
    wrong = "number of the region";
  if (wrong) {
    (void)snprintf(reason, READER_REASON_BYTES, "its header is not that of this version: %s",
                   wrong);
    return -EPROTO;
  }
  memcpy(told->images[chain], &header, sizeof header);
  regions->chain[chain]->header = header;
  return 0;
}

static int put_headers(struct told *told, struct reader_regions *regions,
                       const struct hook_copy *copy, char reason[READER_REASON_BYTES])
{
  int error = 0;
  for (uint32_t chain = 0; chain < READER_REGIONS_MOST && !error; chain++) {
    if (!copy->regions[chain].base)
      continue;
    while (regions->count <= chain && !error)
      error = add_region(told, regions);
    if (!error)
      error = put_header(told, regions, chain, &copy->regions[chain], reason);
  }
  return error;
}

static void put_classes(struct told *told, const struct hook_copy *copy)
{
  memcpy(told->images[0] + IMPASSE_CLASSES_OFFSET, copy->classes,
         HOOK_CLASSES * sizeof *copy->classes);
}

static void put_slot(unsigned char *image, uint32_t index, const struct hook_slot *slot)
{
  struct impasse_shard *shard =
      (struct impasse_shard *)(void *)(image + IMPASSE_SHARDS_OFFSET) + index / IMPASSE_SHARD_SLOTS;
  uint32_t used = index % IMPASSE_SHARD_SLOTS + 1;
  for (unsigned line = 0; line < HOOK_LINES; line++)
    memcpy(image + IMPASSE_LINE_OFFSET((uint64_t)IMPASSE_ARRAY_HOT + line) +
               (uint64_t)index * IMPASSE_LINE_BYTES,
           slot->lines[line], IMPASSE_LINE_BYTES);
  if (shard->fresh_count < used)
    shard->fresh_count = used;
}

/* Copied again until it is whole; else it counts as half written. */
static void settle(const struct hook *hook, uint32_t number, struct hook_slot *slot)
{
  struct hook_hot *hot = (void *)slot->lines[HOOK_HOT];
  for (unsigned i = 0; i < TRIES && slot->ended != slot->begun; i++)
    if (hook_again(hook, number, slot) != 0)
      break;
  if (slot->ended != slot->begun)
    hot->sequence |= 1;
}

static void put_slots(struct told *told, const struct hook *hook,
                      const struct reader_regions *regions, struct hook_copy *copy)
{
  for (size_t i = 0; i < copy->slot_count; i++) {
    struct hook_slot *slot = &copy->slots[i];
    const struct hook_hot *hot = (const void *)slot->lines[HOOK_HOT];
    uint32_t number = copy->numbers[i], chain = number / IMPASSE_SLOTS;
    settle(hook, number, slot);
    if (chain < regions->count && hot->number == number)
      put_slot(told->images[chain], number % IMPASSE_SLOTS, slot);
  }
}

/* The number of hits when nothing is being copied; UINT64_MAX when something is. */
static uint64_t hits_at_rest(const struct hook *hook)
{
  struct hook_totals now = hook_totals(hook);
  return now.hits == now.done ? now.hits : UINT64_MAX;
}

int told_fill(struct told *told, const struct hook *hook, struct reader_regions *regions,
              char reason[READER_REASON_BYTES])
{
  struct hook_copy copy;
  uint64_t hits = hits_at_rest(hook);
  reason[0] = '\0';
  if (hits != UINT64_MAX && hits == told->quiet_hits)
    return 0;
  int error = hook_collect(hook, &copy);
  if (error)
    return error;
  error = put_headers(told, regions, &copy, reason);
  if (!error) {
    put_classes(told, &copy);
    put_slots(told, hook, regions, &copy);
    told->quiet_hits = hits_at_rest(hook) == hits ? hits : UINT64_MAX;
  }
  hook_copy_done(&copy);
  return error;
}
