/*
 * scan.h - finding structures of an emulator by their shape, in a copy of its writable data: those that no version
 * exports, and all of them where symbols are hidden. Each shape is one that hardly anything else has; what is found is
 * validated again with everything else (calibrate.h).
 *
 * Every function takes what the ones above it have found from *node and adds to it: 0, or -ENOENT when nothing has the
 * shape, -ENOMEM. Reads and loops are bounded, whatever the memory holds.
 */
#ifndef IMPASSE_PROBE_BEAM_SCAN_H
#define IMPASSE_PROBE_BEAM_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/beam/node.h"

/* The writable data of the executable, as it was at one instant. */
struct scan_area {
  uint64_t address; /* in the node, a multiple of 8 */
  size_t length;
  const unsigned char *bytes;
};

/* A word that can be an address of user space on x86-64, and is aligned. */
static inline bool scan_is_pointer(uint64_t word, uint64_t align)
{
  return word >= 4096 && word < UINT64_C(1) << 47 && word % align == 0;
}

/* processes: a power of two of slots, the numbers by which pids are spread over them agreeing with
 * it, and pids in what the slots point at. */
int scan_process_table(const struct scan_area *area, struct beam_node *node);

/* Reads the table at processes.address and checks the same. */
int scan_read_process_table(struct beam_node *node);

/* atom_table: the one whose name is the text at one of `names` (addresses in the node). */
int scan_atom_table(const struct scan_area *area, struct beam_node *node, const uint64_t *names,
                    size_t name_count);

/* code_ranges: {modules, count, allocated, middle}, three times. */
int scan_code_ranges(const struct scan_area *area, struct beam_node *node);

/* schedulers, dirty_cpu_schedulers, dirty_io_schedulers: the arrays. */
int scan_schedulers(const struct scan_area *area, struct beam_node *node);

/* scheduler_stride, and how many there are of each kind. */
int scan_scheduler_stride(struct beam_node *node);

/* ets_list_offset. -ENOENT: no scheduler has a table. */
int scan_ets_list(struct beam_node *node);

/* this_node: the node record whose connection record bears the same name and stands beside it. */
int scan_this_node(const struct scan_area *area, struct beam_node *node);

/* dist_table: the hash table whose name is the text at one of `names`. */
int scan_dist_table(const struct scan_area *area, struct beam_node *node, const uint64_t *names,
                    size_t name_count);

/* persistent_terms. */
int scan_persistent_terms(const struct scan_area *area, struct beam_node *node);

#endif
