/*
 * reader_table.c - see reader_table.h.
 *
 * A table keeps sums of the time that it was held and waited for, without the present episode, and
 * the beginning of that in another word. The sum is read before and after the beginning: where it
 * stayed the same, the present episode is added; where it moved, an episode ended while we looked,
 * so the present one is shorter than our look and adds nothing. So the result never goes back but
 * for what a writer has not yet stored.
 */
#include "probe/hook/reader_table.h"

#include <stdlib.h>

#include "probe/hook/reader_name.h"

/* The coarse clock lags by up to a tick of the kernel (CONFIG_HZ=100: 10 ms); twice
 * that is certain. */
#define COARSE_LAG_NS 20000000u

static uint64_t load(const uint64_t *word)
{
  return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* Units since the region was made, at `now_ns`; 0 where the clocks do not compare. */
static uint64_t units_now(const struct reader_scan *scan, const struct reader_region *region,
                          uint64_t now_ns)
{
  uint64_t opened_ns = region->header.opened_monotonic_ns;
  return scan->same_clock && now_ns > opened_ns ? (now_ns - opened_ns) / IMPASSE_EPISODE_UNIT_NS
                                                : 0;
}

/* The sum with the present episode in it, in nanoseconds. */
static int64_t time_with_present(const uint64_t *sum, const uint64_t *episode, uint64_t now_units)
{
  uint64_t before = load(sum), present = load(episode), after = load(sum), since, total = after;
  since = IMPASSE_EPISODE_SINCE(present);
  if (before == after && IMPASSE_EPISODE_COUNT(present) > 0 && now_units > since)
    total += now_units - since;
  return total > INT64_MAX / IMPASSE_EPISODE_UNIT_NS ? VALUE_UNKNOWN
                                                     : (int64_t)(total * IMPASSE_EPISODE_UNIT_NS);
}

static int64_t known_if_positive(uint64_t value)
{
  return value > INT64_MAX ? VALUE_UNKNOWN : (int64_t)value;
}

void reader_table_add(struct reader_scan *scan, const struct reader_region *region, uint32_t index,
                      const struct reader_slot *slot)
{
  const struct impasse_table_line *live = reader_line(region->again, IMPASSE_ARRAY_BOX, index);
  const struct impasse_table_sums *sums = reader_line(region->first, IMPASSE_ARRAY_WAIT0, index);
  struct impasse_table_line line;
  bool named;
  uint32_t name = reader_name_slot(scan, slot, &named);
  impasse_line_copy(live, &line);
  int64_t wait_ns =
      time_with_present(&sums->waited_units, &live->waiting, units_now(scan, region, scan->now_ns));
  int64_t held_ns = time_with_present(&sums->held_units, &live->holding,
                                      units_now(scan, region, scan->coarse_ns));
  int64_t contended = known_if_positive(load(&sums->contended));
  int64_t max_wait_ns = known_if_positive(load(&sums->max_wait_ns));
  if (!reader_slot_same(region, index, slot->reference))
    return;

  struct sweep_table *row = sweep_add_table(scan->sweep);
  if (!row) {
    scan->no_memory = true;
    return;
  }
  row->key = reader_key(slot->reference);
  row->name = name;
  row->kind =
      slot->cold.table_kind < IMPASSE_TABLE_KIND_COUNT ? slot->cold.table_kind : ENUM_UNKNOWN;
  row->items = line.items < 0 ? VALUE_UNKNOWN : line.items;
  row->bytes = line.bytes < 0 ? VALUE_UNKNOWN : line.bytes;
  row->read_waiters = line.read_waiters;
  row->write_waiters = line.write_waiters;
  row->wait_ns = wait_ns;
  row->held_ns = held_ns;
  row->contended_count = contended;
  row->max_wait_ns = max_wait_ns;
}

void reader_table_note_holds(struct reader_scan *scan, const struct reader_slot *slot)
{
  for (unsigned i = 0; i < IMPASSE_HELD_MOST; i++) {
    if (!(slot->hot.held_mask >> i & 1) || !(slot->held[i] & IMPASSE_REF_MASK))
      continue;
    struct reader_hold *hold = reader_scan_add(scan, &scan->holds, sizeof *hold);
    if (!hold)
      return;
    *hold = (struct reader_hold){
        .table = slot->held[i] & IMPASSE_REF_MASK,
        .actor = slot->reference,
        .write = slot->held[i] & IMPASSE_HELD_WRITE,
    };
  }
}

static int compare_holds(const void *left, const void *right)
{
  const struct reader_hold *a = left, *b = right;
  int order = (a->table > b->table) - (a->table < b->table);
  return order ? order : (a->actor > b->actor) - (a->actor < b->actor);
}

/* The first hold whose table is not before `table`. */
static size_t first_hold(const struct reader_scan *scan, uint64_t table)
{
  const struct reader_hold *holds = scan->holds.rows;
  size_t low = 0, high = scan->holds.count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (holds[middle].table < table)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

void reader_table_finish(struct reader_scan *scan)
{
  if (scan->holds.count == 0)
    return;
  const struct reader_hold *holds = scan->holds.rows;
  qsort(scan->holds.rows, scan->holds.count, sizeof *holds, compare_holds);
  for (size_t i = 0; i < scan->sweep->table_count; i++) {
    struct sweep_table *row = &scan->sweep->tables[i];
    uint64_t table = row->key & IMPASSE_REF_MASK;
    for (size_t h = first_hold(scan, table); h < scan->holds.count && holds[h].table == table; h++)
      if (holds[h].write)
        row->owner = reader_key(holds[h].actor);
  }
}

struct reader_holders reader_table_holders(const struct reader_scan *scan,
                                           const struct reader_region *region, uint32_t index,
                                           uint64_t table)
{
  const struct impasse_table_line *live = reader_line(region->again, IMPASSE_ARRAY_BOX, index);
  const struct reader_hold *holds = scan->holds.rows;
  size_t first = first_hold(scan, table), end = first;
  while (end < scan->holds.count && holds[end].table == table)
    end++;
  uint64_t holding = load(&live->holding);
  uint64_t began = scan->now_ns > COARSE_LAG_NS ? scan->now_ns - COARSE_LAG_NS : 0;
  return (struct reader_holders){
      .holds = end > first ? holds + first : NULL,
      .count = end - first,
      .holding = IMPASSE_EPISODE_COUNT(holding),
      .unlisted = __atomic_load_n(&live->unlisted, __ATOMIC_ACQUIRE),
      .held_throughout = IMPASSE_EPISODE_COUNT(holding) > 0 &&
                         IMPASSE_EPISODE_SINCE(holding) < units_now(scan, region, began),
  };
}
