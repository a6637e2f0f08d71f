/*
 * reader_sweep.c - see reader.h: goes through the slots, makes rows of them, and lets the other
 * files of the reader put together what belongs to several slots.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "probe/clock.h"
#include "probe/hook/reader.h"
#include "probe/hook/reader_box.h"
#include "probe/hook/reader_name.h"
#include "probe/hook/reader_scan.h"
#include "probe/hook/reader_table.h"
#include "probe/hook/reader_wait.h"

static_assert((int)TABLE_TABLE == IMPASSE_TABLE && (int)TABLE_MUTEX == IMPASSE_MUTEX &&
                  (int)TABLE_RWLOCK == IMPASSE_RWLOCK,
              "both lists of kinds of tables are in one order");

enum { TRIES = 32 }; /* an update of a slot takes some nanoseconds */

/* ---- rows ---- */

/* Which slots have rows, and as what. */
static uint8_t row_kind(uint8_t kind)
{
  static const uint8_t kinds[IMPASSE_KIND_COUNT] = {
      [IMPASSE_KIND_NONE] = ENUM_UNKNOWN,          [IMPASSE_KIND_ACTOR] = ACTOR_KIND_ACTOR,
      [IMPASSE_KIND_QUEUE] = ACTOR_KIND_QUEUE,     [IMPASSE_KIND_POOL] = ACTOR_KIND_POOL,
      [IMPASSE_KIND_SERVICE] = ACTOR_KIND_SERVICE, [IMPASSE_KIND_PROMISE] = ACTOR_KIND_PROMISE,
      [IMPASSE_KIND_MAILBOX] = ENUM_UNKNOWN,       [IMPASSE_KIND_TABLE] = ENUM_UNKNOWN,
      [IMPASSE_KIND_LIST] = ENUM_UNKNOWN,
  };
  return kinds[kind];
}

/* It waits, and has not been run since it began to. */
static bool is_blocked(const struct reader_slot *slot)
{
  uint8_t rank = 0;
  uint32_t run = 0, state = IMPASSE_RUN_STATE(slot->hot.run);
  for (unsigned i = 0; i < IMPASSE_WAITS_MOST; i++)
    if (slot->hot.wait_mask >> i & 1 && slot->waits[i].rank >= rank) {
      rank = slot->waits[i].rank;
      run = slot->waits[i].run;
    }
  return slot->hot.wait_mask && (state == IMPASSE_BLOCKED ||
                                 (state == IMPASSE_RUNNING && run == (uint32_t)slot->hot.runs));
}

/* Unknown is free in the graph: so is whoever waits for something that found no room
 * in the slot. */
static uint8_t state_of(const struct reader_slot *slot, enum reader_slot_result result)
{
  static const uint8_t states[IMPASSE_STATE_COUNT] = {
      [IMPASSE_RUNNING] = ACTOR_RUNNING,
      [IMPASSE_RUNNABLE] = ACTOR_RUNNABLE,
      [IMPASSE_RECEIVE] = ACTOR_RECEIVE,
      [IMPASSE_BLOCKED] = ENUM_UNKNOWN, /* put aside, and its wait has just ended */
  };
  uint32_t state = IMPASSE_RUN_STATE(slot->hot.run);
  if (slot->hot.kind != IMPASSE_KIND_ACTOR || result == READER_SLOT_TORN ||
      slot->hot.waits_unseen || state >= IMPASSE_STATE_COUNT)
    return ENUM_UNKNOWN;
  return is_blocked(slot) ? ACTOR_BLOCKED : states[state];
}

/* The thread that runs it, or lets it wait where it stands. */
static uint32_t thread_of(struct reader *reader, const struct reader_scan *scan,
                          const struct reader_slot *slot)
{
  uint32_t state = IMPASSE_RUN_STATE(slot->hot.run);
  if (!scan->target || (state != IMPASSE_RUNNING && state != IMPASSE_RECEIVE))
    return 0;
  return reader_threads_outer(&reader->threads, scan->target, IMPASSE_RUN_TID(slot->hot.run));
}

static uint64_t key_or_none(uint64_t reference)
{
  return reference & IMPASSE_REF_MASK ? reader_key(reference) : 0;
}

static int64_t count_of(uint64_t value)
{
  return value > INT64_MAX ? VALUE_UNKNOWN : (int64_t)value;
}

/* Actors of a pool are taken up again and again, others take messages. */
static void fill_work(const struct reader_slot *slot, struct sweep_actor *row)
{
  if (slot->hot.kind != IMPASSE_KIND_ACTOR && slot->hot.kind != IMPASSE_KIND_QUEUE)
    return;
  bool pooled = slot->cold.pool & IMPASSE_REF_MASK;
  row->work_unit = pooled ? WORK_RUNS : WORK_MESSAGES;
  row->work_count = count_of(pooled ? slot->hot.runs : slot->hot.taken);
}

static struct sweep_actor *add_row(struct reader *reader, struct reader_scan *scan,
                                   const struct reader_slot *slot, enum reader_slot_result result)
{
  bool named;
  uint32_t name = reader_name_slot(scan, slot, &named);
  uint32_t function = reader_name_class(scan, slot->hot.function);
  struct sweep_actor *row = sweep_add_actor(scan->sweep);
  if (!row) {
    scan->no_memory = true;
    return NULL;
  }
  row->key = reader_key(slot->reference);
  row->parent = key_or_none(slot->cold.parent);
  row->pool = key_or_none(slot->cold.pool);
  row->memory_bytes = slot->hot.memory_bytes < 0 ? VALUE_UNKNOWN : slot->hot.memory_bytes;
  row->name = name;
  row->function = function;
  row->tid = thread_of(reader, scan, slot);
  row->kind = row_kind(slot->hot.kind);
  row->state = state_of(slot, result);
  if (named)
    row->flags |= SWEEP_ACTOR_NAMED;
  if (named && slot->cold.name_flags & IMPASSE_NAME_REGISTERED)
    row->flags |= SWEEP_ACTOR_REGISTERED;
  fill_work(slot, row);
  if (slot->hot.kind == IMPASSE_KIND_POOL && slot->cold.capacity) {
    row->capacity = count_of(slot->cold.capacity);
    row->flags |= SWEEP_ACTOR_POOL_SIZE;
  }
  return row;
}

/* ---- slots ---- */

static bool has_mailbox(uint8_t kind)
{
  return kind == IMPASSE_KIND_ACTOR || kind == IMPASSE_KIND_QUEUE || kind == IMPASSE_KIND_POOL;
}

static void watch(struct reader *reader, struct reader_scan *scan, struct reader_watched watched)
{
  if (reader->watched_count == reader->watched_room) {
    size_t wanted = reader->watched_room ? reader->watched_room * 2 : 64;
    struct reader_watched *larger = reallocarray(reader->watched, wanted, sizeof *larger);
    if (!larger) {
      scan->no_memory = true;
      return;
    }
    reader->watched = larger;
    reader->watched_room = wanted;
  }
  reader->watched[reader->watched_count++] = watched;
}

static int compare_key(const void *key, const void *row)
{
  uint64_t a = *(const uint64_t *)key, b = ((const struct sweep_actor *)row)->key;
  return (a > b) - (a < b);
}

static struct sweep_actor *find_row(const struct sweep *sweep, uint64_t reference)
{
  uint64_t key = reader_key(reference);
  return sweep->actor_count == 0
             ? NULL
             : bsearch(&key, sweep->actors, sweep->actor_count, sizeof *sweep->actors, compare_key);
}

static int compare_numbers(const void *left, const void *right)
{
  uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
  return (a > b) - (a < b);
}

static bool anybody_queued(const struct reader *reader)
{
  for (size_t i = 0; i < reader->watched_count; i++)
    if (reader->watched[i].interest == READER_QUEUED)
      return true;
  return false;
}

/* The pools of which a blocked actor keeps a thread: references, ascending. */
static void find_kept_pools(struct reader_scan *scan, struct reader_array *ret_pools)
{
  for (size_t i = 0; i < scan->sweep->actor_count; i++) {
    const struct sweep_actor *row = &scan->sweep->actors[i];
    if (row->state != ACTOR_BLOCKED || !row->pool || !row->tid)
      continue;
    uint64_t *pool = reader_scan_add(scan, ret_pools, sizeof *pool);
    if (pool)
      *pool = row->pool & IMPASSE_REF_MASK;
  }
  if (ret_pools->count > 0)
    qsort(ret_pools->rows, ret_pools->count, sizeof(uint64_t), compare_numbers);
}

static bool is_of_interest(const struct sweep *sweep, const struct reader_array *pools,
                           const struct reader_watched *watched)
{
  uint64_t pool = watched->interest == READER_POOL ? watched->reference : watched->of;
  const struct sweep_actor *owner;
  switch ((enum reader_interest)watched->interest) {
  case READER_QUEUED:
  case READER_POOL:
    return pools->count > 0 &&
           bsearch(&pool, pools->rows, pools->count, sizeof pool, compare_numbers);
  case READER_MAILBOX:
    owner = find_row(sweep, watched->of);
    return owner && owner->state == ACTOR_BLOCKED;
  case READER_BLOCKED:
  case READER_RUNS:
  case READER_HOLDS:
    break;
  }
  return true;
}

/* Leaves out, now that all is known, what a round has no use for: it is to cost what is blocked,
 * not what there is. */
static void forget_idle(struct reader *reader, struct reader_scan *scan)
{
  struct reader_array pools = {0};
  size_t kept = 0;
  if (anybody_queued(reader))
    find_kept_pools(scan, &pools);
  for (size_t i = 0; i < reader->watched_count; i++)
    if (is_of_interest(scan->sweep, &pools, &reader->watched[i]))
      reader->watched[kept++] = reader->watched[i];
  reader->watched_count = kept;
  free(pools.rows);
}

/* Whether and why a round is to read the actor of this row again. */
static void watch_row(struct reader *reader, struct reader_scan *scan,
                      const struct reader_slot *slot, const struct sweep_actor *row, bool holds)
{
  struct reader_watched watched = {.reference = slot->reference, .kind = row->kind};
  if (row->state == ACTOR_BLOCKED) {
    watched.interest = READER_BLOCKED;
  } else if (row->state == ACTOR_RUNNABLE && row->pool) {
    watched.interest = READER_QUEUED;
    watched.of = row->pool & IMPASSE_REF_MASK;
  } else if (row->kind == ACTOR_KIND_POOL) {
    watched.interest = READER_POOL;
  } else if (row->tid && scan->runners < READER_RUNNERS_MOST) {
    watched.interest = READER_RUNS;
    scan->runners++;
  } else if (holds) {
    watched.interest = READER_HOLDS;
  } else {
    return;
  }
  watch(reader, scan, watched);
}

/* One slot of a full sweep. */
static void take_slot(struct reader *reader, struct reader_scan *scan, struct reader_region *region,
                      uint32_t index)
{
  struct reader_slot slot;
  enum reader_slot_result result =
      reader_slot_read(scan->target, region, index, scan->tries, &slot);
  if (result == READER_SLOT_NONE)
    return;
  bool whole = result == READER_SLOT_READ;
  scan->torn_count += !whole;
  if (slot.hot.kind == IMPASSE_KIND_MAILBOX) {
    reader_box_note(scan, &slot);
    watch(reader, scan,
          (struct reader_watched){.reference = slot.reference,
                                  .of = slot.cold.owner & IMPASSE_REF_MASK,
                                  .interest = READER_MAILBOX});
  }
  if (slot.hot.kind == IMPASSE_KIND_TABLE)
    reader_table_add(scan, region, index, &slot);
  if (row_kind(slot.hot.kind) == ENUM_UNKNOWN)
    return;
  struct sweep_actor *row = add_row(reader, scan, &slot, result);
  if (!row)
    return;
  if (has_mailbox(slot.hot.kind))
    reader_box_fill(scan, &slot, row);
  if (row->state == ACTOR_BLOCKED)
    reader_wait_note(scan, &slot);
  bool holds = reader_slot_acts(&slot.hot) && whole && slot.hot.held_mask;
  if (holds)
    reader_table_note_holds(scan, &slot);
  watch_row(reader, scan, &slot, row, holds);
}

/* An actor that has closed since: the round says so, or it would seem blocked until
 * the next sweep. */
static void add_closed(struct reader_scan *scan, const struct reader_watched *watched)
{
  struct sweep_actor *row = sweep_add_actor(scan->sweep);
  if (!row) {
    scan->no_memory = true;
    return;
  }
  row->key = reader_key(watched->reference);
  row->kind = watched->kind;
  row->state = ACTOR_EXITING;
}

/* One slot of a round. */
static void retake_slot(struct reader *reader, struct reader_scan *scan,
                        const struct reader_watched *watched)
{
  struct reader_region *region;
  uint32_t index;
  struct reader_slot slot;
  enum reader_slot_result result = READER_SLOT_NONE;
  if (reader_regions_locate(scan->regions, IMPASSE_REF_NUMBER(watched->reference), &region, &index))
    result = reader_slot_read(scan->target, region, index, scan->tries, &slot);
  bool same = result != READER_SLOT_NONE && slot.reference == watched->reference;
  bool shown = watched->interest != READER_HOLDS && watched->interest != READER_MAILBOX;
  if (!same && shown)
    add_closed(scan, watched);
  if (!same)
    return;
  bool whole = result == READER_SLOT_READ;
  scan->torn_count += !whole;
  if (slot.hot.kind == IMPASSE_KIND_MAILBOX)
    reader_box_note(scan, &slot);
  if (reader_slot_acts(&slot.hot) && whole && slot.hot.held_mask)
    reader_table_note_holds(scan, &slot);
  struct sweep_actor *row = shown ? add_row(reader, scan, &slot, result) : NULL;
  if (!row)
    return;
  reader_box_fill(scan, &slot, row);
  if (row->state == ACTOR_BLOCKED)
    reader_wait_note(scan, &slot);
}

static void take_all(struct reader *reader, struct reader_scan *scan)
{
  reader->watched_count = 0;
  for (size_t r = 0; r < reader->regions.count; r++) {
    struct reader_region *region = reader->regions.chain[r];
    for (uint32_t shard = 0; shard < IMPASSE_SHARDS; shard++) {
      uint32_t first = shard * IMPASSE_SHARD_SLOTS;
      for (uint32_t i = 0; i < region->fresh[shard] && !scan->no_memory; i++)
        take_slot(reader, scan, region, first + i);
    }
  }
}

/* ---- the whole ---- */

static const struct impasse_header *live_header(const struct reader *reader)
{
  return (const void *)reader->regions.chain[0]->first;
}

static void add_gap(struct sweep *sweep, const char *reason, uint64_t count)
{
  struct sweep_gap *gap = sweep_add_gap(sweep);
  if (!gap)
    return; /* without memory for a row there is none to complain with; lost_count has it */
  gap->reason = sweep_add_text(sweep, reason, strlen(reason));
  gap->count = count_of(count);
}

static void lose(struct reader *reader, struct sweep *sweep, const char *reason, uint64_t count)
{
  if (count == 0)
    return;
  if (count > (uint64_t)(INT64_MAX - reader->lost_count))
    count = (uint64_t)(INT64_MAX - reader->lost_count);
  reader->lost_count += (int64_t)count;
  add_gap(sweep, reason, count);
}

/* What the library could not record, since the last sweep; in the first sweep, since
 * the target started. */
static void report_losses(struct reader *reader, struct sweep *sweep)
{
  static const char *const words[IMPASSE_LOSS_COUNT] = {
      [IMPASSE_LOSS_ACTORS] = "no slot left: opened actors are not seen",
      [IMPASSE_LOSS_WAITS] = "too many open waits of one actor: its state is unknown",
      [IMPASSE_LOSS_HOLDERS] = "too many holders of one wait or members of one service",
      [IMPASSE_LOSS_HELD] = "too many tables held by one actor: holders without a name",
      [IMPASSE_LOSS_NAMES] = "names cut",
      [IMPASSE_LOSS_CLASSES] = "no room for a name class: names unknown",
      [IMPASSE_LOSS_GROWTH] = "no memory for a further region",
  };
  const struct impasse_header *header = live_header(reader);
  for (unsigned i = 0; i < IMPASSE_LOSS_COUNT; i++) {
    uint64_t count = __atomic_load_n(&header->losses[i], __ATOMIC_RELAXED);
    if (count > reader->losses[i])
      lose(reader, sweep, words[i], count - reader->losses[i]);
    reader->losses[i] = count;
  }
}

static void report_gaps(struct reader *reader, const struct reader_scan *scan, bool dead)
{
  struct sweep *sweep = scan->sweep;
  lose(reader, sweep, dead ? "died in mid-update" : "torn read", scan->torn_count);
  lose(reader, sweep, "too many holders in all: waits shown as open", scan->edges_lost);
  if (sweep->kind == SWEEP_FULL) {
    report_losses(reader, sweep);
    uint32_t made = __atomic_load_n(&live_header(reader)->region_count, __ATOMIC_RELAXED);
    if (made > READER_REGIONS_MOST && reader->regions.count == READER_REGIONS_MOST)
      add_gap(sweep, "more regions than are read of one process (1 GiB)",
              made - READER_REGIONS_MOST);
  }
  sweep->target.lost_count = reader->lost_count;
  reader->torn_count = scan->torn_count;
}

/* How many of `all` are actors; a lie may say that there are less than of other kinds. */
static uint64_t without(uint64_t all, uint64_t others)
{
  return all > others ? all - others : 0;
}

/* Actors that were ever opened and closed. Each shard may count what is in the making as an
 * actor for a moment, so the sums may be a little high, and the next ones less: then what was
 * told once stands. */
static void count_lives(struct reader *reader)
{
  uint64_t born = 0, died = 0;
  for (size_t r = 0; r < reader->regions.count; r++) {
    const struct impasse_shard *shard =
        (const void *)(reader->regions.chain[r]->first + IMPASSE_SHARDS_OFFSET);
    for (unsigned i = 0; i < IMPASSE_SHARDS; i++, shard++) {
      uint64_t others_born = __atomic_load_n(&shard->others_born, __ATOMIC_ACQUIRE);
      uint64_t others_died = __atomic_load_n(&shard->others_died, __ATOMIC_ACQUIRE);
      uint64_t opened = __atomic_load_n(&shard->fresh_count, __ATOMIC_RELAXED) +
                        __atomic_load_n(&shard->head_count, __ATOMIC_RELAXED);
      born += without(opened, others_born);
      died += without(__atomic_load_n(&shard->tail_count, __ATOMIC_RELAXED), others_died);
    }
  }
  if (born > reader->born_count)
    reader->born_count = born;
  if (died > reader->died_count)
    reader->died_count = died;
}

static void fill_target(struct reader *reader, struct sweep *sweep)
{
  const struct impasse_header *header = &reader->regions.chain[0]->header;
  int64_t runnable = 0;
  sweep->target.version =
      sweep_add_format(sweep, "%u.%u.%u, layout %u", header->version >> 16,
                       header->version >> 8 & 0xff, header->version & 0xff, header->layout);
  if (sweep->kind != SWEEP_FULL)
    return;
  count_lives(reader);
  for (size_t i = 0; i < sweep->actor_count; i++)
    runnable += sweep->actors[i].state == ACTOR_RUNNABLE;
  sweep->target.born_count = count_of(reader->born_count);
  sweep->target.died_count = count_of(reader->died_count);
  sweep->target.run_queue = runnable;
}

static int run(struct reader *reader, enum sweep_kind kind, bool dead, struct sweep **ret_sweep)
{
  static const char runtime[] = "hook";
  int error = -ENOMEM;
  struct reader_scan *scan = calloc(1, sizeof *scan); /* too large for the stack of a thread */
  struct sweep *sweep = sweep_new(reader->target_key, SOURCE_TAG_HOOK, kind);
  if (!scan || !sweep)
    goto out;
  scan->target = dead ? NULL : reader->target;
  scan->regions = &reader->regions;
  scan->sweep = sweep;
  scan->tries = dead || !reader->target ? 1 : TRIES;
  scan->same_clock = reader->same_clock;
  scan->coarse_ns = clock_read_ns(CLOCK_MONOTONIC_COARSE);
  scan->now_ns = sweep->begin_ns = clock_mono_ns();
  sweep->target.runtime = sweep_add_text(sweep, runtime, strlen(runtime));

  if (scan->target)
    reader_threads_begin(&reader->threads, scan->target);
  reader_regions_begin(scan->target, &reader->regions);
  if (kind == SWEEP_FULL)
    take_all(reader, scan);
  else
    for (size_t i = 0; i < reader->watched_count && !scan->no_memory; i++)
      retake_slot(reader, scan, &reader->watched[i]);
  reader_table_finish(scan);
  reader_box_finish(scan);
  reader_wait_finish(scan);
  if (kind == SWEEP_FULL)
    forget_idle(reader, scan);
  fill_target(reader, sweep);
  report_gaps(reader, scan, dead);
  sweep->end_ns = clock_mono_ns();
  if (scan->no_memory)
    goto out;
  sweep_sort(sweep); /* of a chain with its slots in order nothing needs to move */
  *ret_sweep = sweep;
  sweep = NULL;
  error = 0;
out:
  if (scan)
    reader_scan_done(scan);
  free(scan);
  sweep_free(sweep);
  return error;
}

int reader_sweep(struct reader *reader, bool dead, struct sweep **ret_sweep)
{
  return run(reader, SWEEP_FULL, dead, ret_sweep);
}

int reader_round(struct reader *reader, struct sweep **ret_sweep)
{
  return run(reader, SWEEP_ROUND, false, ret_sweep);
}

int reader_glance(struct reader *reader, struct sweep **ret_sweep)
{
  struct reader glance = *reader;
  glance.watched = NULL;
  glance.watched_count = glance.watched_room = 0;
  int error = reader_sweep(&glance, false, ret_sweep);
  reader->regions = glance.regions; /* both are caches of the target, newer ones now */
  reader->threads = glance.threads;
  free(glance.watched);
  return error;
}

void reader_done(struct reader *reader)
{
  reader_regions_done(&reader->regions);
  reader_threads_done(&reader->threads);
  free(reader->watched);
  *reader = (struct reader){0};
}
