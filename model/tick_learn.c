/* tick_learn.c - see tick_learn.h. Who is behind a waiter is only looked up when a new episode
 * begins. */
#include "model/tick_learn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BEHIND_MAX = 256 };

struct learn {
  const struct tick_graph *graph;
  /* waiters of node i: backward[backward_first[i] .. [i + 1]]; NULL until needed */
  uint32_t *backward_first;
  uint32_t *backward;
  uint32_t *seen; /* the last waiter for which a node was visited, + 1 */
};

static int index_backward(struct learn *l)
{
  const struct waitgraph *g = &l->graph->graph;
  uint32_t n = g->node_count, edges = 0, sum = 0;

  for (uint32_t i = 0; i < g->group_count; i++)
    edges += g->groups[i].holder_count;
  l->backward_first = calloc(n + 2ul, sizeof(uint32_t));
  l->backward = malloc((edges + 1ul) * sizeof(uint32_t));
  l->seen = calloc(n + 1ul, sizeof(uint32_t));
  if (!l->backward_first || !l->backward || !l->seen)
    return -ENOMEM;
  for (uint32_t i = 0; i < edges; i++)
    l->backward_first[g->holders[i] + 1]++;
  for (uint32_t i = 0; i <= n; i++)
    l->backward_first[i] = sum += l->backward_first[i];
  for (uint32_t i = g->group_count; i-- > 0;) /* from the back: firsts move down to their places */
    for (uint32_t h = 0; h < g->groups[i].holder_count; h++)
      l->backward[--l->backward_first[g->holders[g->groups[i].holder_first + h] + 1]] =
          g->groups[i].node;
  memmove(l->backward_first, l->backward_first + 1, (n + 1ul) * sizeof(uint32_t));
  l->backward_first[n] = edges;
  return 0;
}

static struct callgraph_actor actor_of(const struct tick_row *row)
{
  return (struct callgraph_actor){row->target->key, row->feed->sweep->actors[row->index].key};
}

/* The nearest actors behind a node, breadth first. */
static size_t find_behind(struct learn *l, uint32_t node, struct callgraph_actor *ret_behind)
{
  uint32_t queue[BEHIND_MAX];
  size_t head = 0, tail = 0;
  uint32_t at = node;

  l->seen[node] = node + 1;
  for (;;) {
    for (uint32_t i = l->backward_first[at]; i < l->backward_first[at + 1]; i++) {
      uint32_t waiter = l->backward[i];

      if (l->seen[waiter] == node + 1 || tail == BEHIND_MAX)
        continue;
      l->seen[waiter] = node + 1;
      ret_behind[tail] = actor_of(tick_graph_face(l->graph, waiter));
      queue[tail++] = waiter;
    }
    if (head == tail)
      return tail;
    at = queue[head++];
  }
}

static bool is_named(const struct tick_row *row)
{
  const struct sweep_actor *actor = &row->feed->sweep->actors[row->index];

  return (actor->flags & SWEEP_ACTOR_NAMED) && actor->name;
}

static const char *name_of(const struct tick_row *row)
{
  return sweep_text(row->feed->sweep, row->feed->sweep->actors[row->index].name);
}

static void tell_episode(struct learn *l, struct callgraph *callgraph, uint32_t group,
                         const struct sweep_wait *wait, struct wait_memory *memory, int64_t wall_ms)
{
  const struct waitgraph_group *of = &l->graph->graph.groups[group];
  const struct tick_row *waiter = tick_graph_face(l->graph, of->node);
  struct callgraph_actor behind[BEHIND_MAX];
  size_t behind_count = find_behind(l, of->node, behind);

  memory->edge = (struct callgraph_place){0};
  for (uint32_t h = of->holder_count; h-- > 0;) { /* the first holder's edge is remembered */
    const struct tick_row *holder =
        tick_graph_face(l->graph, l->graph->graph.holders[of->holder_first + h]);
    struct callgraph_sight sight = {
        .waiter = actor_of(waiter),
        .holder = actor_of(holder),
        .waiter_name = name_of(waiter),
        .holder_name = name_of(holder),
        .via = wait->via,
        .timed = wait->timeout != TIMEOUT_NONE,
        .behind = behind,
        .behind_count = behind_count,
    };

    if (is_named(holder))
      memory->edge = callgraph_episode(callgraph, &sight, wall_ms);
  }
  memory->counted = true;
}

int tick_learn(struct callgraph *callgraph, const struct tick_graph *graph, int64_t wall_ms)
{
  struct learn l = {.graph = graph};
  int e = 0;

  for (uint32_t i = 0; i < graph->graph.group_count && !e; i++) {
    const struct tick_row *row = &graph->rows[graph->graph.groups[i].node];
    struct wait_memory *memory = &row->feed->waits[graph->group_wait[i]];

    if (memory->counted) {
      callgraph_lasts(callgraph, memory->edge, wall_ms);
      continue;
    }
    if (!is_named(tick_graph_face(graph, graph->graph.groups[i].node)) ||
        graph->graph.groups[i].holder_count == 0)
      continue;
    if (!l.backward_first)
      e = index_backward(&l);
    if (!e)
      tell_episode(&l, callgraph, i, &row->feed->sweep->waits[graph->group_wait[i]], memory,
                   wall_ms);
  }
  free(l.backward_first);
  free(l.backward);
  free(l.seen);
  return e;
}
