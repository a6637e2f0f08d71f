/*
 * impasse_slot.c - which slots are free: a lock-free allocator in the shared memory itself.
 *
 * Each eighth of a region (a shard) hands out its slots from the first on (fresh_count), so that
 * what was never used is never touched. Closed slots line up in a ring of cells, the shard's own,
 * and are taken again from its head: after a rest, so that a reader in the middle of its sweep
 * meets them as closed and not as somebody else, or earlier when many rest or nothing else is left.
 * A thread keeps to one shard, its home, as long as there is room.
 *
 *    impasse_slot_take: ring of its place -> fresh of its place -> any place -> one more region
 *                       -> any ring, rested or not -> none: counted
 */
#include <errno.h>
#include <sched.h>

#include "probe/hook/impasse_inner.h"

enum { RESTING_MOST = 1024 }; /* closed slots of a shard that may wait out their rest */
#define REST_NS UINT64_C(2000000000)
#define GROWTH_PAUSE_NS UINT64_C(1000000000)

static struct impasse_cell *cell_at(struct impasse_header *header, uint32_t shard,
                                    uint64_t position)
{
  struct impasse_cell *cells =
      (struct impasse_cell *)(void *)((char *)header + IMPASSE_CELLS_OFFSET);
  return &cells[shard * IMPASSE_SHARD_SLOTS + position % IMPASSE_SHARD_SLOTS];
}

/* Takes the oldest closed slot of a shard: when it has rested, when too many rest behind it, or in
 * any case when `hungry`. A cell whose turn has not come belongs to a thread that is still at it:
 * as good as none. */
static bool ring_take(struct impasse_header *header, uint32_t shard_number, uint64_t now_ns,
                      bool hungry, uint32_t *ret_index)
{
  struct impasse_shard *shard = impasse_shard_at(header, shard_number);
  uint64_t head = __atomic_load_n(&shard->head_count, __ATOMIC_ACQUIRE);
  for (;;) {
    struct impasse_cell *cell = cell_at(header, shard_number, head);
    uint32_t turn = (uint32_t)(head / IMPASSE_SHARD_SLOTS) * 2;
    if (__atomic_load_n(&cell->turn, __ATOMIC_ACQUIRE) != turn + 1)
      return false;
    uint64_t closed_ns = __atomic_load_n(&cell->closed_ns, __ATOMIC_RELAXED);
    uint32_t index = __atomic_load_n(&cell->index, __ATOMIC_RELAXED);
    if (!hungry && impasse_younger(closed_ns, REST_NS, now_ns) &&
        __atomic_load_n(&shard->tail_count, __ATOMIC_RELAXED) - head <= RESTING_MOST)
      return false;
    if (__atomic_compare_exchange_n(&shard->head_count, &head, head + 1, true, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
      __atomic_store_n(&cell->turn, turn + 2, __ATOMIC_RELEASE);
      *ret_index = index;
      return true;
    }
  }
}

/* Never full: it has a cell for each slot of the shard, and a slot is in it at most once. For the
 * same reason the cell at the tail is empty by now. */
void impasse_slot_put(struct impasse_header *header, uint32_t index, uint64_t now_ns)
{
  uint32_t shard_number = index / IMPASSE_SHARD_SLOTS;
  struct impasse_shard *shard = impasse_shard_at(header, shard_number);
  uint64_t tail = __atomic_fetch_add(&shard->tail_count, 1, __ATOMIC_RELAXED);
  struct impasse_cell *cell = cell_at(header, shard_number, tail);
  __atomic_store_n(&cell->closed_ns, now_ns, __ATOMIC_RELAXED);
  __atomic_store_n(&cell->index, index, __ATOMIC_RELAXED);
  __atomic_store_n(&cell->turn, (uint32_t)(tail / IMPASSE_SHARD_SLOTS) * 2 + 1, __ATOMIC_RELEASE);
}

static bool fresh_take(struct impasse_header *header, uint32_t shard_number, uint32_t *ret_index)
{
  struct impasse_shard *shard = impasse_shard_at(header, shard_number);
  uint32_t limit = (header->slot_limit + IMPASSE_SHARDS - 1 - shard_number) / IMPASSE_SHARDS;
  uint32_t used = __atomic_load_n(&shard->fresh_count, __ATOMIC_RELAXED);
  while (used < limit)
    if (__atomic_compare_exchange_n(&shard->fresh_count, &used, used + 1, true, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED)) {
      *ret_index = shard_number * IMPASSE_SHARD_SLOTS + used;
      return true;
    }
  return false;
}

/* Tries one shard of one region: place = region * IMPASSE_SHARDS + shard. */
static struct impasse_hot *place_take(struct impasse_process *process, uint32_t place,
                                      uint64_t now_ns, bool hungry)
{
  struct impasse_header *header =
      impasse_region_of(process, place / IMPASSE_SHARDS * IMPASSE_SLOTS);
  uint32_t shard = place % IMPASSE_SHARDS, index;
  if (!ring_take(header, shard, now_ns, hungry, &index) && !fresh_take(header, shard, &index))
    return NULL;
  struct impasse_hot *hot = impasse_hot_at(header, index);
  if (!hot->number && header->first_slot + index)
    __atomic_store_n(&hot->number, header->first_slot + index, __ATOMIC_RELAXED);
  return hot;
}

/* All shards, the newest region first. */
static struct impasse_hot *anywhere_take(struct impasse_process *process, uint32_t *place,
                                         uint64_t now_ns, bool hungry)
{
  uint32_t count = __atomic_load_n(&process->region_count, __ATOMIC_ACQUIRE) * IMPASSE_SHARDS;
  for (uint32_t i = count; i-- > 0;) {
    struct impasse_hot *hot = place_take(process, i, now_ns, hungry);
    if (hot) {
      __atomic_store_n(place, i, __ATOMIC_RELEASE);
      return hot;
    }
  }
  return NULL;
}

/* Adds a region, or lets another thread do so. True when it is worth another look. */
static bool process_grow(struct impasse_process *process, uint64_t now_ns)
{
  uint32_t count = __atomic_load_n(&process->region_count, __ATOMIC_ACQUIRE), idle = 0;
  uint64_t failed_ns = __atomic_load_n(&process->growth_failed_ns, __ATOMIC_RELAXED);
  if ((uint64_t)count * IMPASSE_SLOTS >= process->slots_most || count == IMPASSE_CHAIN_MOST ||
      (failed_ns && impasse_younger(failed_ns, GROWTH_PAUSE_NS, now_ns)))
    return false;
  if (__atomic_compare_exchange_n(&process->growing, &idle, 1, false, __ATOMIC_ACQUIRE,
                                  __ATOMIC_RELAXED)) {
    int saved = errno;
    int error = process->region_count == count ? impasse_region_add(process) : 0;
    errno = saved;
    if (error)
      impasse_loss_add(process, IMPASSE_LOSS_GROWTH);
    __atomic_store_n(&process->growth_failed_ns, error ? now_ns : 0, __ATOMIC_RELAXED);
    __atomic_store_n(&process->growing, 0, __ATOMIC_RELEASE);
    return !error;
  }
  for (int i = 0; i < IMPASSE_PATIENCE && __atomic_load_n(&process->growing, __ATOMIC_ACQUIRE); i++)
    (void)sched_yield();
  return __atomic_load_n(&process->region_count, __ATOMIC_ACQUIRE) > count;
}

/* Threads are told apart by where their stacks are, since there is no state in them. */
static uint32_t home_shard(void)
{
  uint64_t stack = (uint64_t)(uintptr_t)__builtin_frame_address(0) >> 20;
  return (uint32_t)(stack * UINT64_C(0x9e3779b97f4a7c15) >> 32) % IMPASSE_SHARDS;
}

struct impasse_hot *impasse_slot_take(struct impasse_process *process, uint64_t now_ns)
{
  uint32_t *place = &process->place[home_shard()];
  struct impasse_hot *hot =
      place_take(process, __atomic_load_n(place, __ATOMIC_ACQUIRE), now_ns, false);
  while (!hot) {
    hot = anywhere_take(process, place, now_ns, false);
    if (!hot && !process_grow(process, now_ns))
      break;
  }
  if (!hot)
    hot = anywhere_take(process, place, now_ns, true);
  if (!hot)
    impasse_loss_add(process, IMPASSE_LOSS_ACTORS);
  return hot;
}
