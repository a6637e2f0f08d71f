/*
 * sweep_sort.h - sorting of many rows by a 64-bit number: radix sort of indices, since comparing a
 * million rows costs more than reading them. Pure.
 */
#ifndef IMPASSE_PROBE_BEAM_SWEEP_SORT_H
#define IMPASSE_PROBE_BEAM_SWEEP_SORT_H

#include <stddef.h>
#include <stdint.h>

struct sweep_sort_item {
  uint64_t key;
  uint32_t index;
};

/* Ascending and stable. `scratch` has as much room as `items`. Digits that are the same in all keys
 * cost nothing, items that are sorted already almost nothing. */
void sweep_sort_items(struct sweep_sort_item *items, struct sweep_sort_item *scratch, size_t count);

#endif
