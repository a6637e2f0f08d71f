/* certainty.c - see certainty.h. One pass over the nodes that are not free, holders first. */
#include "model/certainty.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct judge {
  const struct waitgraph *graph;
  const struct certainty_span *spans;
  struct certainty_span *nodes; /* of each node judged: it and all that it needs to be held up */
  const uint32_t *group_first;
  uint8_t *certainty; /* ENUM_UNKNOWN: not judged */
};

static const struct certainty_span always = {0, UINT64_MAX, true};

static struct certainty_span both(struct certainty_span a, struct certainty_span b)
{
  return (struct certainty_span){
      .end_first_ns = a.end_first_ns > b.end_first_ns ? a.end_first_ns : b.end_first_ns,
      .begin_last_ns = a.begin_last_ns < b.begin_last_ns ? a.begin_last_ns : b.begin_last_ns,
      .exclusive = a.exclusive && b.exclusive,
  };
}

static uint8_t certainty_of(struct certainty_span span)
{
  if (span.end_first_ns >= span.begin_last_ns)
    return CERTAINTY_SUSPECTED;
  return span.exclusive ? CERTAINTY_PROVEN : CERTAINTY_CONFIRMED;
}

static bool same_core(const struct waitgraph *g, uint32_t a, uint32_t b)
{
  return g->core[a] != WAITGRAPH_NO_CORE && g->core[a] == g->core[b];
}

/* What keeps a group from being free, besides the members of its own core. */
static struct certainty_span span_behind(const struct judge *j, const struct waitgraph_group *group)
{
  const uint32_t *holders = j->graph->holders + group->holder_first;
  struct certainty_span all = always, best = always;
  uint8_t best_certainty = ENUM_UNKNOWN;

  for (uint32_t h = 0; h < group->holder_count; h++) {
    uint8_t certainty = j->certainty[holders[h]];

    if (same_core(j->graph, group->node, holders[h])) {
      if (group->needs == NEEDS_ALL)
        return always; /* one is enough, and it is within */
      continue;
    }
    if (certainty == ENUM_UNKNOWN)
      continue; /* free: `all` needs it no more than others */
    all = both(all, j->nodes[holders[h]]);
    if (best_certainty == ENUM_UNKNOWN || certainty > best_certainty) {
      best = j->nodes[holders[h]];
      best_certainty = certainty;
    }
  }
  return group->needs == NEEDS_ANY ? all : best;
}

/* Judges `count` nodes that stand side by side in the order: a core, or a single node. */
static void judge_nodes(struct judge *j, const uint32_t *nodes, uint32_t count)
{
  const struct waitgraph *g = j->graph;
  struct certainty_span own = always, behind = always, whole;
  uint8_t certainty;

  for (uint32_t i = 0; i < count; i++)
    for (uint32_t k = j->group_first[nodes[i]]; k < j->group_first[nodes[i] + 1]; k++) {
      own = both(own, j->spans[k]);
      behind = both(behind, span_behind(j, &g->groups[k]));
    }
  whole = both(own, behind);
  certainty = certainty_of(g->verdict[nodes[0]] == VERDICT_VICTIM ? behind : whole);
  for (uint32_t i = 0; i < count; i++) {
    j->nodes[nodes[i]] = whole;
    j->certainty[nodes[i]] = certainty;
  }
}

int certainty_judge(const struct waitgraph *g, const uint32_t *group_first,
                    const struct certainty_span *spans, uint8_t *ret_certainty)
{
  struct judge j = {
      .graph = g, .spans = spans, .group_first = group_first, .certainty = ret_certainty};

  memset(ret_certainty, ENUM_UNKNOWN, g->node_count);
  if (g->order_count == 0)
    return 0;
  j.nodes = malloc(g->node_count * sizeof(*j.nodes));
  if (!j.nodes)
    return -ENOMEM;
  for (uint32_t i = 0, end; i < g->order_count; i = end) {
    for (end = i + 1; end < g->order_count && same_core(g, g->order[i], g->order[end]);)
      end++;
    judge_nodes(&j, g->order + i, end - i);
  }
  free(j.nodes);
  return 0;
}
