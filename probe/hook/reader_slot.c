/*
 * reader_slot.c - the reader's half of the seqlock of a slot, see region.h for the writer's.
 *
 *    hot (sequence first) -> wait and held lines -> sequence again
 *                         -> taken, dropped, put, taken again -> generation again
 *
 * A writer that never pauses could keep a reader waiting for ever: tries are bounded, and then the
 * slot counts as torn.
 */
#include "probe/hook/reader_slot.h"

enum { BOX_TRIES = 4 };

static void pause_briefly(void)
{
#if defined __x86_64__
  __builtin_ia32_pause();
#elif defined __aarch64__
  __asm__ volatile("yield");
#endif
}

static uint32_t load_generation(const struct reader_region *region, uint32_t index)
{
  const struct impasse_hot *hot = reader_line(region->again, IMPASSE_ARRAY_HOT, index);
  return __atomic_load_n(&hot->generation, __ATOMIC_ACQUIRE);
}

static uint32_t load_sequence(const struct reader_region *region, uint32_t index)
{
  const struct impasse_hot *hot = reader_line(region->again, IMPASSE_ARRAY_HOT, index);
  return __atomic_load_n(&hot->sequence, __ATOMIC_ACQUIRE);
}

/* Waits and holds as of one sequence number; false where it changed meanwhile. */
static bool read_guarded(const struct reader_region *region, uint32_t index,
                         struct reader_slot *slot)
{
  if (slot->hot.sequence & 1)
    return false;
  for (unsigned i = 0; i < IMPASSE_WAITS_MOST; i++)
    if (slot->hot.wait_mask >> i & 1)
      impasse_line_copy(reader_line(region->first, IMPASSE_ARRAY_WAIT0 + i, index),
                        &slot->waits[i]);
  if (slot->hot.held_mask)
    impasse_line_copy(reader_line(region->first, IMPASSE_ARRAY_HELD, index), slot->held);
  return load_sequence(region, index) == slot->hot.sequence;
}

static uint64_t load(const uint64_t *word)
{
  return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* Taken and dropped first, then put, so that the depth is never negative; and taken once more,
 * since a reader that was put aside in between would find it far too large. */
static void read_box(const struct reach_target *target, struct reader_region *region,
                     uint32_t index, struct reader_slot *slot)
{
  const struct impasse_hot *hot = reader_line(region->first, IMPASSE_ARRAY_HOT, index);
  const struct impasse_hot *again = reader_line(region->again, IMPASSE_ARRAY_HOT, index);
  const struct impasse_box *box = reader_line(region->first, IMPASSE_ARRAY_BOX, index);
  for (unsigned i = 0; i < BOX_TRIES; i++) {
    slot->hot.taken = load(&hot->taken);
    uint64_t dropped_oldest = load(&box->dropped_oldest);
    impasse_line_copy(reader_line(region->again, IMPASSE_ARRAY_BOX, index), &slot->box);
    slot->box.dropped_oldest = dropped_oldest;
    if (load(&again->taken) == slot->hot.taken)
      return;
    reader_region_refresh(target, region, index);
  }
}

enum reader_slot_result reader_slot_read(const struct reach_target *target,
                                         struct reader_region *region, uint32_t index,
                                         unsigned tries, struct reader_slot *ret_slot)
{
  struct reader_slot *slot = ret_slot;
  bool whole = false;
  for (unsigned i = 0; i < tries && !whole; i++) {
    if (i > 0) {
      pause_briefly();
      reader_region_refresh(target, region, index);
    }
    impasse_line_copy(reader_line(region->first, IMPASSE_ARRAY_HOT, index), &slot->hot);
    if (!(slot->hot.generation & 1) || slot->hot.kind == IMPASSE_KIND_NONE ||
        slot->hot.kind >= IMPASSE_KIND_COUNT)
      return READER_SLOT_NONE;
    whole = !reader_slot_acts(&slot->hot) || read_guarded(region, index, slot);
  }
  impasse_line_copy(reader_line(region->first, IMPASSE_ARRAY_COLD, index), &slot->cold);
  read_box(target, region, index, slot);
  slot->number = region->header.first_slot + index;
  slot->reference = IMPASSE_REF(slot->number, slot->hot.generation);
  if (load_generation(region, index) != slot->hot.generation)
    return READER_SLOT_NONE;
  return whole ? READER_SLOT_READ : READER_SLOT_TORN;
}

bool reader_slot_same(const struct reader_region *region, uint32_t index, uint64_t reference)
{
  return load_generation(region, index) == IMPASSE_REF_GENERATION(reference);
}

enum impasse_kind reader_slot_kind(const struct reader_regions *regions, uint64_t reference,
                                   struct reader_region **ret_region, uint32_t *ret_index)
{
  if (!(reference & 1) ||
      !reader_regions_locate(regions, IMPASSE_REF_NUMBER(reference), ret_region, ret_index))
    return IMPASSE_KIND_NONE;
  const struct impasse_hot *hot = reader_line((*ret_region)->again, IMPASSE_ARRAY_HOT, *ret_index);
  uint8_t kind = __atomic_load_n(&hot->kind, __ATOMIC_ACQUIRE);
  if (kind >= IMPASSE_KIND_COUNT || !reader_slot_same(*ret_region, *ret_index, reference))
    return IMPASSE_KIND_NONE;
  return (enum impasse_kind)kind;
}
