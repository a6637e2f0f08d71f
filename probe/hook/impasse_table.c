/*
 * impasse_table.c - tables: who waits, who holds, for how long in all.
 */
#include "probe/hook/impasse_inner.h"

static uint64_t episode_units(const struct impasse_process *process, struct impasse_ref table,
                              uint64_t now_ns)
{
  uint64_t opened_ns = impasse_region_of(process, table.stamp & 0xffffffu)->opened_monotonic_ns;
  return now_ns > opened_ns ? (now_ns - opened_ns) / IMPASSE_EPISODE_UNIT_NS : 0;
}

/* One more waits, or holds: since now, when it is the first. */
static void episode_begin(uint64_t *word, uint64_t now_units)
{
  uint64_t old = __atomic_load_n(word, __ATOMIC_RELAXED), next;
  do {
    if (IMPASSE_EPISODE_COUNT(old) == IMPASSE_EPISODE_COUNT(UINT64_MAX))
      return;
    next = IMPASSE_EPISODE_COUNT(old) ? old + 1 : now_units << 20 | 1;
  } while (
      !__atomic_compare_exchange_n(word, &old, next, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
}

/* One less; after the last the time since the first goes into the sum. */
static void episode_end(uint64_t *word, uint64_t now_units, uint64_t *sum)
{
  uint64_t old = __atomic_load_n(word, __ATOMIC_RELAXED), next;
  do {
    if (!IMPASSE_EPISODE_COUNT(old))
      return;
    next = IMPASSE_EPISODE_COUNT(old) > 1 ? old - 1 : 0;
  } while (
      !__atomic_compare_exchange_n(word, &old, next, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
  if (!next && now_units > IMPASSE_EPISODE_SINCE(old))
    __atomic_fetch_add(sum, now_units - IMPASSE_EPISODE_SINCE(old), __ATOMIC_RELEASE);
}

static struct impasse_table_line *table_line(struct impasse_ref table)
{
  return impasse_line(table.slot, IMPASSE_ARRAY_BOX);
}

static struct impasse_table_sums *table_sums(struct impasse_ref table)
{
  return impasse_line(table.slot, IMPASSE_ARRAY_WAIT0);
}

void impasse_table_wait_opened(struct impasse_ref table, bool write, uint64_t now_ns)
{
  const struct impasse_process *process = impasse_process_on();
  if (!process)
    return;
  struct impasse_table_line *line = table_line(table);
  __atomic_fetch_add(write ? &line->write_waiters : &line->read_waiters, 1, __ATOMIC_RELAXED);
  __atomic_fetch_add(&table_sums(table)->contended, 1, __ATOMIC_RELAXED);
  episode_begin(&line->waiting, episode_units(process, table, now_ns));
  IMPASSE_PROBE(table_wait_begin, table.stamp & 0xffffffu, write, table.slot);
}

void impasse_table_wait_closed(struct impasse_ref table, bool write, uint64_t since_ns)
{
  struct impasse_process *process = impasse_process_on();
  if (!process)
    return;
  struct impasse_table_line *line = table_line(table);
  struct impasse_table_sums *sums = table_sums(table);
  uint64_t now_ns = impasse_clock_ns(CLOCK_MONOTONIC);
  uint64_t waited_ns = now_ns - since_ns;
  uint64_t most_ns = __atomic_load_n(&sums->max_wait_ns, __ATOMIC_RELAXED);
  __atomic_fetch_sub(write ? &line->write_waiters : &line->read_waiters, 1, __ATOMIC_RELAXED);
  episode_end(&line->waiting, episode_units(process, table, now_ns), &sums->waited_units);
  while (waited_ns > most_ns &&
         !__atomic_compare_exchange_n(&sums->max_wait_ns, &most_ns, waited_ns, true,
                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    ;
  impasse_heartbeat(process, now_ns);
  IMPASSE_PROBE(table_wait_end, table.stamp & 0xffffffu, waited_ns, table.slot);
}

static uint64_t *held_entry(const struct impasse_hot *hot, unsigned i)
{
  return (uint64_t *)impasse_line(hot, IMPASSE_ARRAY_HELD) + i;
}

static void held_change(struct impasse_hot *hot, unsigned i, uint64_t entry)
{
  unsigned mask = entry ? hot->held_mask | 1u << i : hot->held_mask & ~(1u << i);
  impasse_edit_begin(hot);
  __atomic_store_n(held_entry(hot, i), entry, __ATOMIC_RELEASE);
  __atomic_store_n(&hot->held_mask, (uint8_t)mask, __ATOMIC_RELEASE);
  impasse_edit_end(hot);
}

void impasse_table_acquired_ref(struct impasse_ref table, struct impasse_ref actor, bool write)
{
  struct impasse_process *process = impasse_process_on();
  if (!process)
    return;
  struct impasse_hot *hot = impasse_ref_slot(actor);
  struct impasse_table_line *line = table_line(table);
  if (hot && hot->held_mask != (1u << IMPASSE_HELD_MOST) - 1) {
    held_change(hot, (unsigned)__builtin_ctz(~(unsigned)hot->held_mask),
                impasse_ref_word(table) | (write ? IMPASSE_HELD_WRITE : 0));
  } else {
    __atomic_fetch_add(&line->unlisted, 1, __ATOMIC_RELEASE);
    if (hot)
      impasse_loss_add(process, IMPASSE_LOSS_HELD);
  }
  uint64_t now_ns = impasse_clock_ns(CLOCK_MONOTONIC_COARSE);
  episode_begin(&line->holding, episode_units(process, table, now_ns));
  IMPASSE_PROBE_TWO(table_acquired, table.stamp & 0xffffffu, actor.stamp & 0xffffffu, table.slot,
                    hot);
}

/* The entry of its held line where the actor holds the table, or -1. */
static int held_find(const struct impasse_hot *hot, uint64_t table)
{
  for (int i = 0; hot && i < (int)IMPASSE_HELD_MOST; i++)
    if (hot->held_mask >> i & 1 && (*held_entry(hot, (unsigned)i) & IMPASSE_REF_MASK) == table)
      return i;
  return -1;
}

void impasse_table_released_ref(struct impasse_ref table, struct impasse_ref actor)
{
  const struct impasse_process *process = impasse_process_on();
  if (!process)
    return;
  struct impasse_hot *hot = impasse_ref_slot(actor);
  struct impasse_table_line *line = table_line(table);
  int held = held_find(hot, impasse_ref_word(table));
  uint32_t unlisted = __atomic_load_n(&line->unlisted, __ATOMIC_RELAXED);
  if (held >= 0)
    held_change(hot, (unsigned)held, 0);
  while (held < 0 && unlisted &&
         !__atomic_compare_exchange_n(&line->unlisted, &unlisted, unlisted - 1, true,
                                      __ATOMIC_RELEASE, __ATOMIC_RELAXED))
    ;
  uint64_t now_ns = impasse_clock_ns(CLOCK_MONOTONIC_COARSE);
  episode_end(&line->holding, episode_units(process, table, now_ns),
              &table_sums(table)->held_units);
  IMPASSE_PROBE_TWO(table_released, table.stamp & 0xffffffu, actor.stamp & 0xffffffu, table.slot,
                    hot);
}

void impasse_table_size_ref(struct impasse_ref table, int64_t items, int64_t bytes)
{
  struct impasse_table_line *line = table_line(table);
  __atomic_store_n(&line->items, items, __ATOMIC_RELAXED);
  __atomic_store_n(&line->bytes, bytes, __ATOMIC_RELAXED);
}
