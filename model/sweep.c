/* sweep.c - building, ordering and checking sweeps. Not here: what becomes of them (tick.c). */
#include "model/sweep.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Enough for one more element: doubles *array. Returns the new element's place, or NULL; nothing
 * changes then. */
static void *grow(void **array, size_t *count, size_t *room, size_t size)
{
  if (*count == *room) {
    size_t wanted = *room ? *room * 2 : 16;
    void *bigger = reallocarray(*array, wanted, size);

    if (!bigger)
      return NULL;
    *array = bigger;
    *room = wanted;
  }
  return (char *)*array + (*count)++ * size;
}

struct sweep *sweep_new(uint64_t target_key, enum source_tag source, enum sweep_kind kind)
{
  struct sweep *sweep = calloc(1, sizeof(*sweep));

  if (!sweep)
    return NULL;
  sweep->target_key = target_key;
  sweep->source = (uint8_t)source;
  sweep->kind = (uint8_t)kind;
  sweep->target = (struct sweep_target){
      .state = ENUM_UNKNOWN,
      .uid = VALUE_UNKNOWN,
      .cpu_ns = VALUE_UNKNOWN,
      .rss_bytes = VALUE_UNKNOWN,
      .memory_limit_bytes = VALUE_UNKNOWN,
      .run_queue = VALUE_UNKNOWN,
      .actor_limit = VALUE_UNKNOWN,
      .atoms = VALUE_UNKNOWN,
      .persistent_terms = VALUE_UNKNOWN,
      .born_count = VALUE_UNKNOWN,
      .died_count = VALUE_UNKNOWN,
      .sweep_cpu_ns = VALUE_UNKNOWN,
      .interval_ns = VALUE_UNKNOWN,
      .part_cpu_ns = VALUE_UNKNOWN,
      .beside_ns_per_s = VALUE_UNKNOWN,
      .part_interval_ns = VALUE_UNKNOWN,
      .lost_count = VALUE_UNKNOWN,
  };
  return sweep;
}

void sweep_free(struct sweep *sweep)
{
  if (!sweep)
    return;
  free(sweep->actors);
  free(sweep->waits);
  free(sweep->holders);
  free(sweep->tables);
  free(sweep->gaps);
  free(sweep->text);
  free(sweep);
}

struct sweep_actor *sweep_add_actor(struct sweep *sweep)
{
  struct sweep_actor *actor =
      grow((void **)&sweep->actors, &sweep->actor_count, &sweep->actor_room, sizeof(*actor));

  if (actor)
    *actor = (struct sweep_actor){
        .depth = VALUE_UNKNOWN,
        .put_count = VALUE_UNKNOWN,
        .take_count = VALUE_UNKNOWN,
        .dropped_count = VALUE_UNKNOWN,
        .capacity = VALUE_UNKNOWN,
        .memory_bytes = VALUE_UNKNOWN,
        .work_count = VALUE_UNKNOWN,
        .kind = ENUM_UNKNOWN,
        .state = ENUM_UNKNOWN,
        .depth_is = ENUM_UNKNOWN,
        .depth_unit = DEPTH_MESSAGES,
        .work_unit = ENUM_UNKNOWN,
    };
  return actor;
}

struct sweep_wait *sweep_add_wait(struct sweep *sweep)
{
  struct sweep_wait *wait =
      grow((void **)&sweep->waits, &sweep->wait_count, &sweep->wait_room, sizeof(*wait));

  /* An unknown need is `any` of an open list: the reading that can never make a deadlock of
   * ignorance. */
  if (wait)
    *wait = (struct sweep_wait){
        .timeout_ns = VALUE_UNKNOWN,
        .via = VIA_OTHER,
        .needs = NEEDS_ANY,
        .timeout = TIMEOUT_UNKNOWN,
        .open = true,
    };
  return wait;
}

struct sweep_holder *sweep_add_holder(struct sweep *sweep)
{
  struct sweep_holder *holder =
      grow((void **)&sweep->holders, &sweep->holder_count, &sweep->holder_room, sizeof(*holder));

  if (holder)
    *holder = (struct sweep_holder){0};
  return holder;
}

struct sweep_table *sweep_add_table(struct sweep *sweep)
{
  struct sweep_table *table =
      grow((void **)&sweep->tables, &sweep->table_count, &sweep->table_room, sizeof(*table));

  if (table)
    *table = (struct sweep_table){
        .items = VALUE_UNKNOWN,
        .bytes = VALUE_UNKNOWN,
        .read_waiters = VALUE_UNKNOWN,
        .write_waiters = VALUE_UNKNOWN,
        .held_ns = VALUE_UNKNOWN,
        .wait_ns = VALUE_UNKNOWN,
        .contended_count = VALUE_UNKNOWN,
        .max_wait_ns = VALUE_UNKNOWN,
        .kind = ENUM_UNKNOWN,
    };
  return table;
}

struct sweep_gap *sweep_add_gap(struct sweep *sweep)
{
  struct sweep_gap *gap =
      grow((void **)&sweep->gaps, &sweep->gap_count, &sweep->gap_room, sizeof(*gap));

  if (gap)
    *gap = (struct sweep_gap){.count = VALUE_UNKNOWN};
  return gap;
}

/* Room for `length` bytes and a NUL behind what is there (and for byte 0, which is "none"). */
static char *text_room(struct sweep *sweep, size_t length)
{
  size_t used = sweep->text_bytes ? sweep->text_bytes : 1;
  size_t wanted = sweep->text_room ? sweep->text_room : 256;

  if (length >= UINT32_MAX - used)
    return NULL;
  while (wanted < used + length + 1)
    wanted *= 2;
  if (wanted > sweep->text_room) {
    char *bigger = realloc(sweep->text, wanted);

    if (!bigger)
      return NULL;
    sweep->text = bigger;
    sweep->text_room = wanted;
  }
  sweep->text[0] = 0;
  sweep->text_bytes = used;
  return sweep->text + used;
}

uint32_t sweep_add_text(struct sweep *sweep, const char *bytes, size_t length)
{
  char *place = length ? text_room(sweep, length) : NULL;

  if (!place)
    return 0;
  memcpy(place, bytes, length);
  place[length] = 0;
  for (char *nul = place; (nul = memchr(nul, 0, (size_t)(place + length - nul)));)
    *nul = '?';
  sweep->text_bytes += length + 1;
  return (uint32_t)(place - sweep->text);
}

uint32_t sweep_add_format(struct sweep *sweep, const char *format, ...)
{
  char small[256];
  char *large = NULL;
  uint32_t text = 0;
  va_list arguments;
  int length;

  va_start(arguments, format);
  length = vsnprintf(small, sizeof(small), format, arguments);
  va_end(arguments);
  if (length <= 0)
    return 0;
  if ((size_t)length < sizeof(small))
    return sweep_add_text(sweep, small, (size_t)length);
  va_start(arguments, format);
  length = vasprintf(&large, format, arguments);
  va_end(arguments);
  if (length > 0) {
    text = sweep_add_text(sweep, large, (size_t)length);
    free(large);
  }
  return text;
}

const char *sweep_text(const struct sweep *sweep, uint32_t text)
{
  return text && text < sweep->text_bytes ? sweep->text + text : NULL;
}

static int compare_u64(uint64_t a, uint64_t b)
{
  return (a > b) - (a < b);
}

static int compare_actors(const void *a, const void *b)
{
  return compare_u64(((const struct sweep_actor *)a)->key, ((const struct sweep_actor *)b)->key);
}

static int compare_tables(const void *a, const void *b)
{
  return compare_u64(((const struct sweep_table *)a)->key, ((const struct sweep_table *)b)->key);
}

static int compare_waits(const void *a, const void *b)
{
  const struct sweep_wait *x = a, *y = b;
  int order = compare_u64(x->waiter, y->waiter);

  if (!order)
    order = compare_u64(x->id.hi, y->id.hi);
  return order ? order : compare_u64(x->id.lo, y->id.lo);
}

static void sort_unless_sorted(void *rows, size_t count, size_t size,
                               int (*compare)(const void *, const void *))
{
  for (size_t i = 1; i < count; i++) {
    if (compare((char *)rows + (i - 1) * size, (char *)rows + i * size) > 0) {
      qsort(rows, count, size, compare);
      return;
    }
  }
}

void sweep_sort(struct sweep *sweep)
{
  sort_unless_sorted(sweep->actors, sweep->actor_count, sizeof(*sweep->actors), compare_actors);
  sort_unless_sorted(sweep->waits, sweep->wait_count, sizeof(*sweep->waits), compare_waits);
  sort_unless_sorted(sweep->tables, sweep->table_count, sizeof(*sweep->tables), compare_tables);
}

static bool enum_ok(uint8_t value, uint8_t last)
{
  return value <= last || value == ENUM_UNKNOWN;
}

static bool text_ok(const struct sweep *sweep, uint32_t text)
{
  return text == 0 || text < sweep->text_bytes;
}

static bool target_ok(const struct sweep *sweep)
{
  const struct sweep_target *t = &sweep->target;

  return sweep->target_key && sweep->target_key <= INT64_MAX && sweep->source >= 1 &&
         sweep->source <= 127 && sweep->kind <= SWEEP_FAILED && sweep->begin_ns <= sweep->end_ns &&
         text_ok(sweep, t->name) && text_ok(sweep, t->runtime) && text_ok(sweep, t->version) &&
         text_ok(sweep, t->cgroup) && text_ok(sweep, t->reason) && text_ok(sweep, t->peer) &&
         enum_ok(t->state, TARGET_GONE) &&
         (sweep->text_bytes == 0 ||
          (sweep->text_bytes <= UINT32_MAX && sweep->text[sweep->text_bytes - 1] == 0));
}

static bool actor_ok(const struct sweep *sweep, size_t i)
{
  const struct sweep_actor *a = &sweep->actors[i];

  return a->key >> 56 == sweep->source && (i == 0 || a[-1].key < a->key) &&
         text_ok(sweep, a->name) && text_ok(sweep, a->function) &&
         enum_ok(a->kind, ACTOR_KIND_PROMISE) && enum_ok(a->state, ACTOR_EXITING) &&
         enum_ok(a->depth_is, DEPTH_AT_LEAST) && enum_ok(a->depth_unit, DEPTH_CONNECTIONS) &&
         enum_ok(a->work_unit, WORK_RUNS) &&
         (!(a->flags & SWEEP_ACTOR_GONE) || sweep->kind == SWEEP_ROUND ||
          sweep->kind == SWEEP_PART);
}

static bool wait_ok(const struct sweep *sweep, size_t i)
{
  const struct sweep_wait *w = &sweep->waits[i];

  return (i == 0 || compare_waits(w - 1, w) < 0) && text_ok(sweep, w->object) &&
         w->via <= VIA_OTHER && w->needs <= NEEDS_ANY && w->timeout <= TIMEOUT_UNKNOWN &&
         w->holder_first <= sweep->holder_count &&
         w->holder_count <= sweep->holder_count - w->holder_first;
}

static bool table_ok(const struct sweep *sweep, size_t i)
{
  const struct sweep_table *t = &sweep->tables[i];

  return t->key && t->key <= INT64_MAX && (i == 0 || t[-1].key < t->key) &&
         text_ok(sweep, t->name) && text_ok(sweep, t->type) && enum_ok(t->kind, TABLE_ETS);
}

int sweep_check(const struct sweep *sweep)
{
  size_t waiter = 0, holders = 0;

  if (!target_ok(sweep))
    return -EINVAL;
  for (size_t i = 0; i < sweep->actor_count; i++)
    if (!actor_ok(sweep, i))
      return -EINVAL;
  for (size_t i = 0; i < sweep->wait_count; i++) {
    if (!wait_ok(sweep, i))
      return -EINVAL;
    holders += sweep->waits[i].holder_count;
    if (holders > sweep->holder_count)
      return -EINVAL;
    while (waiter < sweep->actor_count && sweep->actors[waiter].key < sweep->waits[i].waiter)
      waiter++;
    if (waiter == sweep->actor_count || sweep->actors[waiter].key != sweep->waits[i].waiter ||
        (sweep->actors[waiter].flags & SWEEP_ACTOR_GONE))
      return -EINVAL;
  }
  for (size_t i = 0; i < sweep->holder_count; i++)
    if (sweep->holders[i].target > INT64_MAX || sweep->holders[i].actor > INT64_MAX ||
        !text_ok(sweep, sweep->holders[i].peer) || !text_ok(sweep, sweep->holders[i].name))
      return -EINVAL;
  for (size_t i = 0; i < sweep->table_count; i++)
    if (!table_ok(sweep, i))
      return -EINVAL;
  for (size_t i = 0; i < sweep->gap_count; i++)
    if (!text_ok(sweep, sweep->gaps[i].reason))
      return -EINVAL;
  return 0;
}
