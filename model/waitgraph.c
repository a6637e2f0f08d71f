/*
 * waitgraph.c - the wait-for graph: reduction, deadlocked cores, and who waits behind whom. See
 * waitgraph.h for the meaning. Not here: what a node is (tick.c) and how sure a core is
 * (certainty.c).
 *
 * Everything is linear in nodes + groups + holders, without recursion and without hashing, on flat
 * arrays:
 *
 *    groups by node  ->  waits_of:  node -> its holders                (forward edges)
 *                        ended_by:  node -> groups that list it        (backward, for the
 * reduction) reduce x 2      ->  residue[node]: 0 free, 1 left by the first reduction, 2 by the
 * second only components      ->  of residue 1, of residue 2 (cores), and of the whole graph (for
 * `behind`)
 */
#include "model/waitgraph.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NEVER UINT32_MAX /* of group_needs: no holder can free it */

enum residue { RESIDUE_FREE, RESIDUE_BLOCKED, RESIDUE_TIMED };

/* What is read together stands together: a long chain is followed at the pace of the memory. */
struct backward {
  uint32_t group, waiter;
};

struct work {
  uint32_t *group_first; /* groups of node i: group_first[i] .. [i + 1] */
  uint32_t *edge_first;  /* edges of node i: edges[edge_first[i] .. [i + 1]] */
  uint32_t *edges;       /* holders */
  uint32_t *backward_first;
  struct backward *backward; /* groups that list node i as a holder */
  uint32_t *group_needs;     /* holders that must still become free */
  uint32_t *queue;
  uint32_t *component; /* Pearce's index while searching, then the component of each node */
  uint32_t *stack, *frame_node, *frame_edge;
  uint32_t *order;  /* nodes in the order in which components were completed: holders first */
  uint8_t *residue; /* enum residue */
  uint8_t *frame_root;
  uint32_t edge_count;
  void *memory;
};

static int check(const struct waitgraph *g, uint32_t *ret_edges)
{
  uint64_t edges = 0;

  for (uint32_t i = 0; i < g->group_count; i++) {
    const struct waitgraph_group *group = &g->groups[i];

    if (group->node >= g->node_count || (i && group[-1].node > group->node) ||
        group->needs > NEEDS_ANY)
      return -EINVAL;
    edges += group->holder_count;
    if (edges > UINT32_MAX - 1)
      return -EINVAL;
    for (uint32_t h = 0; h < group->holder_count; h++)
      if (g->holders[group->holder_first + h] >= g->node_count)
        return -EINVAL;
  }
  *ret_edges = (uint32_t)edges;
  return g->node_count < UINT32_MAX - 1 ? 0 : -EINVAL;
}

#define HUGE_PAGE (2ul << 20)

/* Large blocks are wandered through at random: with huge pages that takes half the time. */
static void *allocate(size_t bytes)
{
  void *block;

  if (bytes < 4 * HUGE_PAGE)
    return malloc(bytes);
  block = aligned_alloc(HUGE_PAGE, (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
  if (block)
    (void)madvise(block, bytes, MADV_HUGEPAGE); /* only a hint */
  return block;
}

/* All arrays out of one allocation, so that there is one failure to handle. */
static int work_init(struct work *w, const struct waitgraph *g, uint32_t edges)
{
  size_t n = g->node_count, words = 3 * (n + 1) + 3 * (size_t)edges + g->group_count + 6 * n;
  uint32_t *p = allocate(words * sizeof(*p) + 2 * n + 1);

  if (!p)
    return -ENOMEM;
  *w = (struct work){.memory = p, .edge_count = edges};
  w->backward = (struct backward *)p, p += 2ul * edges;
  w->group_first = p, p += n + 1;
  w->edge_first = p, p += n + 1;
  w->backward_first = p, p += n + 1;
  w->edges = p, p += edges;
  w->group_needs = p, p += g->group_count;
  w->queue = p, p += n;
  w->component = p, p += n;
  w->stack = p, p += n;
  w->frame_node = p, p += n;
  w->frame_edge = p, p += n;
  w->order = p, p += n;
  w->residue = (uint8_t *)p;
  w->frame_root = w->residue + n;
  return 0;
}

/* Forward edges: groups are sorted by node, so they are filled in one after the other. */
static void index_forward(struct work *w, const struct waitgraph *g)
{
  uint32_t group = 0, edge = 0;

  for (uint32_t node = 0; node < g->node_count; node++) {
    w->group_first[node] = group;
    w->edge_first[node] = edge;
    for (; group < g->group_count && g->groups[group].node == node; group++) {
      const struct waitgraph_group *of = &g->groups[group];

      for (uint32_t h = 0; h < of->holder_count; h++)
        w->edges[edge++] = g->holders[of->holder_first + h];
    }
  }
  w->group_first[g->node_count] = group;
  w->edge_first[g->node_count] = edge;
}

/* Backward edges, by counting. */
static void index_backward(struct work *w, const struct waitgraph *g)
{
  uint32_t *first = w->backward_first, sum = 0;

  memset(first, 0, (g->node_count + 1ul) * sizeof(*first));
  for (uint32_t e = 0; e < w->edge_count; e++)
    first[w->edges[e]]++;
  for (uint32_t node = 0; node <= g->node_count; node++) {
    uint32_t count = first[node];

    first[node] = sum;
    sum += count;
  }
  for (uint32_t group = 0, e = 0; group < g->group_count; group++)
    for (uint32_t h = 0; h < g->groups[group].holder_count; h++)
      w->backward[first[w->edges[e++]]++] = (struct backward){group, g->groups[group].node};
  for (uint32_t node = g->node_count; node > 0; node--) /* filling moved each first to its end */
    first[node] = first[node - 1];
  first[0] = 0;
}

static bool waits(const struct work *w, uint32_t node)
{
  return w->group_first[node] != w->group_first[node + 1];
}

static bool is_stuck(const struct waitgraph_group *group)
{
  return group->holder_count == 0 && !group->open && !group->timed;
}

/* How many of the group's waiting holders must become free before it is: 0 = it is free already. */
static uint32_t initial_needs(const struct work *w, const struct waitgraph *g,
                              const struct waitgraph_group *group, bool timed_blocks)
{
  uint32_t waiting = 0;

  if (group->timed && (!timed_blocks || group->holder_count == 0))
    return 0;
  if (is_stuck(group))
    return NEVER;
  if (group->needs == NEEDS_ANY && group->open)
    return 0;
  for (uint32_t h = 0; h < group->holder_count; h++)
    waiting += waits(w, g->holders[group->holder_first + h]);
  if (group->needs == NEEDS_ANY)
    return waiting == group->holder_count ? 1 : 0;
  return waiting;
}

/* Frees nodes until nothing changes. Those left get `residue`; nodes that have one already stay as
 * they are. */
static void reduce(struct work *w, const struct waitgraph *g, bool timed_blocks, enum residue left)
{
  uint8_t *freed = w->frame_root; /* not in use yet */
  uint32_t head = 0, tail = 0;

  memset(freed, 0, g->node_count);
  for (uint32_t i = 0; i < g->group_count; i++) {
    uint32_t node = g->groups[i].node;

    w->group_needs[i] = initial_needs(w, g, &g->groups[i], timed_blocks);
    if (w->group_needs[i] == 0 && !freed[node]) {
      freed[node] = 1;
      w->queue[tail++] = node;
    }
  }
  while (head < tail) {
    uint32_t node = w->queue[head++];

    for (uint32_t b = w->backward_first[node]; b < w->backward_first[node + 1]; b++) {
      uint32_t group = w->backward[b].group, waiter = w->backward[b].waiter;

      if (freed[waiter] || w->group_needs[group] == NEVER || --w->group_needs[group] > 0)
        continue;
      freed[waiter] = 1;
      w->queue[tail++] = waiter;
    }
  }
  for (uint32_t node = 0; node < g->node_count; node++)
    if (w->residue[node] == RESIDUE_FREE && !freed[node] && waits(w, node))
      w->residue[node] = (uint8_t)left;
}

#define ALL_NODES UINT8_MAX

static bool within(const struct work *w, uint32_t node, uint8_t residue)
{
  return residue == ALL_NODES || w->residue[node] == residue;
}

/* The search for components: indices count up from 1, components down from node_count + 1, so that
 * one array holds both (Pearce, An Improved Algorithm for Finding the Strongly Connected Components
 * of a Directed Graph, 2005). */
struct search {
  uint32_t index, component, stacked, depth, ordered;
};

static void search_enter(struct work *w, struct search *s, uint32_t node)
{
  w->component[node] = s->index++;
  w->frame_node[s->depth] = node;
  w->frame_edge[s->depth] = w->edge_first[node];
  w->frame_root[s->depth] = 1;
  s->depth++;
}

static void search_leave(struct work *w, struct search *s)
{
  uint32_t node = w->frame_node[--s->depth];
  uint32_t *component = w->component;

  if (!w->frame_root[s->depth]) {
    w->stack[s->stacked++] = node;
    return;
  }
  s->index--;
  while (s->stacked && component[node] <= component[w->stack[s->stacked - 1]]) {
    uint32_t member = w->stack[--s->stacked];

    component[member] = s->component;
    w->order[s->ordered++] = member;
    s->index--;
  }
  component[node] = s->component--;
  w->order[s->ordered++] = node;
}

static void search_from(struct work *w, struct search *s, uint32_t start, uint8_t residue)
{
  search_enter(w, s, start);
  while (s->depth) {
    uint32_t top = s->depth - 1, node = w->frame_node[top];
    uint32_t edge = w->frame_edge[top], end = w->edge_first[node + 1], next = UINT32_MAX;

    for (; edge < end; edge++) {
      uint32_t holder = w->edges[edge];

      if (!within(w, holder, residue))
        continue;
      if (w->component[holder] == 0) {
        next = holder; /* come back to this edge: then it has an index */
        break;
      }
      if (w->component[holder] < w->component[node]) {
        w->component[node] = w->component[holder];
        w->frame_root[top] = 0;
      }
    }
    w->frame_edge[top] = edge;
    if (next != UINT32_MAX)
      search_enter(w, s, next);
    else
      search_leave(w, s);
  }
}

/* Finds the components of the nodes of one residue; returns how many nodes there are. w->order[0
 * ..] lists them, holders first; the components are numbered downwards from node_count in that
 * order. */
static uint32_t find_components(struct work *w, const struct waitgraph *g, uint8_t residue)
{
  struct search s = {.index = 1, .component = g->node_count + 1};

  memset(w->component, 0, g->node_count * sizeof(*w->component));
  for (uint32_t node = 0; node < g->node_count; node++)
    if (w->component[node] == 0 && within(w, node, residue))
      search_from(w, &s, node, residue);
  return s.ordered;
}

static bool has_edge_to_itself(const struct work *w, uint32_t node)
{
  for (uint32_t e = w->edge_first[node]; e < w->edge_first[node + 1]; e++)
    if (w->edges[e] == node)
      return true;
  return false;
}

static bool all_stuck(const struct waitgraph *g, const struct work *w, uint32_t node)
{
  for (uint32_t group = w->group_first[node]; group < w->group_first[node + 1]; group++)
    if (!is_stuck(&g->groups[group]))
      return false;
  return true;
}

/* A component of one residue, found side by side in `order`: its members get their verdict, and a
 * mark that they are in a core, which number_cores turns into the core's number. */
static void judge_component(struct waitgraph *g, const struct work *w, const uint32_t *nodes,
                            uint32_t count, enum residue residue)
{
  bool core = count > 1 || has_edge_to_itself(w, nodes[0]);

  for (uint32_t i = 0; i < count; i++) {
    uint32_t node = nodes[i];

    g->verdict[node] = VERDICT_VICTIM;
    if (core) {
      g->verdict[node] = residue == RESIDUE_BLOCKED ? VERDICT_DEADLOCK : VERDICT_TIMED;
      g->core[node] = w->component[node];
      continue;
    }
    if (all_stuck(g, w, node))
      g->verdict[node] = VERDICT_STUCK;
  }
}

static void judge_residue(struct waitgraph *g, struct work *w, enum residue residue)
{
  uint32_t count = find_components(w, g, (uint8_t)residue);

  for (uint32_t i = 0, end; i < count; i = end) {
    for (end = i + 1; end < count && w->component[w->order[end]] == w->component[w->order[i]];)
      end++;
    judge_component(g, w, w->order + i, end - i, residue);
  }
  memcpy(g->order + g->order_count, w->order, count * sizeof(*g->order));
  g->order_count += count;
}

/* Numbers the cores by their smallest member and lists the members. A component of the first
 * residue and one of the second may bear the same number; they are told apart by `timed`. */
static int number_cores(struct waitgraph *g, struct work *w)
{
  uint32_t *number[2] = {w->stack, w->frame_node}; /* of the core, by component and residue */
  uint32_t members = 0, count = 0;

  for (uint32_t node = 0; node < g->node_count; node++) {
    number[0][node] = number[1][node] = WAITGRAPH_NO_CORE;
    members += g->core[node] != WAITGRAPH_NO_CORE;
  }
  g->cores = malloc((members + 1ul) * sizeof(*g->cores));
  g->members = malloc((members + 1ul) * sizeof(*g->members));
  if (!g->cores || !g->members)
    return -ENOMEM;
  for (uint32_t node = 0; node < g->node_count; node++) {
    bool timed = g->verdict[node] == VERDICT_TIMED;
    uint32_t *core;

    if (g->core[node] == WAITGRAPH_NO_CORE)
      continue;
    core = &number[timed][g->core[node] - 2];
    if (*core == WAITGRAPH_NO_CORE) {
      *core = count++;
      g->cores[*core] = (struct waitgraph_core){.timed = timed};
    }
    g->core[node] = *core;
    g->cores[*core].member_count++;
  }
  for (uint32_t i = 0, first = 0; i < count; i++) {
    g->cores[i].member_first = first;
    first += g->cores[i].member_count;
    g->cores[i].member_count = 0;
  }
  for (uint32_t node = 0; node < g->node_count; node++) {
    if (g->core[node] != WAITGRAPH_NO_CORE) {
      struct waitgraph_core *core = &g->cores[g->core[node]];

      g->members[core->member_first + core->member_count++] = node;
    }
  }
  g->core_count = count;
  return 0;
}

/* --- behind --- */

/* One component of the whole graph. "Tree": it and all behind it have at most one way out, so that
 * sums over what is behind it are exact; `mesh` are the others. */
struct component {
  uint32_t first, size; /* members: order[first .. + size] */
  uint32_t blocked;     /* members that cannot run */
  uint32_t trees;       /* nodes in the trees directly behind it */
  uint32_t trees_blocked;
  uint32_t total; /* nodes in it and behind it, or WAITGRAPH_BEHIND_UNKNOWN */
  uint32_t total_blocked;
  uint32_t mesh_count; /* mesh components directly behind it */
  uint32_t mesh_link;  /* list of them: index + 1 in links, 0 = end */
  uint32_t walk;       /* the last walk that came by */
};

struct link {
  uint32_t component, next;
};

struct condensation {
  const struct waitgraph *graph;
  struct work *work;
  struct component *components; /* holders before waiters */
  struct link *links;
  uint32_t count, link_count, steps;
};

static uint32_t component_of(const struct condensation *c, uint32_t node)
{
  return c->graph->node_count + 1 - c->work->component[node];
}

static void list_components(struct condensation *c)
{
  for (uint32_t i = 0; i < c->graph->node_count; i++) {
    uint32_t node = c->work->order[i], k = component_of(c, node);

    if (k == c->count)
      c->components[c->count++] = (struct component){.first = i};
    c->components[k].size++;
    c->components[k].blocked += c->work->residue[node] != RESIDUE_FREE;
  }
}

/* Counts what is in and behind component `start` where ways meet again: each mesh component once,
 * trees by sum. */
static void walk(struct condensation *c, uint32_t start)
{
  uint32_t *stack = c->work->stack, depth = 0, total = 0, blocked = 0;

  stack[depth++] = start;
  c->components[start].walk = start + 1;
  while (depth) {
    const struct component *at = &c->components[stack[--depth]];

    total += at->size + at->trees;
    blocked += at->blocked + at->trees_blocked;
    for (uint32_t l = at->mesh_link; l; l = c->links[l - 1].next) {
      uint32_t next = c->links[l - 1].component;

      if (++c->steps > WAITGRAPH_WALK_STEPS) {
        c->components[start].total = c->components[start].total_blocked = WAITGRAPH_BEHIND_UNKNOWN;
        return;
      }
      if (c->components[next].walk != start + 1) {
        c->components[next].walk = start + 1;
        stack[depth++] = next;
      }
    }
  }
  c->components[start].total = total;
  c->components[start].total_blocked = blocked;
}

static void sum_up(struct condensation *c, uint32_t k)
{
  struct component *at = &c->components[k];
  const struct component *only;

  at->total = at->size + at->trees;
  at->total_blocked = at->blocked + at->trees_blocked;
  if (at->mesh_count > 1) {
    walk(c, k);
  } else if (at->mesh_count == 1) {
    only = &c->components[c->links[at->mesh_link - 1].component];
    if (only->total == WAITGRAPH_BEHIND_UNKNOWN) {
      at->total = at->total_blocked = WAITGRAPH_BEHIND_UNKNOWN;
    } else {
      at->total += only->total;
      at->total_blocked += only->total_blocked;
    }
  }
}

/* The holder components of k, each once, into `ret_outs` (room for all nodes); returns how many. */
static uint32_t ways_out(struct condensation *c, uint32_t k, uint32_t *ret_outs)
{
  const struct component *at = &c->components[k];
  const struct work *w = c->work;
  uint32_t count = 0;

  for (uint32_t i = at->first; i < at->first + at->size; i++) {
    uint32_t node = w->order[i];

    for (uint32_t e = w->edge_first[node]; e < w->edge_first[node + 1]; e++) {
      uint32_t out = component_of(c, w->edges[e]);

      if (out == k || c->work->frame_edge[out] == k)
        continue;
      c->work->frame_edge[out] = k; /* seen from k */
      ret_outs[count++] = out;
    }
  }
  return count;
}

/* Tells the holders of k what is behind them. */
static void pass_on(struct condensation *c, uint32_t k)
{
  struct component *at = &c->components[k];
  uint32_t *outs = c->work->queue, count = ways_out(c, k, outs);

  if (count == 1 && at->mesh_count == 0) {
    c->components[outs[0]].trees += at->total;
    c->components[outs[0]].trees_blocked += at->total_blocked;
    return;
  }
  for (uint32_t i = 0; i < count; i++) {
    struct component *out = &c->components[outs[i]];

    c->links[c->link_count] = (struct link){.component = k, .next = out->mesh_link};
    out->mesh_link = ++c->link_count;
    out->mesh_count++;
  }
}

static int count_behind(struct waitgraph *g, struct work *w)
{
  struct condensation c = {.graph = g, .work = w};

  (void)find_components(w, g, ALL_NODES); /* all nodes: the number is known */
  c.components = allocate((g->node_count + 1ul) * sizeof(*c.components));
  c.links = malloc((w->edge_count + 1ul) * sizeof(*c.links));
  if (!c.components || !c.links) {
    free(c.components);
    free(c.links);
    return -ENOMEM;
  }
  list_components(&c);
  memset(w->frame_edge, 0xff, g->node_count * sizeof(*w->frame_edge));
  for (uint32_t k = c.count; k-- > 0;) {
    sum_up(&c, k);
    pass_on(&c, k);
  }
  for (uint32_t node = 0; node < g->node_count; node++) {
    uint32_t total = c.components[component_of(&c, node)].total;

    g->behind[node] = total == WAITGRAPH_BEHIND_UNKNOWN ? total : total - 1;
  }
  for (uint32_t i = 0; i < g->core_count; i++) {
    struct waitgraph_core *core = &g->cores[i];
    uint32_t total = c.components[component_of(&c, g->members[core->member_first])].total_blocked;

    core->victim_count = total == WAITGRAPH_BEHIND_UNKNOWN ? total : total - core->member_count;
  }
  free(c.components);
  free(c.links);
  return 0;
}

static int allocate_results(struct waitgraph *g)
{
  size_t n = g->node_count + 1ul;

  g->verdict = calloc(n, sizeof(*g->verdict));
  g->core = malloc(n * sizeof(*g->core));
  g->behind = malloc(n * sizeof(*g->behind));
  g->order = malloc(n * sizeof(*g->order));
  if (!g->verdict || !g->core || !g->behind || !g->order)
    return -ENOMEM;
  memset(g->core, 0xff, n * sizeof(*g->core));
  static_assert(VERDICT_FREE == 0 && WAITGRAPH_NO_CORE == UINT32_MAX, "fills");
  return 0;
}

static bool any_timed(const struct waitgraph *g)
{
  for (uint32_t i = 0; i < g->group_count; i++)
    if (g->groups[i].timed)
      return true;
  return false;
}

int waitgraph_reduce(struct waitgraph *g)
{
  struct work w = {0};
  uint32_t edges = 0;
  int e = check(g, &edges);

  g->verdict = NULL;
  g->core = g->behind = g->members = g->order = NULL;
  g->cores = NULL;
  g->core_count = g->order_count = 0;
  if (e)
    goto out;
  e = allocate_results(g);
  if (e)
    goto out;
  e = work_init(&w, g, edges);
  if (e)
    goto out;
  index_forward(&w, g);
  index_backward(&w, g);
  memset(w.residue, RESIDUE_FREE, g->node_count);
  reduce(&w, g, false, RESIDUE_BLOCKED);
  judge_residue(g, &w, RESIDUE_BLOCKED);
  if (any_timed(g)) {
    reduce(&w, g, true, RESIDUE_TIMED);
    judge_residue(g, &w, RESIDUE_TIMED);
  }
  e = number_cores(g, &w);
  if (e)
    goto out;
  e = count_behind(g, &w);
out:
  free(w.memory);
  if (e)
    waitgraph_done(g);
  return e;
}

/* --- one cycle --- */

static uint32_t member_index(const struct waitgraph *g, const struct waitgraph_core *core,
                             uint32_t node)
{
  const uint32_t *members = g->members + core->member_first;
  uint32_t low = 0, high = core->member_count;

  while (low < high) {
    uint32_t middle = low + (high - low) / 2;

    if (members[middle] < node)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static uint32_t first_group(const struct waitgraph *g, uint32_t node)
{
  uint32_t low = 0, high = g->group_count;

  while (low < high) {
    uint32_t middle = low + (high - low) / 2;

    if (g->groups[middle].node < node)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Breadth first from the smallest member until an edge leads back to it. came_from[] and queue[]
 * are of members by index; returns the index of the last member of the cycle. */
static uint32_t close_cycle(const struct waitgraph *g, uint32_t core, uint32_t *came_from,
                            uint32_t *queue)
{
  const struct waitgraph_core *of = &g->cores[core];
  const uint32_t *members = g->members + of->member_first;
  uint32_t head = 0, tail = 0;

  memset(came_from, 0xff, of->member_count * sizeof(*came_from));
  came_from[0] = 0;
  queue[tail++] = 0;
  while (head < tail) {
    uint32_t from = queue[head++];

    for (uint32_t i = first_group(g, members[from]);
         i < g->group_count && g->groups[i].node == members[from]; i++) {
      for (uint32_t h = 0; h < g->groups[i].holder_count; h++) {
        uint32_t holder = g->holders[g->groups[i].holder_first + h], to;

        if (g->core[holder] != core)
          continue;
        to = member_index(g, of, holder);
        if (to == 0)
          return from;
        if (came_from[to] == UINT32_MAX) {
          came_from[to] = from;
          queue[tail++] = to;
        }
      }
    }
  }
  return 0; /* not reached: a core is strongly connected */
}

uint32_t waitgraph_cycle(const struct waitgraph *g, uint32_t core, uint32_t *ret_nodes,
                         uint32_t room)
{
  const struct waitgraph_core *of = &g->cores[core];
  uint32_t *came_from = malloc(2ul * of->member_count * sizeof(*came_from));
  uint32_t last, length = 1;

  if (!came_from)
    return 0;
  last = close_cycle(g, core, came_from, came_from + of->member_count);
  for (uint32_t i = last; i != 0; i = came_from[i])
    length++;
  for (uint32_t i = last, at = length; at-- > 0; i = came_from[i])
    if (at < room)
      ret_nodes[at] = g->members[of->member_first + i];
  free(came_from);
  return length;
}

void waitgraph_done(struct waitgraph *g)
{
  free(g->verdict);
  free(g->core);
  free(g->behind);
  free(g->cores);
  free(g->members);
  free(g->order);
  g->verdict = NULL;
  g->core = g->behind = g->members = g->order = NULL;
  g->cores = NULL;
  g->core_count = g->order_count = 0;
}
