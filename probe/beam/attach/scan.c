/* scan.c - see scan.h. */
#include "probe/beam/attach/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probe/beam/term.h"

enum {
  WORD = 8,
  CACHE_LINE = 64,
  HEAD_MOST = 1024, /* bytes of a structure that are looked at */
  SLOTS_LEAST = 1024,
  SLOTS_MOST = 1 << 27,
  SLOTS_CHUNK = 4096,
  SLOTS_CHECKED = 65536,
  ENTRIES_CHECKED = 64,
  ATOMS_MOST = 1 << 26,
  CODE_INDICES = 3,
  RANGES_BYTES = 32, /* {modules, count, allocated, middle} */
  RANGE_BYTES = 16,  /* {begin, end} */
  RANGES_MOST = 1 << 20,
  RANGES_CHECKED = 4096,
  STRIDE_MOST = 1 << 18,
  SCHEDULERS_CHECKED = 64,
  TERMS_MOST = 1 << 28,
  TERMS_CHECKED = 32,
};

/* ---- the table of processes -------------------------------------------------------------------------------------- */

/* Masks are words of 4 bytes in some versions and of 8 in others. */
static uint64_t table_mask(const struct beam_layout *layout, const unsigned char *bytes,
                           int32_t offset)
{
  bool wide = layout->ptab_pix_cl_mask - layout->ptab_pix_mask >= WORD;
  return wide ? beam_u64(bytes, offset) : beam_u32(bytes, offset);
}

static void decode_table(const struct beam_layout *layout, const unsigned char *bytes,
                         struct beam_ptab *ret_table)
{
  ret_table->slots = beam_u64(bytes, layout->ptab_tab);
  ret_table->most = beam_u32(bytes, layout->ptab_max);
  ret_table->pix_mask = table_mask(layout, bytes, layout->ptab_pix_mask);
  ret_table->pix_cl_mask = table_mask(layout, bytes, layout->ptab_pix_cl_mask);
  ret_table->pix_cli_mask = table_mask(layout, bytes, layout->ptab_pix_cli_mask);
  ret_table->pix_cl_shift = beam_u32(bytes, layout->ptab_pix_cl_shift);
  ret_table->pix_cli_shift = beam_u32(bytes, layout->ptab_pix_cli_shift);
}

/* Neighbouring numbers go to different cache lines of 8 pointers: how, follows from the number of
 * slots alone. Hardly anything that is no such table agrees with it. */
static bool numbers_agree(const struct beam_ptab *table)
{
  enum { IN_LINE_BITS = 3 };
  uint32_t bits = (uint32_t)__builtin_ctz(table->most);
  return table->pix_mask == table->most - 1 &&
         table->pix_cl_mask == (table->most >> IN_LINE_BITS) - 1 &&
         table->pix_cl_shift == IN_LINE_BITS && table->pix_cli_mask == (1 << IN_LINE_BITS) - 1 &&
         table->pix_cli_shift == bits - IN_LINE_BITS;
}

static bool is_table_head(const struct beam_layout *layout, const unsigned char *bytes,
                          struct beam_ptab *ret_table)
{
  uint32_t count = beam_u32(bytes, layout->ptab_count);
  decode_table(layout, bytes, ret_table);
  uint32_t most = ret_table->most;
  return most >= SLOTS_LEAST && most <= SLOTS_MOST && (most & (most - 1)) == 0 && count > 0 &&
         count <= most && scan_is_pointer(ret_table->slots, CACHE_LINE) && numbers_agree(ret_table);
}

/* Do nine of ten of the first entries begin with the pid that belongs there? */
static bool holds_processes(const struct beam_node *node)
{
  uint64_t slots[SLOTS_CHUNK], word;
  size_t seen = 0, right = 0;
  uint32_t most = node->processes.most;
  for (uint32_t from = 0; from < most && from < SLOTS_CHECKED; from += SLOTS_CHUNK) {
    uint32_t count = most - from < SLOTS_CHUNK ? most - from : SLOTS_CHUNK;
    if (beam_memory_read(node->memory, node->processes.slots + (uint64_t)from * WORD, slots,
                         count * sizeof *slots) != 0)
      return false;
    for (uint32_t i = 0; i < count && seen < ENTRIES_CHECKED; i++) {
      if (!scan_is_pointer(slots[i], WORD))
        continue;
      seen++;
      right += beam_memory_word(node->memory, slots[i], &word) == 0 && beam_is_pid(word) &&
               beam_node_slot(node, word) == from + i;
    }
  }
  return seen > 0 && right * 10 >= seen * 9;
}

static bool layout_fits(const struct beam_layout *layout)
{
  return layout->sz_ptab > 0 && layout->sz_ptab <= HEAD_MOST &&
         layout->ptab_pix_cli_shift + WORD <= layout->sz_ptab;
}

int scan_read_process_table(struct beam_node *node)
{
  unsigned char bytes[HEAD_MOST];
  const struct beam_layout *layout = &node->layout;
  if (!layout_fits(layout) ||
      beam_memory_read(node->memory, node->processes.address, bytes, (size_t)layout->sz_ptab) != 0)
    return -ENOENT;
  return is_table_head(layout, bytes, &node->processes) && holds_processes(node) ? 0 : -ENOENT;
}

int scan_process_table(const struct scan_area *area, struct beam_node *node)
{
  size_t size = (size_t)node->layout.sz_ptab;
  if (!layout_fits(&node->layout) || area->length < size)
    return -ENOENT;
  for (size_t at = -area->address % CACHE_LINE; at <= area->length - size; at += CACHE_LINE) {
    struct beam_ptab table;
    if (!is_table_head(&node->layout, area->bytes + at, &table))
      continue;
    node->processes.address = area->address + at;
    if (scan_read_process_table(node) == 0)
      return 0;
  }
  return -ENOENT;
}

/* ---- atoms, code, persistent terms ------------------------------------------------------------------------------- */

/* The second atom, which every emulator has, knows its number. */
static bool holds_atoms(const struct beam_node *node, uint64_t pages)
{
  uint64_t page, atom;
  uint32_t number;
  return scan_is_pointer(pages, WORD) && beam_memory_word(node->memory, pages, &page) == 0 &&
         scan_is_pointer(page, WORD) && beam_memory_word(node->memory, page + WORD, &atom) == 0 &&
         scan_is_pointer(atom, WORD) &&
         beam_memory_read(node->memory, atom + (uint64_t)node->layout.atom_ix, &number,
                          sizeof number) == 0 &&
         number == 1;
}

int scan_atom_table(const struct scan_area *area, struct beam_node *node, const uint64_t *names,
                    size_t name_count)
{
  const struct beam_layout *layout = &node->layout;
  if (layout->it_htname < 0 || layout->it_htname > layout->it_entries ||
      layout->it_entries > layout->it_seg)
    return -ENOENT;
  for (size_t at = 0; at + (size_t)layout->it_seg + WORD <= area->length; at += WORD) {
    const unsigned char *bytes = area->bytes + at;
    uint64_t name = beam_u64(bytes, layout->it_htname);
    uint32_t entries = beam_u32(bytes, layout->it_entries);
    size_t i = 0;
    while (i < name_count && names[i] != name)
      i++;
    if (i == name_count || entries == 0 || entries > ATOMS_MOST ||
        !holds_atoms(node, beam_u64(bytes, layout->it_seg)))
      continue;
    node->atom_table = area->address + at;
    return 0;
  }
  return -ENOENT;
}

/* One of the three by itself: nothing loaded yet, or a sane count with the middle inside. */
static bool are_ranges(const unsigned char *bytes)
{
  uint64_t modules = beam_u64(bytes, 0), count = beam_u64(bytes, 8);
  uint64_t allocated = beam_u64(bytes, 16), middle = beam_u64(bytes, 24);
  if (allocated == 0)
    return modules == 0 && count == 0;
  return scan_is_pointer(modules, WORD) && allocated <= RANGES_MOST && count <= allocated &&
         (count == 0 || (middle >= modules && middle < modules + count * RANGE_BYTES &&
                         (middle - modules) % RANGE_BYTES == 0));
}

/* Ranges {begin, end} of one index, ascending and apart. */
static bool are_sorted(const struct beam_node *node, const unsigned char *bytes)
{
  uint64_t ranges[RANGES_CHECKED * 2], last = 0;
  uint64_t count = beam_u64(bytes, 8);
  if (count > RANGES_CHECKED)
    count = RANGES_CHECKED;
  if (beam_memory_read(node->memory, beam_u64(bytes, 0), ranges, count * RANGE_BYTES) != 0)
    return false;
  for (uint64_t i = 0; i < count; i++) {
    if (!scan_is_pointer(ranges[2 * i], 1) || ranges[2 * i] < last ||
        ranges[2 * i + 1] < ranges[2 * i])
      return false;
    last = ranges[2 * i + 1];
  }
  return true;
}

static bool are_three_ranges(const struct beam_node *node, const unsigned char *bytes)
{
  size_t used = 0;
  for (size_t i = 0; i < CODE_INDICES; i++) {
    if (!are_ranges(bytes + i * RANGES_BYTES))
      return false;
    used += beam_u64(bytes + i * RANGES_BYTES, 8) > 0;
  }
  if (used == 0)
    return false;
  for (size_t i = 0; i < CODE_INDICES; i++)
    if (beam_u64(bytes + i * RANGES_BYTES, 8) > 0 && !are_sorted(node, bytes + i * RANGES_BYTES))
      return false;
  return true;
}

/* Where symbols are hidden: the linker puts the indices {staging, active} right behind the ranges of the same file, and
 * what is staged is always the one after what is active. */
static uint64_t guess_active_index(const struct scan_area *area, size_t at)
{
  if (at + 2 * sizeof(uint32_t) > area->length)
    return 0;
  uint32_t staging = beam_u32(area->bytes + at, 0), active = beam_u32(area->bytes + at, 4);
  bool fits = active < CODE_INDICES && staging == (active + 1) % CODE_INDICES;
  return fits ? area->address + at + sizeof(uint32_t) : 0;
}

int scan_code_ranges(const struct scan_area *area, struct beam_node *node)
{
  enum { ALL_BYTES = CODE_INDICES * RANGES_BYTES };
  for (size_t at = 0; at + ALL_BYTES <= area->length; at += WORD) {
    if (!are_three_ranges(node, area->bytes + at))
      continue;
    node->code_ranges = area->address + at;
    if (!node->active_code_index)
      node->active_code_index = guess_active_index(area, at + ALL_BYTES);
    return 0;
  }
  return -ENOENT;
}

/* A hash table: slots a power of two, the mask that belongs to it, and nothing but nil and tuples of two. */
static bool are_persistent_terms(const struct beam_node *node, uint64_t address)
{
  const struct beam_layout *layout = &node->layout;
  unsigned char head[HEAD_MOST];
  uint64_t terms[TERMS_CHECKED], header;
  if (beam_memory_read(node->memory, address, head, (size_t)layout->pt_mask + WORD) != 0)
    return false;
  uint64_t allocated = beam_u64(head, layout->pt_allocated);
  if (allocated < 2 || allocated > TERMS_MOST || (allocated & (allocated - 1)) != 0 ||
      beam_u64(head, layout->pt_mask) != allocated - 1 ||
      beam_u64(head, layout->pt_entries) > allocated)
    return false;
  size_t count = allocated < TERMS_CHECKED ? (size_t)allocated : TERMS_CHECKED;
  if (beam_memory_read(node->memory, address + (uint64_t)layout->pt_term, terms, count * WORD) != 0)
    return false;
  for (size_t i = 0; i < count; i++)
    if (terms[i] != BEAM_NIL &&
        (!beam_is_boxed(terms[i]) ||
         beam_memory_word(node->memory, beam_pointer(terms[i]), &header) != 0 || header != 2 << 6))
      return false;
  return true;
}

int scan_persistent_terms(const struct scan_area *area, struct beam_node *node)
{
  const struct beam_layout *layout = &node->layout;
  if (layout->pt_mask < 0 || layout->pt_mask + WORD > HEAD_MOST || layout->pt_term < 0)
    return -ENOENT;
  for (size_t at = 0; at + WORD <= area->length; at += WORD) {
    uint64_t address = beam_u64(area->bytes + at, 0);
    if (!scan_is_pointer(address, WORD) || !are_persistent_terms(node, address))
      continue;
    node->persistent_terms = area->address + at;
    return 0;
  }
  return -ENOENT;
}

/* ---- schedulers -------------------------------------------------------------------------------------------------- */

enum scheduler_type { NORMAL, DIRTY_CPU, DIRTY_IO };

/* Is this the data of scheduler `number` of its kind? A normal one's run queue points back at it; dirty ones share a
 * queue, but count in a word of their own. */
static bool is_scheduler(const struct beam_node *node, enum scheduler_type type,
                         const unsigned char *bytes, uint64_t address, uint64_t number)
{
  const struct beam_layout *layout = &node->layout;
  uint64_t back, queue = beam_u64(bytes, layout->sd_runq);
  uint64_t dirty = layout->sd_dirty_no < 0 ? 0 : beam_u64(bytes, layout->sd_dirty_no);
  if (beam_u32(bytes, layout->sd_type) != (uint32_t)type || !scan_is_pointer(queue, WORD))
    return false;
  if (type != NORMAL)
    return dirty == number && beam_u64(bytes, layout->sd_no) == 0;
  return beam_u64(bytes, layout->sd_no) == number &&
         beam_memory_word(node->memory, queue + (uint64_t)layout->rq_sched, &back) == 0 &&
         back == address;
}

/* Bytes of a scheduler's data that is_scheduler looks at; 0 where the layout makes no sense. */
static size_t scheduler_head(const struct beam_layout *layout)
{
  const int32_t offsets[] = {layout->sd_no, layout->sd_runq, layout->sd_type, layout->sd_dirty_no};
  int32_t end = 0;
  for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++)
    if (offsets[i] > end)
      end = offsets[i];
  return end + WORD <= HEAD_MOST ? (size_t)end + WORD : 0;
}

int scan_schedulers(const struct scan_area *area, struct beam_node *node)
{
  uint64_t *arrays[] = {
      [NORMAL] = &node->schedulers,
      [DIRTY_CPU] = &node->dirty_cpu_schedulers,
      [DIRTY_IO] = &node->dirty_io_schedulers,
  };
  unsigned char head[HEAD_MOST];
  size_t size = scheduler_head(&node->layout);
  for (size_t at = 0; size && at + WORD <= area->length; at += WORD) {
    uint64_t address = beam_u64(area->bytes + at, 0);
    if (!scan_is_pointer(address, CACHE_LINE) ||
        beam_memory_read(node->memory, address, head, size) != 0)
      continue;
    for (enum scheduler_type type = NORMAL; type <= DIRTY_IO; type++)
      if (!*arrays[type] && is_scheduler(node, type, head, address, 1))
        *arrays[type] = address;
  }
  return node->schedulers ? 0 : -ENOENT;
}

/* The distance from the first of an array to its second. */
static int measure_stride(const struct beam_node *node, enum scheduler_type type, uint64_t array,
                          uint64_t *ret_stride)
{
  size_t head = scheduler_head(&node->layout);
  int error = -ENOENT;
  unsigned char *bytes = malloc(STRIDE_MOST);
  if (!bytes)
    return -ENOMEM;
  ssize_t got = node->memory->read(node->memory, array, bytes, STRIDE_MOST);
  for (size_t at = CACHE_LINE; head && got > 0 && at + head <= (size_t)got; at += CACHE_LINE) {
    if (!is_scheduler(node, type, bytes + at, array + at, 2))
      continue;
    *ret_stride = at;
    error = 0;
    break;
  }
  free(bytes);
  return error;
}

static uint32_t count_schedulers(const struct beam_node *node, enum scheduler_type type,
                                 uint64_t array)
{
  unsigned char head[HEAD_MOST];
  size_t size = scheduler_head(&node->layout);
  uint32_t count = 0;
  while (array && size && count < BEAM_SCHEDULERS_MOST) {
    uint64_t address = array + count * node->scheduler_stride;
    if (beam_memory_read(node->memory, address, head, size) != 0 ||
        !is_scheduler(node, type, head, address, count + 1))
      break;
    count++;
  }
  return count;
}

int scan_scheduler_stride(struct beam_node *node)
{
  /* A node may have one scheduler of a kind, but hardly of all three. */
  int error = measure_stride(node, NORMAL, node->schedulers, &node->scheduler_stride);
  if (error == -ENOENT && node->dirty_io_schedulers)
    error = measure_stride(node, DIRTY_IO, node->dirty_io_schedulers, &node->scheduler_stride);
  if (error == -ENOENT && node->dirty_cpu_schedulers)
    error = measure_stride(node, DIRTY_CPU, node->dirty_cpu_schedulers, &node->scheduler_stride);
  if (error ==
      -ENOENT) /* one of each: then only its end for the search of the list of tables is taken from it */
    node->scheduler_stride =
        ((uint64_t)node->layout.sz_sched + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
  else if (error)
    return error;
  node->scheduler_count = count_schedulers(node, NORMAL, node->schedulers);
  node->dirty_cpu_count = count_schedulers(node, DIRTY_CPU, node->dirty_cpu_schedulers);
  node->dirty_io_count = count_schedulers(node, DIRTY_IO, node->dirty_io_schedulers);
  return node->scheduler_count ? 0 : -ENOENT;
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

/* A table whose neighbours in the list know it. */
static bool is_ets_table(const struct beam_node *node, const unsigned char *bytes, uint64_t address)
{
  const struct beam_layout *layout = &node->layout;
  uint64_t next = beam_u64(bytes, layout->t_all_next);
  uint64_t previous = beam_u64(bytes, layout->t_all_prev), back, forth;
  return beam_is_pid(beam_u64(bytes, layout->t_owner)) &&
         beam_is_atom(beam_u64(bytes, layout->t_name)) && scan_is_pointer(next, WORD) &&
         scan_is_pointer(previous, WORD) &&
         beam_memory_word(node->memory, next + (uint64_t)layout->t_all_prev, &back) == 0 &&
         beam_memory_word(node->memory, previous + (uint64_t)layout->t_all_next, &forth) == 0 &&
         back == address && forth == address;
}

/* The first word of this scheduler's data that leads to a table and stands behind a number of tables. */
static int find_list(const struct beam_node *node, const unsigned char *scheduler, size_t length,
                     int32_t *ret_offset)
{
  unsigned char table[HEAD_MOST];
  size_t size = (size_t)node->layout.t_name + WORD;
  for (size_t at = WORD; at + WORD <= length; at += WORD) {
    uint64_t address = beam_u64(scheduler, (int32_t)at);
    uint64_t count = beam_u64(scheduler, (int32_t)(at - WORD));
    if (count == 0 || count > UINT32_MAX || !scan_is_pointer(address, WORD) ||
        beam_memory_read(node->memory, address, table, size) != 0 ||
        !is_ets_table(node, table, address) ||
        (count == 1) != (beam_u64(table, node->layout.t_all_next) == address))
      continue;
    *ret_offset = (int32_t)at;
    return 0;
  }
  return -ENOENT;
}

int scan_ets_list(struct beam_node *node)
{
  size_t stride = (size_t)node->scheduler_stride;
  const struct beam_layout *layout = &node->layout;
  int error = -ENOENT;
  if (layout->t_name < layout->t_owner || layout->t_name < layout->t_all_prev ||
      layout->t_name + WORD > HEAD_MOST || stride > STRIDE_MOST)
    return -ENOENT;
  unsigned char *bytes = malloc(stride);
  if (!bytes)
    return -ENOMEM;
  for (uint32_t i = 0; error && i < node->scheduler_count && i < SCHEDULERS_CHECKED; i++)
    if (beam_memory_read(node->memory, node->schedulers + i * stride, bytes, stride) == 0)
      error = find_list(node, bytes, stride, &node->ets_list_offset);
  free(bytes);
  return error;
}

/* ---- the node's own name ----------------------------------------------------------------------------------------- */

int scan_this_node(const struct scan_area *area, struct beam_node *node)
{
  const struct beam_layout *layout = &node->layout;
  unsigned char head[HEAD_MOST];
  size_t size = (size_t)(layout->n_dist > layout->n_sysname ? layout->n_dist : layout->n_sysname);
  if (layout->n_dist < 0 || layout->n_sysname < 0 || layout->de_sysname < 0 ||
      size + WORD > HEAD_MOST)
    return -ENOENT;
  for (size_t at = 0; at + 2 * WORD <= area->length; at += WORD) {
    uint64_t address = beam_u64(area->bytes + at, 0), dist = beam_u64(area->bytes + at, WORD), name;
    if (!scan_is_pointer(address, WORD) || !scan_is_pointer(dist, WORD) ||
        beam_memory_read(node->memory, address, head, size + WORD) != 0 ||
        beam_u64(head, layout->n_dist) != dist ||
        !beam_is_atom(beam_u64(head, layout->n_sysname)) ||
        beam_memory_word(node->memory, dist + (uint64_t)layout->de_sysname, &name) != 0 ||
        name != beam_u64(head, layout->n_sysname))
      continue;
    node->this_node = address;
    return 0;
  }
  return -ENOENT;
}

/* ---- connections to other nodes ---------------------------------------------------------------------------------- */

int scan_dist_table(const struct scan_area *area, struct beam_node *node, const uint64_t *names,
                    size_t name_count)
{
  enum { BUCKETS_BITS_MOST = 32 };
  const struct beam_layout *layout = &node->layout;
  uint64_t bucket;
  if (layout->it_htname < 0 || layout->h_shift < 0 || layout->h_bucket < layout->it_htname ||
      layout->h_bucket < layout->h_shift)
    return -ENOENT;
  for (size_t at = 0; at + (size_t)layout->h_bucket + WORD <= area->length; at += WORD) {
    const unsigned char *bytes = area->bytes + at;
    uint64_t name = beam_u64(bytes, layout->it_htname);
    uint32_t bits = 64 - beam_u32(bytes, layout->h_shift);
    size_t i = 0;
    while (i < name_count && names[i] != name)
      i++;
    if (i == name_count || bits == 0 || bits > BUCKETS_BITS_MOST ||
        beam_memory_word(node->memory, beam_u64(bytes, layout->h_bucket), &bucket) != 0)
      continue;
    node->dist_table = area->address + at;
    return 0;
  }
  return -ENOENT;
}
