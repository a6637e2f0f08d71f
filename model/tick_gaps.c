/* tick_gaps.c - see tick_gaps.h. Sorted array, binary search: there are few, and they change
 * seldom. */
#include "model/tick_gaps.h"

#include <errno.h>
#include <string.h>

static int compare_key(uint64_t target, const char *reason, const struct tick_gap_entry *entry)
{
  if (target != entry->target)
    return target < entry->target ? -1 : 1;
  return strcmp(reason, entry->reason);
}

/* The place of (target, reason): where it is or where it belongs. */
static size_t place_of(const struct tick_gaps *gaps, uint64_t target, const char *reason)
{
  size_t low = 0, high = gaps->count;

  while (low < high) {
    size_t middle = low + (high - low) / 2;

    if (compare_key(target, reason, &gaps->entries[middle]) > 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static void forget_oldest(struct tick_gaps *gaps)
{
  size_t oldest = 0;
  int64_t best = INT64_MAX;

  for (size_t i = 0; i < gaps->count; i++) {
    const struct tick_gap_entry *e = &gaps->entries[i];
    int64_t end = e->until_ms == VALUE_UNKNOWN ? INT64_MAX - 1 : e->until_ms;

    if (end < best) {
      best = end;
      oldest = i;
    }
  }
  gaps->count--;
  memmove(&gaps->entries[oldest], &gaps->entries[oldest + 1],
          (gaps->count - oldest) * sizeof(gaps->entries[0]));
}

void tick_gaps_add(struct tick_gaps *gaps, struct tick_gap_entry gap)
{
  size_t i = place_of(gaps, gap.target, gap.reason);
  struct tick_gap_entry *entry = &gaps->entries[i];

  if (i < gaps->count && compare_key(gap.target, gap.reason, entry) == 0) {
    entry->until_ms = gap.until_ms;
    entry->source = gap.source;
    if (gap.count != VALUE_UNKNOWN && entry->count != VALUE_UNKNOWN) {
      if (__builtin_add_overflow(entry->count, gap.count, &entry->count))
        entry->count = INT64_MAX; /* counts come from targets */
    } else if (gap.count != VALUE_UNKNOWN) {
      entry->count = gap.count;
    }
    return;
  }
  if (gaps->count == TICK_GAPS_MAX) {
    forget_oldest(gaps);
    i = place_of(gaps, gap.target, gap.reason);
    entry = &gaps->entries[i];
  }
  memmove(entry + 1, entry, (gaps->count - i) * sizeof(*entry));
  *entry = gap;
  gaps->count++;
}

static void end_of_source(struct tick_gaps *gaps, uint64_t target, uint8_t source, int64_t wall_ms)
{
  for (size_t i = place_of(gaps, target, ""); i < gaps->count; i++) {
    struct tick_gap_entry *entry = &gaps->entries[i];

    if (entry->target != target)
      break;
    if (entry->source == source && entry->until_ms == VALUE_UNKNOWN)
      entry->until_ms = wall_ms;
  }
}

void tick_gaps_of_sweep(struct tick_gaps *gaps, const struct sweep *sweep, int64_t wall_ms)
{
  if (sweep->kind == SWEEP_ROUND)
    return;
  if (sweep->kind != SWEEP_PART)
    end_of_source(gaps, sweep->target_key, sweep->source, wall_ms);
  for (size_t i = 0; i < sweep->gap_count; i++) {
    struct tick_gap_entry gap = {.target = sweep->target_key,
                                 .since_ms = wall_ms,
                                 .until_ms = VALUE_UNKNOWN,
                                 .count = sweep->gaps[i].count,
                                 .source = sweep->source};
    const char *reason = sweep_text(sweep, sweep->gaps[i].reason);

    strncpy(gap.reason, reason ? reason : "no reason given", sizeof(gap.reason) - 1);
    tick_gaps_add(gaps, gap);
  }
}

void tick_gaps_end(struct tick_gaps *gaps, uint64_t target, int64_t wall_ms)
{
  for (size_t i = 0; i < gaps->count; i++)
    if (gaps->entries[i].target == target && gaps->entries[i].until_ms == VALUE_UNKNOWN)
      gaps->entries[i].until_ms = wall_ms;
}

static int64_t seconds(int64_t ms)
{
  return ms == VALUE_UNKNOWN ? VALUE_UNKNOWN : ms / 1000;
}

int tick_gaps_fill(const struct tick_gaps *gaps, struct snapshot_builder *b, const char *host)
{
  const struct snapshot *view = snapshot_builder_view(b);
  uint32_t host_text;

  if (snapshot_builder_relation(b, RELATION_GAPS, (uint32_t)gaps->count) < 0)
    return -ENOMEM;
  if (gaps->count == 0)
    return 0;
  host_text = snapshot_builder_intern(b, host);
  for (uint32_t i = 0; i < gaps->count; i++) {
    const struct tick_gap_entry *entry = &gaps->entries[i];
    uint32_t row;

    snapshot_builder_ints(b, RELATION_GAPS, GAPS_TARGET_KEY)[i] =
        entry->target ? (int64_t)entry->target : VALUE_UNKNOWN;
    snapshot_builder_texts(b, RELATION_GAPS, GAPS_REASON)[i] =
        snapshot_builder_text(b, entry->reason);
    snapshot_builder_ints(b, RELATION_GAPS, GAPS_SINCE)[i] = seconds(entry->since_ms);
    snapshot_builder_ints(b, RELATION_GAPS, GAPS_UNTIL)[i] = seconds(entry->until_ms);
    snapshot_builder_ints(b, RELATION_GAPS, GAPS_COUNT)[i] = entry->count;
    snapshot_builder_texts(b, RELATION_GAPS, GAPS_HOST)[i] = host_text;
    if (snapshot_find_target(view, (int64_t)entry->target, &row) == 0)
      snapshot_builder_texts(b, RELATION_GAPS, GAPS_TARGET)[i] =
          snapshot_builder_texts(b, RELATION_TARGETS, TARGETS_TARGET)[row];
  }
  return 0;
}
