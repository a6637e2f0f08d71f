/* world.c - see world.h. */
#include "tests/scenarios/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *memory)
{
  if (!memory) {
    fprintf(stderr, "no memory\n");
    abort();
  }
  return memory;
}

struct world *world_new(uint64_t target_key, uint64_t now_ns)
{
  struct world *world = must(calloc(1, sizeof(*world)));

  world->target_key = target_key;
  world->name = must(strdup("demo"));
  world->uid = VALUE_UNKNOWN;
  world->now_ns = now_ns;
  world->state = TARGET_RUNNING;
  world->interval_ns = VALUE_UNKNOWN;
  world->limit_bytes = VALUE_UNKNOWN;
  world->rss_bytes = 1 << 20;
  return world;
}

static void wait_done(struct world_wait *wait)
{
  for (size_t i = 0; i < wait->peer_count; i++) {
    free(wait->peers[i].peer);
    free(wait->peers[i].name);
  }
  free(wait->peers);
  free(wait->holders);
  free(wait->object);
}

static void drop_waits(struct world_actor *actor)
{
  for (size_t i = 0; i < actor->wait_count; i++)
    wait_done(&actor->waits[i]);
  free(actor->waits);
  actor->waits = NULL;
  actor->wait_count = 0;
}

void world_free(struct world *world)
{
  if (!world)
    return;
  for (size_t i = 0; i < world->actor_count; i++) {
    drop_waits(&world->actors[i]);
    free(world->actors[i].name);
    free(world->actors[i].function);
  }
  for (size_t i = 0; i < world->table_count; i++)
    free(world->tables[i].name);
  free(world->actors);
  free(world->tables);
  free(world->name);
  free(world->peer);
  free(world);
}

/* Slot in the low half, generation above it, as a hooked program has it. */
static uint64_t key_of(const struct world *world, const struct world_actor *actor)
{
  return ACTOR_KEY(actor->tag,
                   (uint64_t)actor->generation << 32 | (uint64_t)(actor - world->actors + 1));
}

size_t world_add_actor(struct world *world, const char *name, uint8_t tag, uint8_t kind)
{
  size_t i = world->actor_count++;

  world->actors = must(realloc(world->actors, world->actor_count * sizeof(*world->actors)));
  world->actors[i] = (struct world_actor){.name = must(strdup(name)),
                                          .tag = tag,
                                          .kind = kind,
                                          .state = ACTOR_RUNNING,
                                          .flags = SWEEP_ACTOR_NAMED,
                                          .generation = 1,
                                          .capacity = VALUE_UNKNOWN,
                                          .memory_bytes = VALUE_UNKNOWN,
                                          .flow_since_ns = world->now_ns};
  world->actors[i].key = key_of(world, &world->actors[i]);
  return i;
}

struct world_table *world_add_table(struct world *world, const char *name, uint8_t tag)
{
  size_t i = world->table_count++;

  world->tables = must(realloc(world->tables, world->table_count * sizeof(*world->tables)));
  world->tables[i] = (struct world_table){
      .key = ACTOR_KEY(tag, i + 1), .name = must(strdup(name)), .since_ns = world->now_ns};
  return &world->tables[i];
}

static int64_t gained(const struct world *world, uint64_t since_ns, int64_t per_s)
{
  return (int64_t)((double)(world->now_ns - since_ns) / 1e9 * (double)per_s);
}

static int64_t puts_now(const struct world *world, const struct world_actor *a)
{
  return a->put_base + gained(world, a->flow_since_ns, a->put_per_s);
}

static int64_t takes_now(const struct world *world, const struct world_actor *a)
{
  int64_t takes = a->take_base + gained(world, a->flow_since_ns, a->take_per_s),
          puts = puts_now(world, a);

  return takes < puts ? takes : puts; /* an empty mailbox gives nothing */
}

int64_t world_depth(const struct world *world, const struct world_actor *actor)
{
  return puts_now(world, actor) - takes_now(world, actor);
}

void world_settle(struct world *world, struct world_actor *a)
{
  int64_t puts = puts_now(world, a), takes = takes_now(world, a);

  a->put_base = puts;
  a->take_base = takes;
  a->work_base += gained(world, a->flow_since_ns, a->work_per_s);
  if (a->memory_bytes != VALUE_UNKNOWN)
    a->memory_bytes += gained(world, a->flow_since_ns, a->memory_per_s);
  a->flow_since_ns = world->now_ns;
}

void world_table_settle(struct world *world, struct world_table *t)
{
  t->wait_base_ns +=
      (int64_t)((double)(world->now_ns - t->since_ns) * (double)t->wait_permille / 1000);
  t->contended_base += gained(world, t->since_ns, t->contended_per_s);
  t->since_ns = world->now_ns;
}

struct world_wait *world_wait(struct world *world, size_t actor, const uint64_t *holders,
                              size_t holder_count)
{
  struct world_actor *a = &world->actors[actor];
  struct world_wait *w = NULL;

  a->waits = must(realloc(a->waits, (a->wait_count + 1) * sizeof(*a->waits)));
  w = &a->waits[a->wait_count];
  *w = (struct world_wait){.id = {a->key, ++world->wait_number},
                           .since_ns = world->now_ns,
                           .timeout_ns = VALUE_UNKNOWN,
                           .via = VIA_CALL,
                           .needs = NEEDS_ALL,
                           .timeout = TIMEOUT_NONE,
                           .rank = (uint8_t)a->wait_count,
                           .holder_count = holder_count};
  w->holders = must(malloc((holder_count + 1) * sizeof(*w->holders)));
  memcpy(w->holders, holders, holder_count * sizeof(*holders));
  a->wait_count++;
  return w;
}

void world_wait_for_peer(struct world_wait *w, const char *peer, uint32_t creation, uint64_t actor,
                         const char *name)
{
  w->peers = must(realloc(w->peers, (w->peer_count + 1) * sizeof(*w->peers)));
  w->peers[w->peer_count++] = (struct world_peer_holder){must(strdup(peer)), creation, actor,
                                                         name ? must(strdup(name)) : NULL};
}

void world_end_wait(struct world *world, size_t actor)
{
  struct world_actor *a = &world->actors[actor];

  if (a->wait_count > 0)
    wait_done(&a->waits[--a->wait_count]);
}

void world_die(struct world *world, size_t actor)
{
  struct world_actor *a = &world->actors[actor];

  world_settle(world, a);
  drop_waits(a);
  a->key = 0;
}

void world_reborn(struct world *world, size_t actor)
{
  struct world_actor *a = &world->actors[actor];

  world_die(world, actor);
  a->generation++;
  a->key = key_of(world, a);
  a->state = ACTOR_RUNNING;
  a->put_base = a->take_base = a->work_base = 0;
  a->seen_blocked = false;
}

/* --- the source --- */

static bool lives(const struct world *world, uint64_t key)
{
  size_t slot = (size_t)(key & 0xffffffff) - 1;

  return slot < world->actor_count && world->actors[slot].key == key;
}

static void read_wait(const struct world *world, const struct world_actor *a,
                      const struct world_wait *from, struct sweep *sweep)
{
  struct sweep_wait *w = must(sweep_add_wait(sweep));

  w->id = from->id;
  w->waiter = a->key;
  w->run_count = 0;
  w->since_ns = from->since_ns;
  w->timeout_ns = from->timeout_ns;
  w->holder_first = (uint32_t)sweep->holder_count;
  w->holder_count = 0;
  w->via = from->via;
  w->needs = from->needs;
  w->timeout = from->timeout;
  w->open = from->open;
  w->exclusive = from->exclusive;
  w->rank = from->rank;
  w->object = from->object ? sweep_add_text(sweep, from->object, strlen(from->object)) : 0;
  for (size_t i = 0; i < from->holder_count; i++) {
    if (!lives(world, from->holders[i]))
      continue;
    struct sweep_holder *h = must(sweep_add_holder(sweep));
    *h = (struct sweep_holder){.actor = from->holders[i]};
    w->holder_count++;
  }
  for (size_t i = 0; i < from->peer_count; i++) {
    const struct world_peer_holder *p = &from->peers[i];
    struct sweep_holder *h = must(sweep_add_holder(sweep));

    h->actor = p->actor;
    h->creation = p->creation;
    h->peer = sweep_add_text(sweep, p->peer, strlen(p->peer));
    h->name = p->name ? sweep_add_text(sweep, p->name, strlen(p->name)) : 0;
    w->holder_count++;
  }
}

static void read_actor(const struct world *world, struct world_actor *a, struct sweep *sweep)
{
  struct sweep_actor *row = must(sweep_add_actor(sweep));

  row->key = a->key;
  row->pool = a->pool;
  row->put_count = puts_now(world, a);
  row->take_count = takes_now(world, a);
  row->depth = row->put_count - row->take_count;
  row->dropped_count = 0;
  row->capacity = a->capacity;
  if (a->memory_bytes != VALUE_UNKNOWN)
    row->memory_bytes = a->memory_bytes + gained(world, a->flow_since_ns, a->memory_per_s);
  row->work_count = a->work_base + gained(world, a->flow_since_ns, a->work_per_s);
  row->head = row->depth > 0 ? (uint64_t)row->take_count + 1 : 0;
  row->name = sweep_add_text(sweep, a->name, strlen(a->name));
  row->function = a->function ? sweep_add_text(sweep, a->function, strlen(a->function)) : 0;
  row->tid = a->tid;
  row->kind = a->kind;
  row->state = a->wait_count > 0 ? ACTOR_BLOCKED : a->state;
  row->depth_is = a->at_least ? DEPTH_AT_LEAST : DEPTH_EXACT;
  row->work_unit = a->kind == ACTOR_KIND_PROCESS ? WORK_REDUCTIONS : WORK_MESSAGES;
  if (a->kind == ACTOR_KIND_PROCESS) /* nobody counts its messages */
    row->put_count = row->take_count = VALUE_UNKNOWN;
  row->depth_unit = a->unit;
  row->flags = a->flags;
  for (size_t i = 0; i < a->wait_count; i++)
    read_wait(world, a, &a->waits[i], sweep);
  a->seen_blocked = a->wait_count > 0;
  a->seen_on_thread = a->tag == SOURCE_TAG_HOOK && a->tid != 0;
}

static void read_table(const struct world *world, const struct world_table *t, struct sweep *sweep)
{
  struct sweep_table *row = must(sweep_add_table(sweep));

  row->key = t->key;
  row->owner = lives(world, t->owner) ? t->owner : 0;
  row->read_waiters = 0;
  row->write_waiters = t->waiters;
  row->wait_ns = t->wait_base_ns +
                 (int64_t)((double)(world->now_ns - t->since_ns) * (double)t->wait_permille / 1000);
  row->contended_count = t->contended_base + gained(world, t->since_ns, t->contended_per_s);
  row->name = sweep_add_text(sweep, t->name, strlen(t->name));
  row->kind = TABLE_MUTEX;
}

static void read_target(const struct world *world, const char *runtime, struct sweep *sweep)
{
  struct sweep_target *t = &sweep->target;

  t->name = sweep_add_text(sweep, world->name, strlen(world->name));
  t->peer = world->peer ? sweep_add_text(sweep, world->peer, strlen(world->peer)) : 0;
  t->creation = world->creation;
  t->network = world->network;
  t->uid = world->uid;
  t->runtime = sweep_add_text(sweep, runtime, strlen(runtime));
  t->reason = world->reason ? sweep_add_text(sweep, world->reason, strlen(world->reason)) : 0;
  t->state = world->state;
  t->crashed = world->crashed;
  t->unique_name = true;
  t->lost_count = world->lost;
  t->interval_ns = world->interval_ns;
  t->rss_bytes = world->rss_bytes + gained(world, world->rss_since_ns, world->rss_per_s);
  t->memory_limit_bytes = world->limit_bytes;
}

static bool is_read(const struct world_actor *actor, uint8_t tag, enum sweep_kind kind)
{
  return actor->tag == tag && (kind == SWEEP_FULL || actor->seen_blocked || actor->seen_on_thread ||
                               (kind == SWEEP_PART && actor->hot));
}

struct sweep *world_sweep(struct world *world, uint8_t tag, enum sweep_kind kind,
                          const struct world_reader *reader)
{
  bool alive = !world->torn && (world->state == TARGET_RUNNING || world->state == TARGET_STOPPED);
  struct sweep *sweep =
      must(sweep_new(world->target_key, (enum source_tag)tag, alive ? kind : SWEEP_FAILED));
  uint64_t at_ns = world->now_ns;

  sweep->begin_ns = world->now_ns;
  read_target(world, tag == SOURCE_TAG_THREAD ? "thread" : "hook", sweep);
  for (size_t i = 0; alive && i < world->actor_count; i++) {
    if (!is_read(&world->actors[i], tag, kind))
      continue;
    at_ns += reader->per_actor_ns;
    reader->advance(reader->context, at_ns);
    if (world->actors[i].key != 0)
      read_actor(world, &world->actors[i], sweep);
  }
  if (alive && kind == SWEEP_FULL)
    for (size_t i = 0; i < world->table_count; i++)
      if (world->tables[i].key >> 56 == tag)
        read_table(world, &world->tables[i], sweep);
  sweep->end_ns = world->now_ns > at_ns ? world->now_ns : at_ns;
  sweep_sort(sweep);
  return sweep;
}
