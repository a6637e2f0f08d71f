/*
 * callgraph.c - see callgraph.h. Edges live in numbered slots; an open hash finds them by key, and
 * a list of slots in the order of the keys is made again when an edge came or went. Forgetting is
 * done by the eighth, so that its cost is shared by many new edges.
 */
#include "model/callgraph.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/hash.h"

#define HASH_ROOM (4u * CALLGRAPH_EDGES_MAX) /* a power of two */
#define FORGET_COUNT (CALLGRAPH_EDGES_MAX / 8)

struct edge {
  char *waiter_name; /* NULL = the slot is free; the holder's name stands behind its NUL */
  const char *holder_name;
  struct callgraph_actor waiter, holder;
  int64_t first_ms, last_ms;
  int64_t episodes, timed, instance_episodes;
  uint32_t generation; /* of the slot */
  uint8_t via;
  uint8_t gate_count;
  struct callgraph_actor gates[CALLGRAPH_GATES_MAX];
};

struct callgraph {
  struct edge edges[CALLGRAPH_EDGES_MAX];
  uint32_t hash[HASH_ROOM]; /* slot + 1, 0 = empty */
  uint32_t order[CALLGRAPH_EDGES_MAX];
  uint32_t count; /* of order */
  bool order_is_stale;
};

struct callgraph *callgraph_new(void)
{
  return calloc(1, sizeof(struct callgraph));
}

void callgraph_free(struct callgraph *g)
{
  for (uint32_t i = 0; g && i < CALLGRAPH_EDGES_MAX; i++)
    free(g->edges[i].waiter_name);
  free(g);
}

static uint32_t hash_of(uint64_t target, const char *waiter, const char *holder, uint8_t via)
{
  uint64_t hash = hash_bytes(HASH_SEED ^ target ^ via, waiter, strlen(waiter) + 1);

  hash = hash_text(hash, holder);

  return (uint32_t)(hash ^ hash >> 32) & (HASH_ROOM - 1);
}

static bool is_edge(const struct edge *edge, const struct callgraph_sight *sight)
{
  return edge->waiter.target == sight->waiter.target && edge->via == sight->via &&
         strcmp(edge->waiter_name, sight->waiter_name) == 0 &&
         strcmp(edge->holder_name, sight->holder_name) == 0;
}

/* Where in the hash an edge is or belongs; at most a quarter of it is in use. */
static uint32_t *hash_place(struct callgraph *g, const struct callgraph_sight *sight)
{
  uint32_t i = hash_of(sight->waiter.target, sight->waiter_name, sight->holder_name, sight->via);

  while (g->hash[i] && !is_edge(&g->edges[g->hash[i] - 1], sight))
    i = (i + 1) & (HASH_ROOM - 1);
  return &g->hash[i];
}

static void rebuild_hash(struct callgraph *g)
{
  memset(g->hash, 0, sizeof(g->hash));
  for (uint32_t slot = 0; slot < CALLGRAPH_EDGES_MAX; slot++) {
    const struct edge *e = &g->edges[slot];
    uint32_t i;

    if (!e->waiter_name)
      continue;
    i = hash_of(e->waiter.target, e->waiter_name, e->holder_name, e->via);
    while (g->hash[i])
      i = (i + 1) & (HASH_ROOM - 1);
    g->hash[i] = slot + 1;
  }
  g->order_is_stale = true;
}

static void clear_slot(struct edge *edge)
{
  uint32_t generation = edge->generation + 1;

  free(edge->waiter_name);
  *edge = (struct edge){.generation = generation};
}

static int compare_ages(const void *a, const void *b)
{
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

  return (x > y) - (x < y);
}

/* Forgets the edges that were seen longest ago. All slots are in use. */
static void forget_oldest(struct callgraph *g)
{
  int64_t *ages = malloc(CALLGRAPH_EDGES_MAX * sizeof(*ages)), limit;
  uint32_t forgotten = 0;

  if (!ages)
    return;
  for (uint32_t i = 0; i < CALLGRAPH_EDGES_MAX; i++)
    ages[i] = g->edges[i].last_ms;
  qsort(ages, CALLGRAPH_EDGES_MAX, sizeof(*ages), compare_ages);
  limit = ages[FORGET_COUNT];
  free(ages);
  for (uint32_t i = 0; i < CALLGRAPH_EDGES_MAX && forgotten < FORGET_COUNT; i++) {
    if (g->edges[i].last_ms <= limit) {
      clear_slot(&g->edges[i]);
      g->count--;
      forgotten++;
    }
  }
  rebuild_hash(g);
}

static uint32_t free_slot(const struct callgraph *g)
{
  /* Until something is forgotten the slots are used in order; later free ones are everywhere. */
  for (uint32_t i = 0; i < CALLGRAPH_EDGES_MAX; i++) {
    uint32_t slot = (g->count + i) % CALLGRAPH_EDGES_MAX;

    if (!g->edges[slot].waiter_name)
      return slot;
  }
  return CALLGRAPH_EDGES_MAX;
}

static struct edge *add_edge(struct callgraph *g, const struct callgraph_sight *sight, int64_t now)
{
  size_t waiter_bytes = strlen(sight->waiter_name) + 1;
  size_t holder_bytes = strlen(sight->holder_name) + 1;
  char *names;
  uint32_t slot;

  if (g->count == CALLGRAPH_EDGES_MAX)
    forget_oldest(g);
  slot = free_slot(g);
  names = slot < CALLGRAPH_EDGES_MAX ? malloc(waiter_bytes + holder_bytes) : NULL;
  if (!names)
    return NULL;
  memcpy(names, sight->waiter_name, waiter_bytes);
  memcpy(names + waiter_bytes, sight->holder_name, holder_bytes);
  *hash_place(g, sight) = slot + 1;
  g->edges[slot].waiter_name = names;
  g->edges[slot].holder_name = names + waiter_bytes;
  g->edges[slot].waiter = sight->waiter;
  g->edges[slot].via = sight->via;
  g->edges[slot].first_ms = now;
  g->count++;
  g->order_is_stale = true;
  return &g->edges[slot];
}

static bool same_actor(struct callgraph_actor a, struct callgraph_actor b)
{
  return a.target == b.target && a.actor == b.actor;
}

static bool is_behind(const struct callgraph_sight *sight, struct callgraph_actor actor)
{
  for (size_t i = 0; i < sight->behind_count; i++)
    if (same_actor(sight->behind[i], actor))
      return true;
  return false;
}

/* The first episode proposes gates, each later one keeps those that were there again. */
static void keep_gates(struct edge *edge, const struct callgraph_sight *sight)
{
  uint8_t kept = 0;

  if (edge->instance_episodes == 0) {
    while (kept < CALLGRAPH_GATES_MAX && kept < sight->behind_count) {
      edge->gates[kept] = sight->behind[kept];
      kept++;
    }
  } else {
    for (uint8_t i = 0; i < edge->gate_count; i++)
      if (is_behind(sight, edge->gates[i]))
        edge->gates[kept++] = edge->gates[i];
  }
  edge->gate_count = kept;
}

struct callgraph_place callgraph_episode(struct callgraph *g, const struct callgraph_sight *sight,
                                         int64_t wall_ms)
{
  uint32_t slot = *hash_place(g, sight);
  struct edge *edge = slot ? &g->edges[slot - 1] : add_edge(g, sight, wall_ms);

  if (!edge)
    return (struct callgraph_place){0};
  if (!same_actor(edge->waiter, sight->waiter) || !same_actor(edge->holder, sight->holder))
    edge->instance_episodes = 0;
  keep_gates(edge, sight);
  edge->waiter = sight->waiter;
  edge->holder = sight->holder;
  edge->instance_episodes++;
  edge->episodes++;
  edge->timed += sight->timed;
  edge->last_ms = wall_ms;
  return (struct callgraph_place){(uint32_t)(edge - g->edges) + 1, edge->generation};
}

void callgraph_lasts(struct callgraph *g, struct callgraph_place place, int64_t wall_ms)
{
  struct edge *edge;

  if (place.slot == 0 || place.slot > CALLGRAPH_EDGES_MAX)
    return;
  edge = &g->edges[place.slot - 1];
  if (edge->waiter_name && edge->generation == place.generation)
    edge->last_ms = wall_ms;
}

void callgraph_forget(struct callgraph *g, uint64_t target_key)
{
  uint32_t before = g->count;

  for (uint32_t i = 0; i < CALLGRAPH_EDGES_MAX; i++) {
    struct edge *edge = &g->edges[i];

    if (edge->waiter_name &&
        (edge->waiter.target == target_key || edge->holder.target == target_key)) {
      clear_slot(edge);
      g->count--;
    }
  }
  if (g->count != before)
    rebuild_hash(g);
}

/* --- the relation --- */

static int compare_edges(const void *a, const void *b, void *context)
{
  const struct callgraph *g = context;
  const struct edge *x = &g->edges[*(const uint32_t *)a], *y = &g->edges[*(const uint32_t *)b];
  int order;

  if (x->waiter.target != y->waiter.target)
    return x->waiter.target < y->waiter.target ? -1 : 1;
  order = strcmp(x->waiter_name, y->waiter_name);
  if (!order)
    order = strcmp(x->holder_name, y->holder_name);
  return order ? order : x->via - y->via;
}

static void sort_order(struct callgraph *g)
{
  uint32_t count = 0;

  if (!g->order_is_stale)
    return;
  for (uint32_t slot = 0; slot < CALLGRAPH_EDGES_MAX; slot++)
    if (g->edges[slot].waiter_name)
      g->order[count++] = slot;
  qsort_r(g->order, count, sizeof(g->order[0]), compare_edges, g);
  g->order_is_stale = false;
}

static uint32_t gates_text(struct snapshot_builder *b, const struct edge *edge)
{
  char text[CALLGRAPH_GATES_MAX * 34 + 1];
  size_t length = 0;

  for (uint8_t i = 0; i < edge->gate_count; i++)
    length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%llx:%llx", i ? " " : "",
                               (unsigned long long)edge->gates[i].target,
                               (unsigned long long)edge->gates[i].actor);
  return edge->gate_count ? snapshot_builder_text(b, text) : 0;
}

static void fill_edge(struct snapshot_builder *b, const struct edge *e, uint32_t row, uint32_t host)
{
  const enum relation r = RELATION_CALL_GRAPH;
  uint32_t target;

  snapshot_builder_ints(b, r, CALL_GRAPH_TARGET_KEY)[row] = (int64_t)e->waiter.target;
  snapshot_builder_texts(b, r, CALL_GRAPH_WAITER)[row] = snapshot_builder_text(b, e->waiter_name);
  snapshot_builder_texts(b, r, CALL_GRAPH_HOLDER)[row] = snapshot_builder_text(b, e->holder_name);
  snapshot_builder_enums(b, r, CALL_GRAPH_VIA)[row] = e->via;
  snapshot_builder_texts(b, r, CALL_GRAPH_HOST)[row] = host;
  if (snapshot_find_target(snapshot_builder_view(b), (int64_t)e->waiter.target, &target) == 0)
    snapshot_builder_texts(b, r, CALL_GRAPH_TARGET)[row] =
        snapshot_builder_texts(b, RELATION_TARGETS, TARGETS_TARGET)[target];
  snapshot_builder_ints(b, r, CALL_GRAPH_FIRST_SEEN)[row] = e->first_ms / 1000;
  snapshot_builder_ints(b, r, CALL_GRAPH_LAST_SEEN)[row] = e->last_ms / 1000;
  snapshot_builder_ints(b, r, CALL_GRAPH_EPISODES)[row] = e->episodes;
  snapshot_builder_ints(b, r, CALL_GRAPH_TIMED)[row] = e->timed;
  snapshot_builder_ints(b, r, CALL_GRAPH_WAITER_ACTOR)[row] = (int64_t)e->waiter.actor;
  snapshot_builder_ints(b, r, CALL_GRAPH_HOLDER_TARGET_KEY)[row] = (int64_t)e->holder.target;
  snapshot_builder_ints(b, r, CALL_GRAPH_HOLDER_ACTOR)[row] = (int64_t)e->holder.actor;
  snapshot_builder_ints(b, r, CALL_GRAPH_INSTANCE_EPISODES)[row] = e->instance_episodes;
  snapshot_builder_texts(b, r, CALL_GRAPH_GATES)[row] = gates_text(b, e);
}

int callgraph_fill(struct callgraph *g, struct snapshot_builder *b, const char *host)
{
  uint32_t host_text;

  if (snapshot_builder_relation(b, RELATION_CALL_GRAPH, g->count) < 0)
    return -ENOMEM;
  sort_order(g);
  host_text = snapshot_builder_intern(b, host);
  for (uint32_t row = 0; row < g->count; row++)
    fill_edge(b, &g->edges[g->order[row]], row, host_text);
  return 0;
}
