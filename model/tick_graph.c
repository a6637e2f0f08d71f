/*
 * tick_graph.c - see tick_graph.h. In order of rows throughout, so that nodes, groups and edges
 * come out sorted:
 *
 *    list_feeds -> resolve_holders -> find_waiting -> tick_joints_add (an actor and its thread)
 *               -> number_nodes -> fill_groups -> waitgraph_reduce -> certainty_judge
 */
#include "model/tick_graph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Targets that are members of a cluster, by (name, creation). */
struct peers {
  struct peer {
    const char *name;
    uint32_t creation;
    uint64_t network;
    const struct tick_target *target;
  } * list;
  size_t count;
  bool made;
};

struct build {
  struct tick_graph *out;
  const struct tick_memory *memory;
  struct peers peers;                 /* made when the first holder has one */
  struct tick_feed **feeds;           /* of all targets, in the order of the rows */
  const struct tick_target **targets; /* of each feed */
  size_t feed_count;
  size_t wait_count, holder_count;
  struct tick_waiting *waiting;
  uint32_t waiting_count;
  uint32_t *waiting_of_node;
  struct waitgraph_group *groups;
  uint32_t *holders;
};

static bool may_be_blocked(const struct sweep_actor *actor)
{
  return actor->state == ACTOR_BLOCKED || actor->state == ACTOR_SUSPENDED;
}

/* A queued actor is runnable and a pool does not run: their waits, made by tick_memory, count as
 * they are. */
static bool can_count(const struct sweep_actor *waiter, const struct sweep_wait *wait)
{
  return tick_wait_is_of_pool(wait) || may_be_blocked(waiter);
}

bool tick_graph_counts(const struct sweep *sweep, const struct sweep_actor *waiter,
                       const struct sweep_wait *wait)
{
  const struct sweep_wait *first = wait, *last = sweep->waits + sweep->wait_count;

  if (!can_count(waiter, wait))
    return false;
  while (first > sweep->waits && first[-1].waiter == wait->waiter)
    first--;
  for (; first < last && first->waiter == wait->waiter; first++)
    if (first->rank > wait->rank && can_count(waiter, first))
      return false;
  return true;
}

static int list_feeds(struct build *b)
{
  size_t room = 0;

  for (size_t t = 0; t < b->memory->target_count; t++)
    room += b->memory->targets[t]->feed_count;
  b->feeds = malloc((room + 1) * sizeof(struct tick_feed *));
  b->targets = malloc((room + 1) * sizeof(struct tick_target *));
  if (!b->feeds || !b->targets)
    return -ENOMEM;
  for (size_t t = 0; t < b->memory->target_count; t++) {
    const struct tick_target *target = b->memory->targets[t];

    for (size_t f = 0; f < target->feed_count; f++) {
      struct tick_feed *feed = target->feeds[f];

      feed->row_first = b->out->row_count;
      if (!feed->sweep)
        continue;
      b->targets[b->feed_count] = target;
      b->feeds[b->feed_count++] = feed;
      if (feed->sweep->actor_count > UINT32_MAX - 2 - b->out->row_count)
        return -ENOMEM;
      b->out->row_count += (uint32_t)feed->sweep->actor_count;
      b->wait_count += feed->sweep->wait_count;
      b->holder_count += feed->sweep->holder_count;
    }
  }
  return b->holder_count < UINT32_MAX && b->wait_count < UINT32_MAX ? 0 : -ENOMEM;
}

/* --- holders --- */

static struct tick_feed *feed_of_actor(const struct tick_target *target, uint64_t actor)
{
  for (size_t i = 0; i < target->feed_count; i++)
    if (target->feeds[i]->source == actor >> 56)
      return target->feeds[i];
  return NULL;
}

static int64_t target_uid(const struct tick_target *target)
{
  for (size_t i = 0; i < target->feed_count; i++) {
    const struct sweep *facts = tick_feed_facts(target->feeds[i]);

    if (facts && facts->target.uid != VALUE_UNKNOWN)
      return facts->target.uid;
  }
  return VALUE_UNKNOWN;
}

/* A process is believed when it speaks of another one only if both are of one user. */
static bool may_speak_of(const struct tick_target *speaker, const struct tick_target *other)
{
  int64_t uid = target_uid(speaker);

  return speaker == other || (uid != VALUE_UNKNOWN && uid == target_uid(other));
}

static int compare_peers(const void *a, const void *b)
{
  const struct peer *x = a, *y = b;
  int order = strcmp(x->name, y->name);

  return order ? order : (x->creation > y->creation) - (x->creation < y->creation);
}

/* What the target says it is; false where it is no member of a cluster, or gone: a node that was
 * started anew has the name of its predecessor. */
static bool peer_of(const struct tick_target *target, struct peer *ret_peer)
{
  for (size_t i = 0; i < target->feed_count && !target->gone_since_ns; i++) {
    const struct tick_feed *feed = target->feeds[i];
    const struct sweep *known[] = {feed->failure, feed->part, feed->sweep};

    for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
      const char *name = known[k] ? sweep_text(known[k], known[k]->target.peer) : NULL;

      if (name) {
        *ret_peer =
            (struct peer){name, known[k]->target.creation, known[k]->target.network, target};
        return true;
      }
    }
  }
  return false;
}

static int list_peers(struct build *b)
{
  struct peers *peers = &b->peers;

  peers->list = malloc((b->memory->target_count + 1) * sizeof(*peers->list));
  if (!peers->list)
    return -ENOMEM;
  peers->made = true;
  for (size_t t = 0; t < b->memory->target_count; t++)
    peers->count += peer_of(b->memory->targets[t], &peers->list[peers->count]);
  qsort(peers->list, peers->count, sizeof(*peers->list), compare_peers);
  return 0;
}

/* Of peers[low .. end) the only one in the same network as `own`, or NULL. */
static const struct tick_target *find_neighbour(const struct peers *peers, size_t low, size_t end,
                                                const struct tick_target *own)
{
  const struct tick_target *found = NULL;
  uint64_t network = 0;

  for (size_t i = 0; i < peers->count; i++)
    if (peers->list[i].target == own)
      network = peers->list[i].network;
  for (size_t i = low; i < end && network; i++) {
    if (peers->list[i].network != network)
      continue;
    if (found)
      return NULL;
    found = peers->list[i].target;
  }
  return found;
}

/* The only target that can be meant, or NULL. An unknown creation is that of any of its name. */
static const struct tick_target *find_peer(const struct peers *peers, const char *name,
                                           uint32_t creation, const struct tick_target *own)
{
  struct peer wanted = {.name = name, .creation = creation};
  size_t low = 0, high = peers->count, end;

  while (low < high) {
    size_t middle = low + (high - low) / 2;

    if (compare_peers(&peers->list[middle], &wanted) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  for (end = low; end < peers->count && strcmp(peers->list[end].name, name) == 0; end++)
    if (creation && peers->list[end].creation != creation)
      break;
  if (end - low == 1)
    return peers->list[low].target;
  return find_neighbour(peers, low, end, own);
}

static const struct tick_target *target_of_holder(const struct build *b,
                                                  const struct tick_target *own,
                                                  const struct sweep *sweep,
                                                  const struct sweep_holder *holder)
{
  if (holder->peer)
    return find_peer(&b->peers, sweep_text(sweep, holder->peer), holder->creation, own);
  return holder->target == own->key ? own : tick_memory_target(b->memory, holder->target);
}

static uint64_t mix(uint64_t x)
{
  x ^= x >> 31; /* splitmix64's finalizer */
  x *= 0x7fb5d329728ea185ull;
  x ^= x >> 27;
  x *= 0x81dadef4bc2dd44dull;
  return x ^ x >> 33;
}

/* Who has the name now, in the feed of the same source. */
static uint32_t find_bearer(const struct tick_target *target, uint8_t source, const char *name,
                            uint64_t *bearers)
{
  for (size_t i = 0; i < target->feed_count && name; i++) {
    struct tick_feed *feed = target->feeds[i];
    size_t index = feed->source == source ? tick_feed_find_name(feed, name) : SIZE_MAX;

    if (index != SIZE_MAX) {
      *bearers += mix(target->key + mix(feed->sweep->actors[index].key));
      return feed->row_first + (uint32_t)index;
    }
  }
  return TICK_NO_ROW;
}

/* The holder's row, or TICK_NO_ROW. */
static uint32_t find_holder(const struct build *b, size_t f, const struct sweep_holder *holder,
                            uint32_t *hint, uint64_t *bearers)
{
  const struct tick_target *own = b->targets[f];
  const struct sweep *sweep = b->feeds[f]->sweep;
  const struct tick_target *target = target_of_holder(b, own, sweep, holder);
  const struct tick_feed *feed;
  size_t index;

  if (!target || !may_speak_of(own, target))
    return TICK_NO_ROW;
  if (holder->actor == 0)
    return find_bearer(target, b->feeds[f]->source, sweep_text(sweep, holder->name), bearers);
  feed = feed_of_actor(target, holder->actor);
  index = feed ? tick_feed_find(feed, holder->actor, *hint) : SIZE_MAX;
  if (index == SIZE_MAX)
    return TICK_NO_ROW;
  *hint = (uint32_t)index;
  return feed->row_first + (uint32_t)index;
}

/* A wait goes on for whoever had the name when it began: of one whose name has changed hands since,
 * nobody can tell from the name who holds it up. */
static void check_bearers(const struct sweep *sweep, const struct sweep_wait *wait,
                          struct wait_memory *memory, uint64_t bearers, uint32_t *rows)
{
  if (bearers == 0)
    return;
  if (memory->bearers == 0)
    memory->bearers = bearers;
  for (uint32_t h = 0; h < wait->holder_count && memory->bearers != bearers; h++)
    if (sweep->holders[wait->holder_first + h].actor == 0)
      rows[h] = TICK_NO_ROW;
}

static int resolve_holders(struct build *b, size_t f)
{
  struct tick_feed *feed = b->feeds[f];
  const struct sweep *sweep = feed->sweep;
  uint32_t *rows = b->out->holder_rows + b->out->holder_first[f], hint = 0;

  for (size_t i = 0; i < sweep->wait_count; i++) {
    const struct sweep_wait *wait = &sweep->waits[i];
    uint64_t bearers = 0;

    if (feed->waits[i].hint)
      hint = feed->waits[i].hint;
    for (uint32_t h = 0; h < wait->holder_count; h++) {
      uint32_t at = wait->holder_first + h;

      if (sweep->holders[at].peer && !b->peers.made && list_peers(b) < 0)
        return -ENOMEM;
      rows[at] = find_holder(b, f, &sweep->holders[at], &hint, &bearers);
      if (h == 0)
        feed->waits[i].hint = hint;
    }
    check_bearers(sweep, wait, &feed->waits[i], bearers, rows + wait->holder_first);
  }
  return 0;
}

/* --- who waits --- */

#define MARKED 0u /* in node_of_row: will be a node */

/* Is it one of those that block its waiter? */
static bool blocks(const struct sweep *sweep, const struct tick_waiting *waiting,
                   const struct sweep_wait *wait)
{
  return wait->rank == waiting->rank && can_count(&sweep->actors[waiting->index], wait);
}

static void mark_waits(struct build *b, size_t f, const struct tick_waiting *waiting)
{
  const struct sweep *sweep = b->feeds[f]->sweep;
  const uint32_t *holder_rows = b->out->holder_rows + b->out->holder_first[f];

  b->out->node_of_row[waiting->row] = MARKED;
  for (uint32_t i = waiting->wait_first; i < waiting->wait_first + waiting->wait_count; i++) {
    const struct sweep_wait *wait = &sweep->waits[i];

    if (!blocks(sweep, waiting, wait))
      continue;
    for (uint32_t h = 0; h < wait->holder_count; h++)
      if (holder_rows[wait->holder_first + h] != TICK_NO_ROW)
        b->out->node_of_row[holder_rows[wait->holder_first + h]] = MARKED;
  }
}

static void find_waiting(struct build *b, size_t f)
{
  const struct tick_feed *feed = b->feeds[f];
  const struct sweep *sweep = feed->sweep;
  size_t index = 0;

  for (size_t i = 0, end; i < sweep->wait_count; i = end) {
    struct tick_waiting *waiting = &b->waiting[b->waiting_count];
    const struct sweep_actor *waiter;
    bool counts = false;

    index = tick_feed_find(feed, sweep->waits[i].waiter, index);
    waiter = &sweep->actors[index]; /* sweep_check: it is there */
    *waiting = (struct tick_waiting){.row = feed->row_first + (uint32_t)index,
                                     .feed = (uint32_t)f,
                                     .index = (uint32_t)index,
                                     .wait_first = (uint32_t)i};
    for (end = i; end < sweep->wait_count && sweep->waits[end].waiter == waiter->key; end++) {
      if (!can_count(waiter, &sweep->waits[end]))
        continue;
      counts = true;
      if (sweep->waits[end].rank > waiting->rank)
        waiting->rank = sweep->waits[end].rank;
    }
    waiting->wait_count = (uint32_t)(end - i);
    if (counts) {
      mark_waits(b, f, waiting);
      b->waiting_count++;
    }
  }
}

/* --- nodes and groups --- */

static int number_nodes(struct build *b)
{
  const struct tick_joints *joints = &b->out->joints;
  uint32_t *node_of_row = b->out->node_of_row, count = 0;

  for (size_t i = 0; i < joints->count; i++) {
    const struct tick_joint *joint = &joints->list[i];

    if (node_of_row[joint->thread_row] == MARKED)
      node_of_row[joint->actor_row] = MARKED;
    node_of_row[joint->thread_row] = TICK_NO_NODE;
  }
  for (uint32_t row = 0; row < b->out->row_count; row++)
    if (node_of_row[row] == MARKED)
      node_of_row[row] = count++;
  for (size_t i = 0; i < joints->count; i++)
    node_of_row[joints->list[i].thread_row] = node_of_row[joints->list[i].actor_row];
  b->out->graph.node_count = count;
  b->out->row_of_node = malloc((count + 1ul) * sizeof(uint32_t));
  b->out->rows = malloc((count + 1ul) * sizeof(struct tick_row));
  b->out->certainty = malloc(count + 1ul);
  b->waiting_of_node = malloc((count + 1ul) * sizeof(uint32_t));
  if (!b->out->row_of_node || !b->out->rows || !b->out->certainty || !b->waiting_of_node)
    return -ENOMEM;
  memset(b->waiting_of_node, 0xff, count * sizeof(uint32_t));
  return 0;
}

static bool is_thread(const struct build *b, const struct tick_waiting *waiting)
{
  return b->feeds[waiting->feed]->sweep->actors[waiting->index].kind == ACTOR_KIND_THREAD;
}

/* Of a joined pair the actor's own waits count where it has some. */
static void choose_waits(struct build *b)
{
  for (uint32_t i = 0; i < b->waiting_count; i++) {
    uint32_t *chosen = &b->waiting_of_node[b->out->node_of_row[b->waiting[i].row]];

    if (*chosen == UINT32_MAX || is_thread(b, &b->waiting[*chosen]))
      *chosen = i;
  }
}

/* The row that stands for a node: the one whose waits count, else its first. */
static void locate_nodes(struct build *b)
{
  uint32_t *row_of_node = b->out->row_of_node;

  memset(row_of_node, 0xff, b->out->graph.node_count * sizeof(*row_of_node));
  for (size_t f = 0; f < b->feed_count; f++) {
    const struct tick_feed *feed = b->feeds[f];

    for (uint32_t i = 0; i < feed->sweep->actor_count; i++) {
      uint32_t row = feed->row_first + i, node = b->out->node_of_row[row], waiting;

      if (node == TICK_NO_NODE)
        continue;
      waiting = b->waiting_of_node[node];
      if (waiting == UINT32_MAX ? row_of_node[node] != TICK_NO_ROW : b->waiting[waiting].row != row)
        continue;
      row_of_node[node] = row;
      b->out->rows[node] = (struct tick_row){b->targets[f], b->feeds[f], i};
    }
  }
}

/* Unread holders are free: any of them ends an any-wait, an all-wait does not wait for them. */
static void fill_holders(struct build *b, struct waitgraph_group *group, const uint32_t *rows,
                         uint32_t count, uint32_t *edges)
{
  group->holder_first = *edges;
  for (uint32_t h = 0; h < count; h++) {
    if (rows[h] == TICK_NO_ROW)
      group->open = true;
    else
      b->holders[(*edges)++] = b->out->node_of_row[rows[h]];
  }
  group->holder_count = *edges - group->holder_first;
}

/* Is nobody but these holders able to end the wait? A timer ends one as surely as a holder does. */
static bool is_exclusive(const struct build *b, const struct sweep_wait *wait,
                         struct wait_memory *memory, const uint32_t *rows)
{
  bool exclusive = wait->exclusive && wait->timeout == TIMEOUT_NONE;

  for (uint32_t h = 0; h < wait->holder_count; h++) {
    const struct tick_joint *joint = tick_joints_find(&b->out->joints, rows[h]);

    if (joint && !tick_joint_is_alone(joint, memory))
      exclusive = false;
  }
  return exclusive;
}

static void fill_group(struct build *b, uint32_t node, const struct tick_waiting *waiting,
                       uint32_t i, uint32_t *edges)
{
  const struct tick_feed *feed = b->feeds[waiting->feed];
  const struct sweep_wait *wait = &feed->sweep->waits[i];
  struct wait_memory *memory = &feed->waits[i];
  const uint32_t *rows =
      b->out->holder_rows + b->out->holder_first[waiting->feed] + wait->holder_first;
  uint64_t end_first_ns = memory->undecided ? UINT64_MAX : memory->end_first_ns;
  struct waitgraph_group *group = &b->groups[b->out->graph.group_count];

  *group = (struct waitgraph_group){
      .node = node,
      .needs = wait->needs,
      .open = wait->open,
      .timed = wait->timeout != TIMEOUT_NONE,
      .fresh = end_first_ns >= memory->begin_last_ns,
  };
  fill_holders(b, group, rows, wait->holder_count, edges);
  b->out->group_wait[b->out->graph.group_count] = i;
  b->out->spans[b->out->graph.group_count++] = (struct certainty_span){
      .end_first_ns = end_first_ns,
      .begin_last_ns = memory->begin_last_ns,
      .exclusive = is_exclusive(b, wait, memory, rows),
  };
}

static int fill_groups(struct build *b)
{
  struct waitgraph *graph = &b->out->graph;
  uint32_t edges = 0;

  b->groups = malloc((b->wait_count + 1) * sizeof(*b->groups));
  b->holders = malloc((b->holder_count + 1) * sizeof(*b->holders));
  b->out->spans = malloc((b->wait_count + 1) * sizeof(*b->out->spans));
  b->out->group_wait = malloc((b->wait_count + 1) * sizeof(uint32_t));
  b->out->group_first = malloc((graph->node_count + 1ul) * sizeof(uint32_t));
  if (!b->groups || !b->holders || !b->out->spans || !b->out->group_wait || !b->out->group_first)
    return -ENOMEM;
  for (uint32_t node = 0; node < graph->node_count; node++) {
    const struct tick_waiting *waiting;
    const struct sweep *sweep;

    b->out->group_first[node] = graph->group_count;
    if (b->waiting_of_node[node] == UINT32_MAX)
      continue;
    waiting = &b->waiting[b->waiting_of_node[node]];
    sweep = b->feeds[waiting->feed]->sweep;
    for (uint32_t i = waiting->wait_first; i < waiting->wait_first + waiting->wait_count; i++)
      if (blocks(sweep, waiting, &sweep->waits[i]))
        fill_group(b, node, waiting, i, &edges);
  }
  b->out->group_first[graph->node_count] = graph->group_count;
  graph->groups = b->groups;
  graph->holders = b->holders;
  return 0;
}

/* --- faces --- */

uint32_t tick_graph_face_row(const struct tick_graph *graph, uint32_t row)
{
  const struct tick_joint *joint = tick_joints_find(&graph->joints, row);

  return joint ? joint->actor_row : row;
}

const struct tick_row *tick_graph_face(const struct tick_graph *graph, uint32_t node)
{
  const struct tick_joint *joint = tick_joints_find(&graph->joints, graph->row_of_node[node]);

  return joint ? &joint->actor : &graph->rows[node];
}

/* --- fingerprint --- */

static uint64_t member_print(const struct tick_graph *g, uint32_t node)
{
  const struct tick_row *row = tick_graph_face(g, node);

  return mix(row->target->key + mix(row->feed->sweep->actors[row->index].key));
}

static uint64_t fingerprint(const struct tick_graph *g)
{
  uint64_t sum = 0;

  for (uint32_t c = 0; c < g->graph.core_count; c++) {
    const struct waitgraph_core *core = &g->graph.cores[c];
    const uint32_t *members = g->graph.members + core->member_first;
    uint64_t print = 0;

    for (uint32_t i = 0; i < core->member_count; i++)
      print += member_print(g, members[i]);
    sum += mix(print + 4 * core->timed + g->certainty[members[0]]);
  }
  for (uint32_t i = 0; i < g->graph.order_count; i++)
    if (g->graph.verdict[g->graph.order[i]] == VERDICT_STUCK)
      sum += mix(member_print(g, g->graph.order[i]) + 8 + g->certainty[g->graph.order[i]]);
  return sum;
}

/* --- all of it --- */

static int allocate_rows(struct build *b)
{
  struct tick_graph *out = b->out;
  uint32_t first = 0;

  out->node_of_row = malloc((out->row_count + 1ul) * sizeof(uint32_t));
  out->holder_rows = malloc((b->holder_count + 1) * sizeof(uint32_t));
  out->holder_first = malloc((b->feed_count + 1) * sizeof(uint32_t));
  b->waiting = malloc((b->wait_count + 1) * sizeof(*b->waiting));
  if (!out->node_of_row || !out->holder_rows || !out->holder_first || !b->waiting)
    return -ENOMEM;
  memset(out->node_of_row, 0xff, out->row_count * sizeof(uint32_t));
  for (size_t f = 0; f < b->feed_count; f++) {
    out->holder_first[f] = first;
    first += (uint32_t)b->feeds[f]->sweep->holder_count;
  }
  return 0;
}

static int build(struct build *b)
{
  int e = list_feeds(b);

  if (e)
    return e;
  e = allocate_rows(b);
  if (e)
    return e;
  for (size_t f = 0; f < b->feed_count; f++) {
    e = resolve_holders(b, f);
    if (e)
      return e;
    find_waiting(b, f);
  }
  for (size_t t = 0; t < b->memory->target_count; t++) {
    e = tick_joints_add(&b->out->joints, b->memory->targets[t], b->waiting, b->waiting_count);
    if (e)
      return e;
  }
  tick_joints_sort(&b->out->joints);
  e = number_nodes(b);
  if (e)
    return e;
  choose_waits(b);
  locate_nodes(b);
  e = fill_groups(b);
  if (e)
    return e;
  e = waitgraph_reduce(&b->out->graph);
  if (e)
    return e;
  e = certainty_judge(&b->out->graph, b->out->group_first, b->out->spans, b->out->certainty);
  if (e)
    return e;
  b->out->fingerprint = fingerprint(b->out);
  return 0;
}

int tick_graph_build(struct tick_graph *graph, const struct tick_memory *memory)
{
  struct build b = {.out = graph, .memory = memory};
  int e;

  *graph = (struct tick_graph){0};
  e = build(&b);
  free(b.peers.list);
  free(b.feeds);
  free(b.targets);
  free(b.waiting);
  free(b.waiting_of_node);
  if (!graph->graph.groups) { /* else tick_graph_done frees them */
    free(b.groups);
    free(b.holders);
  }
  return e;
}

void tick_graph_done(struct tick_graph *graph)
{
  free(graph->node_of_row);
  free(graph->row_of_node);
  free(graph->rows);
  free(graph->holder_rows);
  free(graph->holder_first);
  free(graph->group_first);
  free(graph->group_wait);
  free(graph->spans);
  tick_joints_done(&graph->joints);
  free(graph->certainty);
  free((void *)graph->graph.groups);
  free((void *)graph->graph.holders);
  waitgraph_done(&graph->graph);
  *graph = (struct tick_graph){0};
}
