/* scan.c - see scan.h. */
#include "probe/beam/scan.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "probe/beam/term.h"

enum {
  WORD = 8,
  CACHE_LINE = 64,
  CODE_INDICES = 3,
  RANGES_BYTES = 32, /* {modules, count, allocated, middle} */
  RANGES_MOST = 1 << 20,
  RANGES_CHECKED = 4096,
  STRIDE_MOST = 1 << 18,
  SCHEDULERS_CHECKED = 64,
};

/* User space of x86-64, and not the first page. */
static bool is_pointer(uint64_t word, uint64_t align)
{
  return word >= 4096 && word < UINT64_C(1) << 47 && word % align == 0;
}

/* One of the three by itself: nothing loaded yet, or a sane count with the middle inside. */
static bool are_ranges(const unsigned char *bytes, uint64_t range_size)
{
  uint64_t modules = beam_u64(bytes, 0), count = beam_u64(bytes, 8);
  uint64_t allocated = beam_u64(bytes, 16), middle = beam_u64(bytes, 24);
  if (allocated == 0)
    return modules == 0 && count == 0;
  return is_pointer(modules, WORD) && allocated <= RANGES_MOST && count <= allocated &&
         (count == 0 || (middle >= modules && middle < modules + count * range_size &&
                         (middle - modules) % range_size == 0));
}

/* Ranges {start, end} of one index, ascending and apart. */
static bool are_sorted(const struct beam_node *node, const unsigned char *bytes)
{
  uint64_t ranges[RANGES_CHECKED * 2], last = 0;
  uint64_t count = beam_u64(bytes, 8);
  if (count > RANGES_CHECKED)
    count = RANGES_CHECKED;
  if (beam_memory_read(node->memory, beam_u64(bytes, 0), ranges, count * 2 * WORD) != 0)
    return false;
  for (uint64_t i = 0; i < count; i++) {
    if (!is_pointer(ranges[2 * i], 1) || ranges[2 * i] < last || ranges[2 * i + 1] < ranges[2 * i])
      return false;
    last = ranges[2 * i + 1];
  }
  return true;
}

int scan_code_ranges(const struct scan_area *area, const struct beam_node *node,
                     uint64_t *ret_address)
{
  uint64_t range_size = (uint64_t)node->layout.sz_range;
  if (area->length < CODE_INDICES * RANGES_BYTES || node->layout.sz_range != 2 * WORD)
    return -ENOENT;
  for (size_t at = 0; at <= area->length - CODE_INDICES * RANGES_BYTES; at += WORD) {
    const unsigned char *bytes = area->bytes + at;
    size_t used = 0, i;
    for (i = 0; i < CODE_INDICES && are_ranges(bytes + i * RANGES_BYTES, range_size); i++)
      used += beam_u64(bytes + i * RANGES_BYTES, 8) > 0;
    if (i < CODE_INDICES || used == 0)
      continue;
    for (i = 0; i < CODE_INDICES; i++)
      if (beam_u64(bytes + i * RANGES_BYTES, 8) > 0 && !are_sorted(node, bytes + i * RANGES_BYTES))
        break;
    if (i < CODE_INDICES)
      continue;
    *ret_address = area->address + at;
    return 0;
  }
  return -ENOENT;
}

/* Is this the data of scheduler `number`? Its run queue points back at it. */
static bool is_scheduler(const struct beam_node *node, const unsigned char *bytes, uint64_t address,
                         uint64_t number)
{
  const struct beam_layout *layout = &node->layout;
  uint64_t back;
  uint64_t queue = beam_u64(bytes, layout->sd_runq);
  return beam_u64(bytes, layout->sd_no) == number && is_pointer(queue, WORD) &&
         beam_memory_word(node->memory, queue + (uint64_t)layout->rq_sched, &back) == 0 &&
         back == address;
}

int scan_scheduler_stride(const struct beam_node *node, uint64_t *ret_stride)
{
  const struct beam_layout *layout = &node->layout;
  size_t head = (size_t)(layout->sd_runq > layout->sd_no ? layout->sd_runq : layout->sd_no) + WORD;
  int error = -ENOENT;
  unsigned char *bytes = malloc(STRIDE_MOST);
  if (!bytes)
    return -ENOMEM;
  ssize_t got = node->memory->read(node->memory, node->schedulers, bytes, STRIDE_MOST);
  for (size_t at = CACHE_LINE; got > 0 && at + head <= (size_t)got; at += CACHE_LINE) {
    if (!is_scheduler(node, bytes + at, node->schedulers + at, 2))
      continue;
    *ret_stride = at;
    error = 0;
    break;
  }
  free(bytes);
  return error;
}

/* A table whose neighbours in the list know it. */
static bool is_table(const struct beam_node *node, const unsigned char *bytes, uint64_t address)
{
  const struct beam_layout *layout = &node->layout;
  uint64_t next = beam_u64(bytes, layout->t_all_next),
           previous = beam_u64(bytes, layout->t_all_prev);
  uint64_t back, forth;
  return beam_is_pid(beam_u64(bytes, layout->t_owner)) &&
         beam_is_atom(beam_u64(bytes, layout->t_name)) && is_pointer(next, WORD) &&
         is_pointer(previous, WORD) &&
         beam_memory_word(node->memory, next + (uint64_t)layout->t_all_prev, &back) == 0 &&
         beam_memory_word(node->memory, previous + (uint64_t)layout->t_all_next, &forth) == 0 &&
         back == address && forth == address;
}

/* The offset of the first word of this scheduler's data that leads to a table, with the number of tables before it. */
static int find_list(const struct beam_node *node, const unsigned char *scheduler, size_t length,
                     int32_t *ret_offset)
{
  enum { TABLE_MOST = 1024 };
  unsigned char table[TABLE_MOST];
  size_t size = (size_t)node->layout.sz_dbtab;
  if (node->layout.sz_dbtab <= 0 || size > sizeof table)
    return -ENOENT;
  for (size_t at = WORD; at + WORD <= length; at += WORD) {
    uint64_t address = beam_u64(scheduler, (int32_t)at);
    uint64_t count = beam_u64(scheduler, (int32_t)(at - WORD));
    if (count == 0 || count > UINT32_MAX || !is_pointer(address, WORD))
      continue;
    if (beam_memory_read(node->memory, address, table, size) != 0 ||
        !is_table(node, table, address) ||
        (count == 1) != (beam_u64(table, node->layout.t_all_next) == address))
      continue;
    *ret_offset = (int32_t)at;
    return 0;
  }
  return -ENOENT;
}

int scan_ets_list(const struct beam_node *node, int32_t *ret_offset)
{
  size_t stride = (size_t)node->scheduler_stride;
  int error = -ENOENT;
  unsigned char *bytes = malloc(stride);
  if (!bytes)
    return -ENOMEM;
  for (uint32_t i = 0; error && i < node->scheduler_count && i < SCHEDULERS_CHECKED; i++)
    if (beam_memory_read(node->memory, node->schedulers + i * stride, bytes, stride) == 0)
      error = find_list(node, bytes, stride, ret_offset);
  free(bytes);
  return error;
}
