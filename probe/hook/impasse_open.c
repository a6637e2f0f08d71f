/*
 * impasse_open.c - opening and closing of everything that takes a slot.
 * Not here: where a slot comes from and goes to (impasse_slot.c).
 */
#include <string.h>

#include "probe/hook/impasse_inner.h"

/* Stores whole words, so that a reader at the same instant sees old or new ones and nothing
 * else. */
static void line_store(void *line, const void *from, unsigned first_word)
{
  for (unsigned i = first_word; i < IMPASSE_LINE_BYTES / 8; i++) {
    uint64_t value;
    memcpy(&value, (const char *)from + 8 * (size_t)i, sizeof value);
    __atomic_store_n((uint64_t *)line + i, value, __ATOMIC_RELAXED);
  }
}

static bool kind_is_actor(uint32_t kind)
{
  return kind == IMPASSE_KIND_ACTOR || kind == IMPASSE_KIND_QUEUE;
}

static struct impasse_shard *shard_of(const struct impasse_process *process, uint32_t number)
{
  return impasse_shard_at(impasse_region_of(process, number),
                          number % IMPASSE_SLOTS / IMPASSE_SHARD_SLOTS);
}

static void cold_fill(struct impasse_process *process, struct impasse_hot *hot,
                      const struct impasse_opening *opening, uint64_t now_ns)
{
  struct impasse_cold cold = {0};
  cold.parent = impasse_ref_word(opening->parent);
  cold.pool = impasse_ref_word(opening->pool);
  cold.owner = impasse_ref_word(opening->owner);
  cold.name_flags = (uint8_t)opening->name.flags;
  cold.table_kind = (uint8_t)opening->table_kind;
  cold.opened_ns = now_ns;
  cold.capacity = opening->capacity;
  if (opening->name.text) {
    char text[IMPASSE_TEXT_BYTES];
    cold.name_kind = IMPASSE_NAME_TEXT;
    (void)impasse_name_store(process, text, sizeof text, opening->name.text);
    line_store(impasse_line(hot, IMPASSE_ARRAY_TEXT), text, 0);
  } else if (opening->name.class_id) {
    cold.name_kind = IMPASSE_NAME_NUMBERED;
    cold.class_id = opening->name.class_id;
    cold.number = opening->name.number;
  }
  line_store(impasse_line(hot, IMPASSE_ARRAY_COLD), &cold, 0);
}

/* Lines BOX and behind, as the kind needs them. */
static void body_fill(struct impasse_hot *hot, uint32_t kind, uint32_t generation)
{
  static const uint64_t zeros[IMPASSE_LINE_BYTES / 8];
  struct impasse_box box = {.generation = generation};
  struct impasse_table_line table = {.generation = generation};
  table.items = table.bytes = INT64_MIN;
  bool is_table = kind == IMPASSE_KIND_TABLE;
  line_store(impasse_line(hot, IMPASSE_ARRAY_BOX), is_table ? (void *)&table : (void *)&box, 0);
  if (is_table)
    line_store(impasse_line(hot, IMPASSE_ARRAY_WAIT0), zeros, 0);
  if (kind == IMPASSE_KIND_SERVICE || kind == IMPASSE_KIND_LIST)
    for (unsigned i = 0; i < IMPASSE_LIST_REFS; i += 8)
      line_store(impasse_list_ref(hot, i), zeros, 0);
}

struct impasse_ref impasse_open_slot(struct impasse_process *process,
                                     const struct impasse_opening *opening)
{
  uint64_t now_ns = impasse_clock_ns(CLOCK_MONOTONIC_COARSE);
  struct impasse_hot *hot = impasse_slot_take(process, now_ns);
  if (!hot)
    return impasse_unknown();
  struct impasse_hot fill = {0};
  uint32_t generation = hot->generation + 1;
  fill.number = hot->number;
  fill.kind = (uint8_t)opening->kind;
  fill.memory_bytes = INT64_MIN;
  fill.run = impasse_ref_usable(opening->pool) ? IMPASSE_RECEIVE : IMPASSE_RUNNING;
  cold_fill(process, hot, opening, now_ns);
  body_fill(hot, opening->kind, generation);
  line_store(hot, &fill, 1);
  __atomic_store_n(&hot->sequence, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&hot->generation, generation, __ATOMIC_RELEASE);
  if (!kind_is_actor(opening->kind))
    __atomic_fetch_add(&shard_of(process, fill.number)->others_born, 1, __ATOMIC_RELEASE);
  impasse_heartbeat(process, now_ns);
  IMPASSE_PROBE(open, fill.number, opening->kind, hot);
  struct impasse_ref ref = {hot, generation, (process->gate.epoch + 1) << 24 | fill.number};
  return ref;
}

struct impasse_ref impasse_open_abi(uint64_t abi, const struct impasse_opening *opening)
{
  struct impasse_process *process = impasse_process_ready(abi);
  if (!process || !opening || opening->kind == IMPASSE_KIND_NONE ||
      opening->kind >= IMPASSE_KIND_COUNT || opening->table_kind >= IMPASSE_TABLE_KIND_COUNT)
    return impasse_unknown();
  return impasse_open_slot(process, opening);
}

/* Closes the lists that belong to a slot: what a service or list goes on with, the holders of open
 * waits. The slot is closed already, and nobody else has it yet. */
static void lists_close(const struct impasse_process *process, const struct impasse_hot *hot,
                        uint32_t kind)
{
  const struct impasse_cold *cold = impasse_line(hot, IMPASSE_ARRAY_COLD);
  bool goes_on = kind == IMPASSE_KIND_SERVICE || kind == IMPASSE_KIND_LIST;
  uint64_t next = goes_on ? __atomic_load_n(&cold->next, __ATOMIC_ACQUIRE) : 0;
  if (next)
    impasse_close_ref(impasse_ref_of_word(process, next));
  for (unsigned i = 0; hot->wait_mask >> i; i++)
    if (hot->wait_mask >> i & 1 && impasse_wait_line_of(hot, i)->list)
      impasse_close_ref(impasse_ref_of_word(process, impasse_wait_line_of(hot, i)->holders[2]));
}

void impasse_close_ref(struct impasse_ref ref)
{
  struct impasse_process *process = impasse_process_on();
  if (!process || !impasse_ref_usable(ref))
    return;
  struct impasse_hot *hot = ref.slot;
  uint32_t generation = ref.generation, kind = hot->kind;
  if (!(generation & 1) ||
      !__atomic_compare_exchange_n(&hot->generation, &generation, generation + 1, false,
                                   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
    return; /* was closed already */
  uint32_t number = ref.stamp & 0xffffffu;
  struct impasse_box *box = impasse_line(hot, IMPASSE_ARRAY_BOX); /* or table: begins likewise */
  __atomic_store_n(&box->generation, generation + 1, __ATOMIC_RELEASE);
  lists_close(process, hot, kind);
  uint64_t now_ns = impasse_clock_ns(CLOCK_MONOTONIC_COARSE);
  impasse_slot_put(impasse_region_of(process, number), number % IMPASSE_SLOTS, now_ns);
  if (!kind_is_actor(kind))
    __atomic_fetch_add(&shard_of(process, number)->others_died, 1, __ATOMIC_RELEASE);
  impasse_heartbeat(process, now_ns);
  IMPASSE_PROBE(close, number, kind, hot);
}
