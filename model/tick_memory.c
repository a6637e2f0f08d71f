/*
 * tick_memory.c - see tick_memory.h. Old and new rows are sorted by the same keys, so they are
 * merged side by side, without hashing; everything new is built beside the old and swapped in last,
 * so that a failure changes nothing.
 */
#include "model/tick_memory.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/tick_part.h"
#include "model/tick_rates.h"

#define TARGET_KEEP_NS (60ull * 1000000000)
#define POOL_WAIT_ID 0x706f6f6c77616974ull /* wait_id.hi of waits made here */

/* --- targets and feeds --- */

static void feed_free(struct tick_feed *feed)
{
  if (!feed)
    return;
  sweep_free(feed->sweep);
  sweep_free(feed->failure);
  sweep_free(feed->part);
  free(feed->actors);
  free(feed->waits);
  free(feed->tables);
  free(feed->bearers);
  free(feed);
}

static void target_free(struct tick_target *target)
{
  for (size_t i = 0; i < target->feed_count; i++)
    feed_free(target->feeds[i]);
  free(target->feeds);
  free(target);
}

void tick_memory_done(struct tick_memory *memory)
{
  for (size_t i = 0; i < memory->target_count; i++)
    target_free(memory->targets[i]);
  free(memory->targets);
  *memory = (struct tick_memory){0};
}

static size_t target_place(const struct tick_memory *memory, uint64_t key)
{
  size_t low = 0, high = memory->target_count;

  while (low < high) {
    size_t middle = low + (high - low) / 2;

    if (memory->targets[middle]->key < key)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

struct tick_target *tick_memory_target(const struct tick_memory *memory, uint64_t key)
{
  size_t i = target_place(memory, key);

  return i < memory->target_count && memory->targets[i]->key == key ? memory->targets[i] : NULL;
}

static struct tick_target *target_add(struct tick_memory *memory, uint64_t key)
{
  size_t i = target_place(memory, key);
  struct tick_target *target;

  if (memory->target_count == memory->target_room) {
    size_t room = memory->target_room ? 2 * memory->target_room : 8;
    struct tick_target **bigger = reallocarray(memory->targets, room, sizeof(struct tick_target *));

    if (!bigger)
      return NULL;
    memory->targets = bigger;
    memory->target_room = room;
  }
  target = calloc(1, sizeof(*target));
  if (!target)
    return NULL;
  target->key = key;
  memmove(memory->targets + i + 1, memory->targets + i,
          (memory->target_count - i) * sizeof(struct tick_target *));
  memory->targets[i] = target;
  memory->target_count++;
  return target;
}

static struct tick_feed *feed_get(struct tick_target *target, uint8_t source)
{
  struct tick_feed **bigger, *feed;
  size_t i = 0;

  while (i < target->feed_count && target->feeds[i]->source < source)
    i++;
  if (i < target->feed_count && target->feeds[i]->source == source)
    return target->feeds[i];
  bigger = reallocarray(target->feeds, target->feed_count + 1, sizeof(struct tick_feed *));
  if (!bigger)
    return NULL;
  target->feeds = bigger;
  feed = calloc(1, sizeof(*feed));
  if (!feed)
    return NULL;
  feed->source = source;
  feed->born_per_s = feed->died_per_s = NAN;
  feed->cpu_permille = VALUE_UNKNOWN;
  memmove(bigger + i + 1, bigger + i, (target->feed_count - i) * sizeof(struct tick_feed *));
  bigger[i] = feed;
  target->feed_count++;
  return feed;
}

static void target_remove(struct tick_memory *memory, size_t i)
{
  target_free(memory->targets[i]);
  memory->target_count--;
  memmove(memory->targets + i, memory->targets + i + 1,
          (memory->target_count - i) * sizeof(struct tick_target *));
}

void tick_memory_forget(struct tick_memory *memory, uint64_t key)
{
  size_t i = target_place(memory, key);

  if (i < memory->target_count && memory->targets[i]->key == key)
    target_remove(memory, i);
}

void tick_memory_expire(struct tick_memory *memory, uint64_t now_ns,
                        void (*forgotten)(void *context, uint64_t key), void *context)
{
  for (size_t i = memory->target_count; i-- > 0;) {
    const struct tick_target *target = memory->targets[i];

    if (target->gone_since_ns && now_ns >= target->gone_since_ns + TARGET_KEEP_NS) {
      forgotten(context, target->key);
      target_remove(memory, i);
    }
  }
}

const struct sweep *tick_feed_facts(const struct tick_feed *feed)
{
  if (feed->failure)
    return feed->failure;
  return feed->part ? feed->part : feed->sweep;
}

size_t tick_feed_find(const struct tick_feed *feed, uint64_t actor, size_t hint)
{
  const struct sweep_actor *rows;
  size_t low = 0, high, step = 1;

  if (!feed->sweep || feed->sweep->actor_count == 0)
    return SIZE_MAX;
  rows = feed->sweep->actors;
  high = feed->sweep->actor_count;
  /* Keys near each other stand near each other: widen from the hint before halving. */
  if (hint < high) {
    if (rows[hint].key == actor)
      return hint;
    if (rows[hint].key < actor) {
      for (low = hint + 1; low + step < high && rows[low + step].key < actor; step *= 2)
        low += step;
      high = low + step < high ? low + step + 1 : high;
    } else {
      for (high = hint; high > step && rows[high - step].key > actor; step *= 2)
        high -= step;
      low = high > step ? high - step : 0;
    }
  }
  while (low < high) {
    size_t middle = low + (high - low) / 2;

    if (rows[middle].key < actor)
      low = middle + 1;
    else
      high = middle;
  }
  return low < feed->sweep->actor_count && rows[low].key == actor ? low : SIZE_MAX;
}

/* --- registered names --- */

static void forget_bearers(struct tick_feed *feed)
{
  free(feed->bearers);
  feed->bearers = NULL;
  feed->bearer_count = 0;
}

static const char *name_of_row(const struct sweep *sweep, uint32_t row)
{
  return sweep_text(sweep, sweep->actors[row].name);
}

static int compare_bearers(const void *a, const void *b, void *sweep)
{
  return strcmp(name_of_row(sweep, *(const uint32_t *)a), name_of_row(sweep, *(const uint32_t *)b));
}

static void list_bearers(struct tick_feed *feed)
{
  struct sweep *sweep = feed->sweep;
  size_t count = 0;

  for (int filling = 0; filling < 2; filling++) {
    if (filling)
      feed->bearers = malloc((count + 1) * sizeof(*feed->bearers));
    if (filling && !feed->bearers)
      return;
    count = 0;
    for (uint32_t i = 0; i < sweep->actor_count; i++) {
      if (!(sweep->actors[i].flags & SWEEP_ACTOR_REGISTERED) || !name_of_row(sweep, i))
        continue;
      if (filling)
        feed->bearers[count] = i;
      count++;
    }
  }
  feed->bearer_count = count;
  qsort_r(feed->bearers, count, sizeof(*feed->bearers), compare_bearers, sweep);
}

size_t tick_feed_find_name(struct tick_feed *feed, const char *name)
{
  size_t low = 0, high;

  if (!feed->sweep)
    return SIZE_MAX;
  if (!feed->bearers)
    list_bearers(feed);
  high = feed->bearer_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;

    if (strcmp(name_of_row(feed->sweep, feed->bearers[middle]), name) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == feed->bearer_count || strcmp(name_of_row(feed->sweep, feed->bearers[low]), name) != 0)
    return SIZE_MAX;
  if (low + 1 < feed->bearer_count &&
      strcmp(name_of_row(feed->sweep, feed->bearers[low + 1]), name) == 0)
    return SIZE_MAX;
  return feed->bearers[low];
}

bool tick_wait_is_of_pool(const struct sweep_wait *wait)
{
  return wait->id.hi == POOL_WAIT_ID && wait->via == VIA_POOL;
}

/* --- waits: the list of a feed, built new by every read --- */

struct wait_list {
  struct sweep_wait *waits;
  struct sweep_holder *holders;
  struct wait_memory *memory;
  size_t count, holder_count;
};

static void wait_list_done(struct wait_list *list)
{
  free(list->waits);
  free(list->holders);
  free(list->memory);
}

/* On failure wait_list_done is still due. */
static int wait_list_init(struct wait_list *list, size_t waits, size_t holders)
{
  list->waits = malloc((waits + 1) * sizeof(*list->waits));
  list->holders = malloc((holders + 1) * sizeof(*list->holders));
  list->memory = malloc((waits + 1) * sizeof(*list->memory));
  return list->waits && list->holders && list->memory ? 0 : -ENOMEM;
}

static int compare_words(const struct sweep *a, uint32_t x, const struct sweep *b, uint32_t y)
{
  const char *left = sweep_text(a, x), *right = sweep_text(b, y);

  return strcmp(left ? left : "", right ? right : "");
}

/* By what they mean, for their words may stand in the texts of two sweeps. */
static int compare_holders(const struct sweep *a, const struct sweep_holder *x,
                           const struct sweep *b, const struct sweep_holder *y)
{
  int order = 0;

  if (x->target != y->target)
    return x->target < y->target ? -1 : 1;
  if (x->actor != y->actor)
    return x->actor < y->actor ? -1 : 1;
  if (x->peer || y->peer)
    order = compare_words(a, x->peer, b, y->peer);
  if (order == 0 && x->creation != y->creation)
    return x->creation < y->creation ? -1 : 1;
  return order == 0 && (x->name || y->name) ? compare_words(a, x->name, b, y->name) : order;
}

static int compare_holders_of(const void *a, const void *b, void *sweep)
{
  return compare_holders(sweep, a, sweep, b);
}

/* Writes the target into each holder that is not a peer's, orders a wait's holders and drops
 * doubles: equal sets then stand in equal order. */
static void normalise_holders(struct sweep *sweep, struct sweep_wait *wait, uint64_t target)
{
  struct sweep_holder *holders = sweep->holders + wait->holder_first;
  uint32_t kept = 0;

  for (uint32_t i = 0; i < wait->holder_count; i++)
    if (holders[i].target == 0 && holders[i].peer == 0)
      holders[i].target = target;
  if (wait->holder_count < 2)
    return;
  qsort_r(holders, wait->holder_count, sizeof(*holders), compare_holders_of, sweep);
  for (uint32_t i = 0; i < wait->holder_count; i++)
    if (i == 0 || compare_holders(sweep, &holders[i], sweep, &holders[i - 1]) != 0)
      holders[kept++] = holders[i];
  wait->holder_count = kept;
}

/* Appends a wait of `from`; its memory starts as that of a read between the two instants. */
static struct sweep_wait *wait_list_add(struct wait_list *list, const struct sweep_wait *wait,
                                        const struct sweep_holder *holders, uint64_t begin_ns,
                                        uint64_t end_ns)
{
  struct sweep_wait *copy = &list->waits[list->count];

  *copy = *wait;
  copy->holder_first = (uint32_t)list->holder_count;
  /* the holders may be in their place already, see add_pool_wait */
  if (wait->holder_count > 0)
    memmove(list->holders + list->holder_count, holders, wait->holder_count * sizeof(*holders));
  list->holder_count += wait->holder_count;
  list->memory[list->count++] = (struct wait_memory){
      .end_first_ns = end_ns,
      .begin_last_ns = begin_ns,
      .since_ns = wait->since_ns ? wait->since_ns : end_ns,
  };
  return copy;
}

/* Of a target that stood still: one read is as good as two. */
static void lasted_all_the_while(struct wait_memory *memory, const struct sweep *sweep,
                                 const struct sweep_wait *wait)
{
  memory->end_first_ns = sweep->begin_ns;
  memory->begin_last_ns = sweep->end_ns;
  memory->since_ns = wait->since_ns;
}

static int compare_waits(const struct sweep_wait *a, const struct sweep_wait *b)
{
  if (a->waiter != b->waiter)
    return a->waiter < b->waiter ? -1 : 1;
  if (a->id.hi != b->id.hi)
    return a->id.hi < b->id.hi ? -1 : 1;
  return (a->id.lo > b->id.lo) - (a->id.lo < b->id.lo);
}

/* A wait with the text that the words of its holders are in. */
struct seen_wait {
  const struct sweep *text;
  const struct sweep_wait *wait;
  const struct sweep_holder *holders; /* of all waits beside it */
};

static bool same_holders(const struct seen_wait *was, const struct seen_wait *is)
{
  if (was->wait->holder_count != is->wait->holder_count || was->wait->needs != is->wait->needs ||
      was->wait->open != is->wait->open)
    return false;
  for (uint32_t h = 0; h < is->wait->holder_count; h++)
    if (compare_holders(was->text, &was->holders[was->wait->holder_first + h], is->text,
                        &is->holders[is->wait->holder_first + h]) != 0)
      return false;
  return true;
}

/* What an earlier read of the same wait is worth to the new one. */
static void inherit_wait(const struct seen_wait *was, const struct wait_memory *old,
                         const struct seen_wait *is, struct wait_memory *memory)
{
  if (was->wait->run_count != is->wait->run_count)
    return;
  memory->edge = old->edge;
  memory->hint = old->hint;
  memory->counted = old->counted;
  memory->runner = old->runner;
  if (is->wait->since_ns == 0)
    memory->since_ns = old->since_ns;
  if (!same_holders(was, is)) {
    memory->counted = false; /* a wait that was handed on is an episode of another edge */
    return;
  }
  memory->bearers = old->bearers;
  memory->alone_ns = old->alone_ns;
  memory->end_first_ns = old->end_first_ns;
  if (memory->begin_last_ns < old->begin_last_ns)
    memory->begin_last_ns = old->begin_last_ns;
}

/* `text` is the sweep that the words of the list are in. */
static void inherit_waits(const struct tick_feed *feed, const struct sweep *text,
                          struct wait_list *list)
{
  size_t j = 0, old_count = feed->sweep ? feed->sweep->wait_count : 0;

  for (size_t i = 0; i < list->count && j < old_count; i++) {
    struct sweep_wait *old = feed->sweep->waits;

    while (j < old_count && compare_waits(&old[j], &list->waits[i]) < 0)
      j++;
    if (j < old_count && compare_waits(&old[j], &list->waits[i]) == 0) {
      struct seen_wait was = {feed->sweep, &old[j], feed->sweep->holders};
      struct seen_wait is = {text, &list->waits[i], list->holders};

      inherit_wait(&was, &feed->waits[j], &is, &list->memory[i]);
    }
  }
}

/* --- pools --- */

struct occupant {
  uint64_t pool, actor;
  uint64_t read_begin_ns, read_end_ns;
};

/* The pools of a feed and who has their threads. */
struct pools {
  struct occupant *occupants; /* by (pool, actor) */
  size_t count;
  bool any;
};

static int compare_occupants(const void *a, const void *b)
{
  const struct occupant *x = a, *y = b;

  if (x->pool != y->pool)
    return x->pool < y->pool ? -1 : 1;
  return (x->actor > y->actor) - (x->actor < y->actor);
}

static bool is_queued(const struct sweep_actor *actor)
{
  return actor->pool && actor->tid == 0 && actor->state == ACTOR_RUNNABLE;
}

static int reserve_occupants(struct pools *pools, size_t room)
{
  *pools = (struct pools){.occupants = malloc((room + 1) * sizeof(*pools->occupants))};
  return pools->occupants ? 0 : -ENOMEM;
}

/* Fills in what reserve_occupants made room for: as many as there are actors. */
static void find_occupants(const struct sweep_actor *actors, const struct actor_memory *memory,
                           size_t count, struct pools *pools)
{
  for (size_t i = 0; i < count; i++) {
    pools->any |= actors[i].kind == ACTOR_KIND_POOL;
    if (actors[i].pool && actors[i].tid)
      pools->occupants[pools->count++] = (struct occupant){
          actors[i].pool, actors[i].key, memory[i].read_begin_ns, memory[i].read_end_ns};
  }
  qsort(pools->occupants, pools->count, sizeof(*pools->occupants), compare_occupants);
}

static const struct sweep_wait pool_wait = {
    .id = {.hi = POOL_WAIT_ID},
    .timeout_ns = VALUE_UNKNOWN,
    .via = VIA_POOL,
    .needs = NEEDS_ANY,
    .timeout = TIMEOUT_NONE,
    .rank = UINT8_MAX,
};

/* A full pool waits for any of the actors on its threads. What the occupants' rows were read from
 * bounds how long all of them are known to have been there. */
static void add_pool_wait(struct wait_list *list, const struct pools *pools,
                          const struct sweep_actor *pool, const struct actor_memory *memory,
                          uint64_t target)
{
  struct sweep_wait wait = pool_wait;
  uint64_t begin = memory->read_begin_ns, end = memory->read_end_ns;
  bool size_known = (pool->flags & SWEEP_ACTOR_POOL_SIZE) && pool->capacity != VALUE_UNKNOWN;
  size_t low = 0, high = pools->count, last;

  while (low < high) {
    size_t middle = low + (high - low) / 2;

    if (pools->occupants[middle].pool < pool->key)
      low = middle + 1;
    else
      high = middle;
  }
  for (last = low; last < pools->count && pools->occupants[last].pool == pool->key; last++) {
    const struct occupant *at = &pools->occupants[last];

    list->holders[list->holder_count + (last - low)] =
        (struct sweep_holder){.target = target, .actor = at->actor};
    begin = at->read_begin_ns < begin ? at->read_begin_ns : begin;
    end = at->read_end_ns > end ? at->read_end_ns : end;
  }
  if (!size_known || last == low || (int64_t)(last - low) < pool->capacity)
    return;
  wait.waiter = pool->key;
  wait.id.lo = pool->key;
  wait.holder_count = (uint32_t)(last - low);
  (void)wait_list_add(list, &wait, list->holders + list->holder_count, begin, end);
}

static void add_queued_wait(struct wait_list *list, const struct sweep_actor *actor,
                            const struct actor_memory *memory, uint64_t target)
{
  struct sweep_holder holder = {.target = target, .actor = actor->pool};
  struct sweep_wait wait = pool_wait;

  wait.waiter = actor->key;
  wait.id.lo = actor->pool;
  wait.run_count = (uint64_t)actor->work_count; /* once it has run, it is another wait */
  wait.holder_count = 1;
  (void)wait_list_add(list, &wait, &holder, memory->read_begin_ns, memory->read_end_ns);
}

static void add_waits_of_pools(struct wait_list *list, const struct pools *pools,
                               const struct sweep_actor *actor, const struct actor_memory *memory,
                               uint64_t target)
{
  if (actor->kind == ACTOR_KIND_POOL)
    add_pool_wait(list, pools, actor, memory, target);
  else if (is_queued(actor))
    add_queued_wait(list, actor, memory, target);
}

/* --- a full sweep --- */

static bool is_registered(const struct sweep *sweep, const struct sweep_actor *actor)
{
  return (actor->flags & SWEEP_ACTOR_REGISTERED) && sweep_text(sweep, actor->name);
}

static bool same_name(const struct sweep *a, const struct sweep_actor *x, const struct sweep *b,
                      const struct sweep_actor *y)
{
  return strcmp(sweep_text(a, x->name), sweep_text(b, y->name)) == 0;
}

/* Tells names lost (gained = false), then names gained, between two sweeps. */
static void tell_names(const struct sweep *was, const struct sweep *is, bool gained,
                       struct names *names)
{
  const struct sweep *from = gained ? is : was, *other = gained ? was : is;
  size_t j = 0;

  for (size_t i = 0; i < from->actor_count; i++) {
    const struct sweep_actor *actor = &from->actors[i], *beside;

    if (!is_registered(from, actor))
      continue;
    while (j < other->actor_count && other->actors[j].key < actor->key)
      j++;
    beside = &other->actors[j];
    if (j < other->actor_count && beside->key == actor->key && is_registered(other, beside) &&
        same_name(from, actor, other, beside))
      continue;
    (gained ? names_gained : names_lost)(names, is->target_key, sweep_text(from, actor->name),
                                         actor->key);
  }
}

static struct actor_memory *remember_actors(const struct tick_feed *feed, const struct sweep *sweep)
{
  const struct sweep *was = feed->sweep;
  size_t j = 0, old_count = was ? was->actor_count : 0;
  struct actor_memory *memory = malloc((sweep->actor_count + 1) * sizeof(*memory));

  for (size_t i = 0; memory && i < sweep->actor_count; i++) {
    const struct sweep_actor *actor = &sweep->actors[i];
    bool known;

    while (j < old_count && was->actors[j].key < actor->key)
      j++;
    known = j < old_count && was->actors[j].key == actor->key;
    memory[i] = tick_rate_actor(known ? &was->actors[j] : NULL, known ? &feed->actors[j] : NULL,
                                actor, sweep);
  }
  return memory;
}

static struct table_memory *remember_tables(const struct tick_feed *feed, const struct sweep *sweep)
{
  const struct sweep *was = feed->sweep;
  size_t j = 0, old_count = was ? was->table_count : 0;
  struct table_memory *memory = malloc((sweep->table_count + 1) * sizeof(*memory));

  for (size_t i = 0; memory && i < sweep->table_count; i++) {
    const struct sweep_table *table = &sweep->tables[i];
    bool known;

    while (j < old_count && was->tables[j].key < table->key)
      j++;
    known = j < old_count && was->tables[j].key == table->key;
    memory[i] = tick_rate_table(known ? &was->tables[j] : NULL, known ? &feed->tables[j] : NULL,
                                table, sweep);
  }
  return memory;
}

static bool any_pool(const struct sweep *sweep)
{
  for (size_t i = 0; i < sweep->actor_count; i++)
    if (sweep->actors[i].kind == ACTOR_KIND_POOL)
      return true;
  return false;
}

static int list_waits_of_full(struct sweep *sweep, const struct actor_memory *memory,
                              struct wait_list *list)
{
  size_t next = 0, extra = any_pool(sweep) ? sweep->actor_count : 0;
  struct pools pools = {0};
  int e = wait_list_init(list, sweep->wait_count + extra, sweep->holder_count + 2 * extra);

  if (!e && extra)
    e = reserve_occupants(&pools, extra);
  if (e) {
    wait_list_done(list);
    return e;
  }
  if (extra)
    find_occupants(sweep->actors, memory, sweep->actor_count, &pools);
  for (size_t i = 0; i < sweep->actor_count && (extra || next < sweep->wait_count); i++) {
    for (; next < sweep->wait_count && sweep->waits[next].waiter == sweep->actors[i].key; next++) {
      struct sweep_wait *wait = &sweep->waits[next];

      normalise_holders(sweep, wait, sweep->target_key);
      (void)wait_list_add(list, wait, sweep->holders + wait->holder_first, sweep->begin_ns,
                          sweep->end_ns);
      if (sweep->instant)
        lasted_all_the_while(&list->memory[list->count - 1], sweep, wait);
    }
    if (extra)
      add_waits_of_pools(list, &pools, &sweep->actors[i], &memory[i], sweep->target_key);
  }
  free(pools.occupants);
  return 0;
}

/* Puts a list in the place of the sweep's own. */
static void take_waits(struct tick_feed *feed, struct sweep *sweep, struct wait_list *list)
{
  free(sweep->waits);
  free(sweep->holders);
  free(feed->waits);
  sweep->waits = list->waits;
  sweep->wait_count = sweep->wait_room = list->count;
  sweep->holders = list->holders;
  sweep->holder_count = sweep->holder_room = list->holder_count;
  feed->waits = list->memory;
}

/* From the facts read before, by a full sweep or a part. */
static void rate_target(struct tick_feed *feed, const struct sweep *sweep)
{
  const struct sweep *was = feed->part ? feed->part : feed->sweep;
  double seconds = was ? (double)(sweep->end_ns - was->end_ns) / 1e9 : 0, cpu = NAN;

  feed->born_per_s = feed->died_per_s = NAN;
  if (was) {
    feed->born_per_s = tick_rate(was->target.born_count, sweep->target.born_count, seconds);
    feed->died_per_s = tick_rate(was->target.died_count, sweep->target.died_count, seconds);
    cpu = tick_rate(was->target.cpu_ns, sweep->target.cpu_ns, seconds) / 1e6;
  }
  feed->cpu_permille = isnan(cpu) ? VALUE_UNKNOWN : (int64_t)round(cpu);
}

/* What was read says more than what failed before; `part` is NULL after a full sweep. */
static void take_facts(struct tick_feed *feed, struct sweep *part)
{
  sweep_free(feed->failure);
  sweep_free(feed->part);
  feed->failure = NULL;
  feed->part = part;
}

static int apply_full(struct tick_feed *feed, struct sweep *sweep, struct names *names)
{
  struct actor_memory *actors = remember_actors(feed, sweep);
  struct table_memory *tables = remember_tables(feed, sweep);
  struct wait_list list = {0};
  int e = -ENOMEM;

  if (!actors || !tables)
    goto out;
  e = list_waits_of_full(sweep, actors, &list);
  if (e)
    goto out;
  inherit_waits(feed, sweep, &list);
  rate_target(feed, sweep);
  if (feed->sweep) {
    tell_names(feed->sweep, sweep, false, names);
    tell_names(feed->sweep, sweep, true, names);
  }
  take_waits(feed, sweep, &list);
  free(feed->actors);
  free(feed->tables);
  sweep_free(feed->sweep);
  take_facts(feed, NULL);
  forget_bearers(feed);
  feed->sweep = sweep;
  feed->actors = actors;
  feed->tables = tables;
  feed->has_pools = any_pool(sweep);
  feed->read_ns = sweep->end_ns;
  return 0;
out:
  free(actors);
  free(tables);
  return e;
}

/* --- a wait round or a part: they replace rows of the newest full sweep --- */

static void overlay_actors(struct tick_feed *feed, const struct sweep *round)
{
  const unsigned naming = SWEEP_ACTOR_REGISTERED | SWEEP_ACTOR_NAMED;
  struct sweep *sweep = feed->sweep;
  size_t at = 0;

  for (size_t i = 0; i < round->actor_count; i++) {
    struct sweep_actor new_row = round->actors[i], *row;

    at = tick_feed_find(feed, new_row.key, at);
    if (at == SIZE_MAX)
      continue; /* younger than the last full sweep: the next one brings it */
    row = &sweep->actors[at];
    tick_rate_before(row, &feed->actors[at], &new_row, &feed->actors[at]);
    if (new_row.flags & SWEEP_ACTOR_GONE) {
      row->state = ACTOR_EXITING; /* the next full sweep or part takes it away */
    } else {
      new_row.name = row->name; /* rounds may leave names out */
      new_row.flags = (uint8_t)((new_row.flags & ~naming) | (row->flags & naming));
      new_row.function = tick_part_word(sweep, row->function, round, new_row.function);
      *row = new_row;
    }
    feed->actors[at].read_begin_ns = round->begin_ns;
    feed->actors[at].read_end_ns = round->end_ns;
  }
}

/* Where a merge of old waits and those of a round stands. */
struct merge {
  struct tick_feed *feed;
  struct sweep *round;
  const struct pools *pools;
  struct wait_list *list;
  size_t old, row, next; /* in the old waits, in the rows and in the waits of the round */
};

/* The words of a wait that the round brought become words of the feed's sweep. Those of the
 * waiter's wait before stand in the same places as a rule. */
static void adopt_words(struct merge *m, struct sweep_wait *added, const struct sweep_wait *before)
{
  struct sweep *sweep = m->feed->sweep;
  struct sweep_holder *holders = m->list->holders + added->holder_first;

  added->object = tick_part_word(sweep, before ? before->object : 0, m->round, added->object);
  for (uint32_t h = 0; h < added->holder_count; h++) {
    const struct sweep_holder *old = before && h < before->holder_count
                                         ? &sweep->holders[before->holder_first + h]
                                         : &(struct sweep_holder){0};

    if (holders[h].peer)
      holders[h].peer = tick_part_word(sweep, old->peer, m->round, holders[h].peer);
    if (holders[h].name)
      holders[h].name = tick_part_word(sweep, old->name, m->round, holders[h].name);
  }
}

/* The explicit waits of an actor come from the round where that read it again, else they stay;
 * those of pools are made anew from the rows. */
static void merge_waits_of(struct merge *m, size_t at)
{
  struct sweep *sweep = m->feed->sweep, *round = m->round;
  const struct sweep_wait *before = NULL;
  uint64_t key = sweep->actors[at].key;
  bool again;

  while (m->row < round->actor_count && round->actors[m->row].key < key)
    m->row++;
  again = m->row < round->actor_count && round->actors[m->row].key == key;
  for (; m->old < sweep->wait_count && sweep->waits[m->old].waiter == key; m->old++) {
    const struct wait_memory *memory = &m->feed->waits[m->old];

    before = &sweep->waits[m->old];
    if (!again && !tick_wait_is_of_pool(before))
      (void)wait_list_add(m->list, before, sweep->holders + before->holder_first,
                          memory->begin_last_ns, memory->end_first_ns);
  }
  for (; m->next < round->wait_count && round->waits[m->next].waiter == key; m->next++) {
    struct sweep_wait *wait = &round->waits[m->next];

    normalise_holders(round, wait, sweep->target_key);
    adopt_words(m,
                wait_list_add(m->list, wait, round->holders + wait->holder_first, round->begin_ns,
                              round->end_ns),
                before);
  }
  if (m->pools->any)
    add_waits_of_pools(m->list, m->pools, &sweep->actors[at], &m->feed->actors[at],
                       sweep->target_key);
}

/* Of actors that have no row: younger than the last full sweep, or gone. */
static void skip_waits(struct merge *m, uint64_t below)
{
  const struct sweep *sweep = m->feed->sweep, *round = m->round;

  while (m->old < sweep->wait_count && sweep->waits[m->old].waiter < below)
    m->old++;
  while (m->next < round->wait_count && round->waits[m->next].waiter < below)
    m->next++;
}

/* Without pools only those who waited or wait are visited: a round costs what is blocked, not what
 * there is. */
static void merge_waits(struct merge *m)
{
  const struct sweep *sweep = m->feed->sweep, *round = m->round;
  size_t at = 0;

  for (size_t i = 0; m->pools->any && i < sweep->actor_count; i++) {
    skip_waits(m, sweep->actors[i].key);
    merge_waits_of(m, i);
  }
  while (!m->pools->any && (m->old < sweep->wait_count || m->next < round->wait_count)) {
    uint64_t key = m->old < sweep->wait_count ? sweep->waits[m->old].waiter : UINT64_MAX;

    if (m->next < round->wait_count && round->waits[m->next].waiter < key)
      key = round->waits[m->next].waiter;
    at = tick_feed_find(m->feed, key, at == SIZE_MAX ? 0 : at);
    if (at == SIZE_MAX)
      skip_waits(m, key + 1);
    else
      merge_waits_of(m, at);
  }
}

/* Room first, for the most that can be: after that nothing fails and the rows may change. */
static int reserve_overlay(struct tick_feed *feed, const struct sweep *round,
                           struct wait_list *list, struct pools *pools)
{
  const struct sweep *sweep = feed->sweep;
  bool has_pools = feed->has_pools || any_pool(round);
  size_t extra = has_pools ? sweep->actor_count + round->actor_count : 0;
  int e = wait_list_init(list, sweep->wait_count + round->wait_count + extra,
                         sweep->holder_count + round->holder_count + 2 * extra);

  if (!e && extra)
    e = reserve_occupants(pools, extra);
  if (!e && round->kind == SWEEP_PART)
    e = tick_part_reserve(feed, round);
  if (e)
    wait_list_done(list);
  return e;
}

/* Takes the round or part over in any case. */
static int apply_overlay(struct tick_feed *feed, struct sweep *round, struct names *names)
{
  struct sweep *sweep = feed->sweep;
  struct wait_list list = {0};
  struct pools pools = {0};
  int e = -EINVAL;

  if (!sweep || round->end_ns < feed->read_ns)
    goto out;
  e = reserve_overlay(feed, round, &list, &pools);
  if (e)
    goto out;
  if (round->kind == SWEEP_PART) {
    rate_target(feed, round);
    tick_part_overlay(feed, round, names);
    forget_bearers(feed);
    feed->has_pools |= any_pool(round);
  } else {
    overlay_actors(feed, round);
  }
  if (pools.occupants)
    find_occupants(sweep->actors, feed->actors, sweep->actor_count, &pools);
  merge_waits(&(struct merge){.feed = feed, .round = round, .pools = &pools, .list = &list});
  inherit_waits(feed, sweep, &list);
  take_waits(feed, sweep, &list);
  feed->read_ns = round->end_ns;
  if (round->kind == SWEEP_PART) {
    take_facts(feed, round);
    round = NULL;
  }
out:
  free(pools.occupants);
  sweep_free(round);
  return e;
}

/* --- all kinds --- */

static void drop_rows(struct tick_feed *feed)
{
  struct sweep *sweep = feed->sweep;

  forget_bearers(feed);
  if (sweep)
    sweep->actor_count = sweep->wait_count = sweep->holder_count = sweep->table_count = 0;
}

/* A source that has failed for this long knows nothing any more of what it read before; but what is
 * stopped stays as it was. */
static void drop_stale_rows(struct tick_feed *feed)
{
  const struct sweep *failure = feed->failure;

  if (failure && failure->target.state != TARGET_STOPPED &&
      failure->end_ns > feed->read_ns + TARGET_KEEP_NS)
    drop_rows(feed);
}

static void see_whether_gone(struct tick_target *target, uint64_t now_ns)
{
  bool gone = false;

  for (size_t i = 0; i < target->feed_count; i++) {
    const struct sweep *facts = tick_feed_facts(target->feeds[i]);

    gone |= facts && facts->target.state == TARGET_GONE && !facts->instant;
  }
  if (!gone) {
    target->gone_since_ns = 0;
    return;
  }
  if (target->gone_since_ns == 0)
    target->gone_since_ns = now_ns;
  for (size_t i = 0; i < target->feed_count; i++)
    drop_rows(target->feeds[i]); /* nobody waits in a process that is not there */
}

static int apply_checked(struct tick_memory *memory, struct sweep *sweep, struct names *names,
                         uint64_t now_ns)
{
  struct tick_target *target = tick_memory_target(memory, sweep->target_key);
  struct tick_feed *feed;
  bool overlay = sweep->kind == SWEEP_ROUND || sweep->kind == SWEEP_PART;
  int e = 0;

  if (!target && overlay) { /* it was forgotten while the round was made */
    sweep_free(sweep);
    return -EINVAL;
  }
  if (!target)
    target = target_add(memory, sweep->target_key);
  feed = target ? feed_get(target, sweep->source) : NULL;
  if (!feed) {
    sweep_free(sweep);
    return -ENOMEM;
  }
  switch (sweep->kind) {
  case SWEEP_FULL:
    if (feed->sweep && sweep->end_ns < feed->read_ns)
      e = -EINVAL; /* it was overtaken */
    else
      e = apply_full(feed, sweep, names);
    if (e)
      sweep_free(sweep);
    break;
  case SWEEP_PART:
  case SWEEP_ROUND:
    e = apply_overlay(feed, sweep, names);
    break;
  case SWEEP_FAILED:
    sweep_free(feed->failure);
    feed->failure = sweep;
    break;
  }
  if (!e) {
    drop_stale_rows(feed);
    see_whether_gone(target, now_ns);
  }
  return e;
}

int tick_memory_apply(struct tick_memory *memory, struct sweep *sweep, struct names *names,
                      struct tick_gaps *gaps, struct tick_clock now)
{
  int e = sweep_check(sweep);

  if (e) {
    sweep_free(sweep);
    return e;
  }
  tick_gaps_of_sweep(gaps, sweep, now.wall_ms);
  return apply_checked(memory, sweep, names, now.mono_ns);
}
