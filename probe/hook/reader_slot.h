/*
 * reader_slot.h - one slot of a region, copied at one instant as well as its writers allow.
 * Not here: what it means (reader_sweep.h).
 */
#ifndef IMPASSE_PROBE_HOOK_READER_SLOT_H
#define IMPASSE_PROBE_HOOK_READER_SLOT_H

#include "probe/hook/reader_region.h"

enum reader_slot_result {
  READER_SLOT_NONE, /* closed, or it changed hands while it was read */
  READER_SLOT_READ,
  READER_SLOT_TORN, /* its runner was changing it all the time: waits and held are not valid */
};

struct reader_slot {
  uint32_t number;
  uint64_t reference; /* IMPASSE_REF */
  struct impasse_hot hot;
  struct impasse_cold cold;
  struct impasse_box box; /* counted kinds only: `dropped_oldest` was read before `put` */
  struct impasse_wait_line waits[IMPASSE_WAITS_MOST]; /* those of hot.wait_mask */
  uint64_t held[IMPASSE_HELD_MOST];                   /* those of hot.held_mask */
};

/* Is the slot in use by an actor or queue, which alone may wait and hold? */
static inline bool reader_slot_acts(const struct impasse_hot *hot)
{
  return hot->kind == IMPASSE_KIND_ACTOR || hot->kind == IMPASSE_KIND_QUEUE;
}

/* Reads slot `index`, which reader_regions_locate or fresh[] has bounded. `tries` bounds the reads
 * of a slot that is being changed; 1 for a dead process, where nothing will end the change. */
enum reader_slot_result reader_slot_read(const struct reach_target *target,
                                         struct reader_region *region, uint32_t index,
                                         unsigned tries, struct reader_slot *ret_slot);

/* The living slot behind a reference: its kind, or IMPASSE_KIND_NONE where whoever was
 * meant is gone. */
enum impasse_kind reader_slot_kind(const struct reader_regions *regions, uint64_t reference,
                                   struct reader_region **ret_region, uint32_t *ret_index);

/* Is the slot still that of `reference`? Asked after its lines were read. */
bool reader_slot_same(const struct reader_region *region, uint32_t index, uint64_t reference);

#endif
