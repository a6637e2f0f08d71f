/*
 * scan.h - finding structures of an emulator by their shape, in a copy of its writable data: those that no version
 * exports, and all of them where symbols are hidden. Each shape is one that hardly anything else has; what is found is
 * validated again with everything else (calibrate.h).
 */
#ifndef IMPASSE_PROBE_BEAM_SCAN_H
#define IMPASSE_PROBE_BEAM_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "probe/beam/node.h"

/* The writable data of the executable, as it was at one instant. */
struct scan_area {
  uint64_t address; /* in the node */
  size_t length;
  const unsigned char *bytes;
};

/* The three {modules, count, allocated, middle} of loaded code. -ENOENT. */
int scan_code_ranges(const struct scan_area *area, const struct beam_node *node,
                     uint64_t *ret_address);

/* From the address of the first scheduler's data and their number (in *node): the distance between
 * two. -ENOENT. With a single scheduler there is nothing to measure: see scan_dirty_stride. */
int scan_scheduler_stride(const struct beam_node *node, uint64_t *ret_stride);

/* Where the list of ETS tables is in a scheduler's data. -ENOENT: no scheduler has a table. */
int scan_ets_list(const struct beam_node *node, int32_t *ret_offset);

#endif
