/*
 * waitgraph.c - the wait-for graph: reduction, deadlocked cores, and who waits behind whom. See
 * waitgraph.h for the meaning. Not here: what a node is (tick_graph.c) and how sure a core is
 * (certainty.c).
 *
 * Everything is linear in nodes + groups + holders, without recursion and without hashing, on flat
 * arrays. The strongly connected components of the whole graph come first, holders before waiters:
 * in that order each node on no circle is decided by a look at its holders, and only within a
 * component does freedom have to spread.
 *
 *    edges (node -> holders)  ->  components of the whole graph, holders first
 *                             ->  reduce x 2, or x 4: residue[node] = the first pass that leaves it
 *                             ->  components again, of each residue within each component: cores
 *                             ->  sums over the components: behind
 */
#include "model/waitgraph.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NEVER UINT32_MAX /* of group_needs: no holder can free it */

/* What a reduction leaves, by what blocks in it. A node is what the first of the passes says that
 * leaves it; what holds it up there was left by that pass too, so it belongs to this residue or to
 * an earlier one. */
enum residue {
  RESIDUE_FREE,
  RESIDUE_SETTLED,
  RESIDUE_SETTLED_TIMED,
  RESIDUE_BLOCKED,
  RESIDUE_TIMED,
  RESIDUE_COUNT
};

static const struct pass {
  bool timed_blocks, fresh_blocks;
} passes[RESIDUE_COUNT] = {
    [RESIDUE_SETTLED] = {false, false},
    [RESIDUE_SETTLED_TIMED] = {true, false},
    [RESIDUE_BLOCKED] = {false, true},
    [RESIDUE_TIMED] = {true, true},
};

/* What the search reads of a node stands together: a long chain is followed at the pace of the
 * memory. */
struct node {
  uint32_t label;      /* see struct search */
  uint32_t edge_first; /* edges[edge_first .. + edge_count] are its holders */
  uint32_t edge_count;
  uint32_t holder; /* the first of them */
};

struct work {
  struct node *nodes;
  uint32_t *group_first; /* groups of node i: group_first[i] .. [i + 1] */
  uint32_t *edges;
  uint32_t *order;           /* all nodes, components side by side, holders before waiters */
  uint32_t *component;       /* of each node, in the whole graph; holders have smaller ones */
  uint32_t *component_first; /* of each component: order[component_first[k] .. [k + 1]] */
  uint32_t component_count;
  uint32_t *label; /* of nodes in a circle: their component within their residue */
  uint32_t *stack, *frame_node, *frame_edge; /* of the search; scratch otherwise */
  uint32_t *group_needs;                     /* holders that must still become free */
  uint32_t *edge_next;  /* edges of one holder within its component: a list, index + 1 */
  uint32_t *edge_group; /* the group that an edge in such a list is of */
  uint8_t *residue;     /* enum residue */
  uint8_t *freed;
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
  size_t n = g->node_count,
         words = 4 * n + 2 * (n + 1) + 3 * (size_t)edges + g->group_count + 6 * n;
  uint32_t *p = allocate(words * sizeof(*p) + 3 * n + 1);

  if (!p)
    return -ENOMEM;
  *w = (struct work){.memory = p, .edge_count = edges};
  w->nodes = (struct node *)p, p += 4 * n;
  w->group_first = p, p += n + 1;
  w->component_first = p, p += n + 1;
  w->edges = p, p += edges;
  w->edge_next = p, p += edges;
  w->edge_group = p, p += edges;
  w->group_needs = p, p += g->group_count;
  w->order = p, p += n;
  w->component = p, p += n;
  w->label = p, p += n;
  w->stack = p, p += n;
  w->frame_node = p, p += n;
  w->frame_edge = p, p += n;
  w->residue = (uint8_t *)p;
  w->freed = w->residue + n;
  w->frame_root = w->freed + n;
  return 0;
}

/* Groups are sorted by node, so the edges of a node are those of its groups in their order. */
static void index_edges(struct work *w, const struct waitgraph *g)
{
  uint32_t group = 0, edge = 0;

  for (uint32_t node = 0; node < g->node_count; node++) {
    struct node *at = &w->nodes[node];

    w->group_first[node] = group;
    *at = (struct node){.edge_first = edge};
    for (; group < g->group_count && g->groups[group].node == node; group++) {
      const struct waitgraph_group *of = &g->groups[group];

      for (uint32_t h = 0; h < of->holder_count; h++)
        w->edges[edge++] = g->holders[of->holder_first + h];
    }
    at->edge_count = edge - at->edge_first;
    at->holder = at->edge_count ? w->edges[at->edge_first] : 0;
  }
  w->group_first[g->node_count] = group;
}

static uint32_t holder_of(const struct work *w, const struct node *node, uint32_t edge)
{
  return edge == 0 ? node->holder : w->edges[node->edge_first + edge];
}

/* --- components --- */

/* The search for components. Indices count up from 1, components down from node_count + 1, so that
 * one number of each node holds both (Pearce, An Improved Algorithm for Finding the Strongly
 * Connected Components of a Directed Graph, 2005). Of the whole graph they stand in nodes[].label;
 * of a residue, which is searched within one component of the whole graph after the other, in
 * label[]. */
struct search {
  struct work *w;
  uint32_t *label; /* NULL: the whole graph */
  uint32_t *order; /* nodes as their components are completed */
  uint8_t residue;
  uint32_t index, component, stacked, depth, ordered;
};

static uint32_t *label_of(const struct search *s, uint32_t node)
{
  return s->label ? &s->label[node] : &s->w->nodes[node].label;
}

static bool within(const struct search *s, uint32_t node, uint32_t holder)
{
  return !s->label ||
         (s->w->residue[holder] == s->residue && s->w->component[holder] == s->w->component[node]);
}

static void search_enter(struct search *s, uint32_t node)
{
  *label_of(s, node) = s->index++;
  s->w->frame_node[s->depth] = node;
  s->w->frame_edge[s->depth] = 0;
  s->w->frame_root[s->depth] = 1;
  s->depth++;
}

static void search_complete(struct search *s, uint32_t node)
{
  *label_of(s, node) = s->component;
  s->order[s->ordered++] = node;
  s->index--;
}

static void search_leave(struct search *s)
{
  uint32_t *stack = s->w->stack, node = s->w->frame_node[--s->depth];
  uint32_t label = *label_of(s, node);

  if (!s->w->frame_root[s->depth]) {
    stack[s->stacked++] = node;
    return;
  }
  if (!s->label)
    s->w->component_first[s->w->component_count++] = s->ordered;
  while (s->stacked && label <= *label_of(s, stack[s->stacked - 1]))
    search_complete(s, stack[--s->stacked]);
  search_complete(s, node);
  s->component--;
}

static void search_from(struct search *s, uint32_t start)
{
  const struct work *w = s->w;

  search_enter(s, start);
  while (s->depth) {
    uint32_t top = s->depth - 1, node = w->frame_node[top], edge = w->frame_edge[top];
    const struct node *at = &w->nodes[node];
    uint32_t next = UINT32_MAX;

    for (; edge < at->edge_count; edge++) {
      uint32_t holder = holder_of(w, at, edge);

      if (!within(s, node, holder))
        continue;
      if (*label_of(s, holder) == 0) {
        next = holder; /* come back to this edge: then it has an index */
        break;
      }
      if (*label_of(s, holder) < *label_of(s, node)) {
        *label_of(s, node) = *label_of(s, holder);
        w->frame_root[top] = 0;
      }
    }
    w->frame_edge[top] = edge;
    if (next != UINT32_MAX)
      search_enter(s, next);
    else
      search_leave(s);
  }
}

static void find_components(struct work *w, const struct waitgraph *g)
{
  struct search s = {.w = w, .order = w->order, .index = 1, .component = g->node_count + 1};

  for (uint32_t node = 0; node < g->node_count; node++)
    if (w->nodes[node].label == 0)
      search_from(&s, node);
  w->component_first[w->component_count] = g->node_count;
  for (uint32_t node = 0; node < g->node_count; node++)
    w->component[node] = g->node_count + 1 - w->nodes[node].label;
}

/* --- reduction --- */

static bool is_stuck(const struct waitgraph_group *group)
{
  return group->holder_count == 0 && !group->open && !group->timed;
}

/* How many holders of its own component must become free before the group is: 0 = it is free
 * already. Those of other components are decided, those of its own not yet. */
static uint32_t needs_of(const struct work *w, const struct waitgraph *g,
                         const struct waitgraph_group *group, struct pass pass)
{
  uint32_t component = w->component[group->node], inside = 0, blocked = 0;

  if (group->fresh && !pass.fresh_blocks)
    return 0;
  if (group->timed && (!pass.timed_blocks || group->holder_count == 0))
    return 0;
  if (is_stuck(group))
    return NEVER;
  if (group->needs == NEEDS_ANY && group->open)
    return 0;
  for (uint32_t h = 0; h < group->holder_count; h++) {
    uint32_t holder = g->holders[group->holder_first + h];

    if (w->freed[holder])
      continue;
    if (w->component[holder] == component)
      inside++;
    else
      blocked++;
  }
  if (group->needs == NEEDS_ANY)
    return inside + blocked < group->holder_count ? 0 : inside ? 1 : NEVER;
  return blocked ? NEVER : inside;
}

/* Puts the edges within the component into the lists of their holders; heads in frame_node. */
static void list_waiters(struct work *w, const struct waitgraph *g, uint32_t first, uint32_t end)
{
  for (uint32_t i = first; i < end; i++)
    w->frame_node[w->order[i]] = 0;
  for (uint32_t i = first; i < end; i++) {
    uint32_t node = w->order[i], edge = w->nodes[node].edge_first;

    for (uint32_t group = w->group_first[node]; group < w->group_first[node + 1]; group++)
      for (uint32_t h = 0; h < g->groups[group].holder_count; h++, edge++) {
        uint32_t holder = w->edges[edge];

        if (w->component[holder] != w->component[node])
          continue;
        w->edge_group[edge] = group;
        w->edge_next[edge] = w->frame_node[holder];
        w->frame_node[holder] = edge + 1;
      }
  }
}

/* Decides the nodes of one component whose holders outside are decided: freedom spreads along the
 * lists until nothing changes. */
static void reduce_circle(struct work *w, const struct waitgraph *g, struct pass pass,
                          uint32_t first, uint32_t end)
{
  uint32_t *queue = w->stack, head = 0, tail = 0;

  list_waiters(w, g, first, end);
  for (uint32_t i = first; i < end; i++) {
    uint32_t node = w->order[i];

    for (uint32_t group = w->group_first[node]; group < w->group_first[node + 1]; group++)
      w->group_needs[group] = needs_of(w, g, &g->groups[group], pass);
  }
  for (uint32_t i = first; i < end; i++) {
    uint32_t node = w->order[i];

    for (uint32_t group = w->group_first[node]; group < w->group_first[node + 1]; group++)
      w->freed[node] |= w->group_needs[group] == 0;
    if (w->freed[node])
      queue[tail++] = node;
  }
  while (head < tail) {
    for (uint32_t e = w->frame_node[queue[head++]]; e; e = w->edge_next[e - 1]) {
      uint32_t group = w->edge_group[e - 1], waiter = g->groups[group].node;

      if (w->freed[waiter] || w->group_needs[group] == NEVER || --w->group_needs[group] > 0)
        continue;
      w->freed[waiter] = 1;
      queue[tail++] = waiter;
    }
  }
}

/* A node on no circle, or on one with itself alone: what it holds up does not decide about it. */
static bool is_free(const struct work *w, const struct waitgraph *g, struct pass pass,
                    uint32_t node)
{
  uint32_t group = w->group_first[node], end = w->group_first[node + 1];

  if (group == end)
    return true;
  while (group < end)
    if (needs_of(w, g, &g->groups[group++], pass) == 0)
      return true;
  return false;
}

/* Frees nodes until nothing changes. Those left get the residue; nodes that have one already keep
 * it. */
static void reduce(struct work *w, const struct waitgraph *g, enum residue left)
{
  struct pass pass = passes[left];

  memset(w->freed, 0, g->node_count);
  for (uint32_t k = 0; k < w->component_count; k++) {
    uint32_t first = w->component_first[k], end = w->component_first[k + 1];

    if (end - first == 1)
      w->freed[w->order[first]] = is_free(w, g, pass, w->order[first]);
    else
      reduce_circle(w, g, pass, first, end);
  }
  for (uint32_t node = 0; node < g->node_count; node++)
    if (w->residue[node] == RESIDUE_FREE && !w->freed[node])
      w->residue[node] = (uint8_t)left;
}

static bool has_edge_to_itself(const struct work *w, uint32_t node)
{
  for (uint32_t e = 0; e < w->nodes[node].edge_count; e++)
    if (holder_of(w, &w->nodes[node], e) == node)
      return true;
  return false;
}

/* --- verdicts --- */

static bool all_stuck(const struct waitgraph *g, const struct work *w, uint32_t node)
{
  for (uint32_t group = w->group_first[node]; group < w->group_first[node + 1]; group++)
    if (!is_stuck(&g->groups[group]))
      return false;
  return true;
}

/* A component of one residue, side by side: its members get their verdict, and in core[] their
 * label, which number_cores turns into the core's number. */
static void judge_component(struct waitgraph *g, const struct work *w, const uint32_t *nodes,
                            uint32_t count, enum residue residue)
{
  bool core = count > 1 || has_edge_to_itself(w, nodes[0]);

  for (uint32_t i = 0; i < count; i++) {
    uint32_t node = nodes[i];

    if (core) {
      g->verdict[node] = passes[residue].timed_blocks ? VERDICT_TIMED : VERDICT_DEADLOCK;
      g->core[node] = w->label[node];
    } else {
      g->verdict[node] = all_stuck(g, w, node) ? VERDICT_STUCK : VERDICT_VICTIM;
    }
  }
}

/* Goes through the components of the whole graph and, within each, through those of what is left of
 * it. */
static void judge_residue(struct waitgraph *g, struct search *s)
{
  const struct work *w = s->w;
  uint32_t judged = s->ordered;

  for (uint32_t i = 0; i < g->node_count; i++)
    if (w->residue[w->order[i]] == s->residue && s->label[w->order[i]] == 0)
      search_from(s, w->order[i]);
  while (judged < s->ordered) {
    uint32_t first = judged;

    while (judged < s->ordered && s->label[s->order[judged]] == s->label[s->order[first]])
      judged++;
    judge_component(g, w, s->order + first, judged - first, (enum residue)s->residue);
  }
}

static void judge(struct waitgraph *g, struct work *w)
{
  struct search s = {
      .w = w, .label = w->label, .order = g->order, .index = 1, .component = g->node_count + 1};

  memset(w->label, 0, g->node_count * sizeof(*w->label));
  for (s.residue = RESIDUE_FREE + 1; s.residue < RESIDUE_COUNT; s.residue++)
    judge_residue(g, &s);
  g->order_count = s.ordered;
}

/* Numbers the cores by their smallest member and lists the members. */
static int number_cores(struct waitgraph *g, struct work *w)
{
  uint32_t *number = w->stack; /* of the core, by label - 2 */
  uint32_t members = 0, count = 0;

  for (uint32_t node = 0; node < g->node_count; node++) {
    number[node] = WAITGRAPH_NO_CORE;
    members += g->core[node] != WAITGRAPH_NO_CORE;
  }
  g->cores = malloc((members + 1ul) * sizeof(*g->cores));
  g->members = malloc((members + 1ul) * sizeof(*g->members));
  if (!g->cores || !g->members)
    return -ENOMEM;
  for (uint32_t node = 0; node < g->node_count; node++) {
    uint32_t *core;

    if (g->core[node] == WAITGRAPH_NO_CORE)
      continue;
    core = &number[g->core[node] - 2];
    if (*core == WAITGRAPH_NO_CORE) {
      *core = count++;
      g->cores[*core] = (struct waitgraph_core){.timed = g->verdict[node] == VERDICT_TIMED};
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
  uint32_t link_count, steps;
};

static void list_components(struct condensation *c)
{
  const struct work *w = c->work;

  for (uint32_t k = 0; k < w->component_count; k++) {
    uint32_t first = w->component_first[k], size = w->component_first[k + 1] - first, blocked = 0;

    for (uint32_t i = first; i < first + size; i++)
      blocked += w->residue[w->order[i]] != RESIDUE_FREE;
    c->components[k] = (struct component){.first = first, .size = size, .blocked = blocked};
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

    for (uint32_t e = 0; e < w->nodes[node].edge_count; e++) {
      uint32_t out = w->component[holder_of(w, &w->nodes[node], e)];

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
  uint32_t *outs = c->work->frame_node, count = ways_out(c, k, outs);

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

  c.components = allocate((g->node_count + 1ul) * sizeof(*c.components));
  c.links = malloc((w->edge_count + 1ul) * sizeof(*c.links));
  if (!c.components || !c.links) {
    free(c.components);
    free(c.links);
    return -ENOMEM;
  }
  list_components(&c);
  memset(w->frame_edge, 0xff, g->node_count * sizeof(*w->frame_edge));
  for (uint32_t k = w->component_count; k-- > 0;) {
    sum_up(&c, k);
    pass_on(&c, k);
  }
  for (uint32_t node = 0; node < g->node_count; node++) {
    uint32_t total = c.components[w->component[node]].total;

    g->behind[node] = total == WAITGRAPH_BEHIND_UNKNOWN ? total : total - 1;
  }
  for (uint32_t i = 0; i < g->core_count; i++) {
    struct waitgraph_core *core = &g->cores[i];
    uint32_t total = c.components[w->component[g->members[core->member_first]]].total_blocked;

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

/* All passes that can leave something else than a later one: without timed waits those with them
 * leave the same as those without, and where every wait is fresh, or none, nothing stood before. */
static void reduce_all(struct work *w, const struct waitgraph *g)
{
  uint32_t timed = 0, fresh = 0;

  for (uint32_t i = 0; i < g->group_count; i++) {
    timed += g->groups[i].timed;
    fresh += g->groups[i].fresh;
  }
  memset(w->residue, RESIDUE_FREE, g->node_count);
  for (enum residue left = RESIDUE_FREE + 1; left < RESIDUE_COUNT; left++) {
    if (passes[left].timed_blocks && timed == 0)
      continue;
    if (!passes[left].fresh_blocks && (fresh == 0 || fresh == g->group_count))
      continue;
    reduce(w, g, left);
  }
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
  index_edges(&w, g);
  find_components(&w, g);
  reduce_all(&w, g);
  judge(g, &w);
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
