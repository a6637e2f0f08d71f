/*
 * waitgraph_test.c - small graphs whose answers are known, and thousands of random ones against an
 * oracle that does everything the slow way: fixpoint by rescanning, reachability by closure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/waitgraph.h"

enum { NODES_MAX = 16, GROUPS_MAX = 48, HOLDERS_MAX = 160 };

/* A graph with room; groups are added in the order of their nodes. */
struct drawing {
  struct waitgraph graph;
  struct waitgraph_group groups[GROUPS_MAX];
  uint32_t holders[HOLDERS_MAX];
  uint32_t holder_count;
};

static void draw_nodes(struct drawing *d, uint32_t nodes)
{
  memset(d, 0, sizeof(*d));
  d->graph.node_count = nodes;
  d->graph.groups = d->groups;
  d->graph.holders = d->holders;
}

static struct waitgraph_group *draw_wait(struct drawing *d, uint32_t node, uint8_t needs,
                                         const uint32_t *holders, uint32_t count)
{
  struct waitgraph_group *group = &d->groups[d->graph.group_count++];

  *group = (struct waitgraph_group){
      .node = node, .holder_first = d->holder_count, .holder_count = count, .needs = needs};
  for (uint32_t i = 0; i < count; i++)
    d->holders[d->holder_count++] = holders[i];
  return group;
}

static struct waitgraph_group *draw_call(struct drawing *d, uint32_t node, uint32_t holder)
{
  return draw_wait(d, node, NEEDS_ALL, &holder, 1);
}

static void expect_verdicts(struct drawing *d, const char *wanted)
{
  static const char letters[] = "fdtvs";
  char got[NODES_MAX + 1] = "";

  assert_int_equal(waitgraph_reduce(&d->graph), 0);
  for (uint32_t i = 0; i < d->graph.node_count; i++)
    got[i] = letters[d->graph.verdict[i]];
  assert_string_equal(got, wanted);
}

static void a_circle_is_a_core_and_its_callers_victims(void **context)
{
  struct drawing d;
  uint32_t cycle[4] = {9, 9, 9, 9};

  (void)context;
  draw_nodes(&d, 6);
  draw_call(&d, 0, 1);
  draw_call(&d, 1, 2);
  draw_call(&d, 2, 0);
  draw_call(&d, 3, 2);
  draw_call(&d, 4, 3);
  expect_verdicts(&d, "dddvvf");
  assert_int_equal(d.graph.core_count, 1);
  assert_int_equal(d.graph.cores[0].member_count, 3);
  assert_int_equal(d.graph.cores[0].victim_count, 2);
  assert_int_equal(d.graph.behind[0], 4);
  assert_int_equal(d.graph.behind[3], 1);
  assert_int_equal(d.graph.behind[5], 0);
  assert_int_equal(waitgraph_cycle(&d.graph, 0, cycle, 2), 3);
  assert_int_equal(cycle[0], 0);
  assert_int_equal(cycle[1], 1);
  assert_int_equal(cycle[2], 9); /* no room was given for it */
  waitgraph_done(&d.graph);
}

static void a_call_to_oneself_is_a_core(void **context)
{
  struct drawing d;

  (void)context;
  draw_nodes(&d, 2);
  draw_call(&d, 0, 0);
  draw_call(&d, 1, 0);
  expect_verdicts(&d, "dv");
  assert_int_equal(waitgraph_cycle(&d.graph, 0, NULL, 0), 1);
  waitgraph_done(&d.graph);
}

static void a_chain_is_free_and_counted(void **context)
{
  struct drawing d;

  (void)context;
  draw_nodes(&d, 4);
  draw_call(&d, 0, 1);
  draw_call(&d, 1, 2);
  draw_call(&d, 2, 3);
  expect_verdicts(&d, "ffff");
  assert_int_equal(d.graph.core_count, 0);
  assert_int_equal(d.graph.behind[3], 3);
  waitgraph_done(&d.graph);
}

static void any_needs_one_free_branch_and_all_needs_every_one(void **context)
{
  struct drawing d;

  (void)context;
  for (int all = 0; all <= 1; all++) {
    draw_nodes(&d, 3);
    draw_wait(&d, 0, all ? NEEDS_ALL : NEEDS_ANY, (uint32_t[]){1, 2}, 2);
    draw_call(&d, 1, 0); /* node 2 runs */
    expect_verdicts(&d, all ? "ddf" : "fff");
    waitgraph_done(&d.graph);
  }
}

static void an_open_list_frees_any_but_not_all(void **context)
{
  struct drawing d;

  (void)context;
  for (int all = 0; all <= 1; all++) {
    draw_nodes(&d, 2);
    draw_call(&d, 0, 1);
    d.groups[0].open = true;
    d.groups[0].needs = all ? NEEDS_ALL : NEEDS_ANY;
    draw_call(&d, 1, 0);
    expect_verdicts(&d, all ? "dd" : "ff");
    waitgraph_done(&d.graph);
  }
}

static void a_timeout_makes_a_core_timed_and_leaves_others_alone(void **context)
{
  struct drawing d;

  (void)context;
  draw_nodes(&d, 6);
  draw_call(&d, 0, 1)->timed = true;
  draw_call(&d, 1, 0);
  draw_call(&d, 2, 3);
  draw_call(&d, 3, 2);
  draw_call(&d, 4, 3)->timed = true;
  draw_call(&d, 5, 1);
  expect_verdicts(&d, "ttddvv");
  assert_true(d.graph.cores[0].timed);
  assert_false(d.graph.cores[1].timed);
  assert_int_equal(d.graph.cores[1].victim_count, 1);
  assert_int_equal(d.graph.order_count, 6);
  waitgraph_done(&d.graph);
}

static void a_circle_that_stood_before_is_told_apart_from_what_joins_it(void **context)
{
  struct drawing d;
  struct waitgraph_group *joins;

  (void)context;
  draw_nodes(&d, 4);
  draw_wait(&d, 0, NEEDS_ALL, (uint32_t[]){1, 2}, 2);
  draw_call(&d, 1, 0);
  joins = draw_call(&d, 2, 0);
  joins->fresh = true;
  draw_call(&d, 3, 2);
  expect_verdicts(&d, "ddvv");
  assert_int_equal(d.graph.cores[0].member_count, 2);
  assert_int_equal(d.graph.cores[0].victim_count, 2);
  waitgraph_done(&d.graph);
  joins->fresh = false;
  expect_verdicts(&d, "dddv");
  waitgraph_done(&d.graph);
  for (uint32_t i = 0; i < d.graph.group_count; i++)
    d.groups[i].fresh = true; /* nothing stood before: what there is, is all there is to tell */
  expect_verdicts(&d, "dddv");
  assert_int_equal(d.graph.core_count, 1);
  waitgraph_done(&d.graph);
}

static void a_wait_that_nobody_can_end_is_stuck_unless_it_has_a_timeout(void **context)
{
  struct drawing d;

  (void)context;
  draw_nodes(&d, 3);
  draw_wait(&d, 0, NEEDS_ANY, NULL, 0);
  draw_call(&d, 1, 0);
  draw_wait(&d, 2, NEEDS_ANY, NULL, 0)->timed = true;
  expect_verdicts(&d, "svf");
  waitgraph_done(&d.graph);
}

static void one_alternative_that_can_end_is_enough(void **context)
{
  struct drawing d;

  (void)context;
  draw_nodes(&d, 3);
  draw_call(&d, 0, 1);
  draw_call(&d, 0, 2); /* node 2 runs: the second call of node 0 will end */
  draw_call(&d, 1, 0);
  expect_verdicts(&d, "fff");
  waitgraph_done(&d.graph);
}

static void indices_out_of_range_are_refused(void **context)
{
  struct drawing d;

  (void)context;
  draw_nodes(&d, 2);
  draw_call(&d, 0, 2);
  assert_int_equal(waitgraph_reduce(&d.graph), -EINVAL);
  draw_nodes(&d, 2);
  draw_call(&d, 1, 0);
  draw_call(&d, 0, 1); /* not sorted */
  assert_int_equal(waitgraph_reduce(&d.graph), -EINVAL);
  draw_nodes(&d, 0);
  assert_int_equal(waitgraph_reduce(&d.graph), 0);
  waitgraph_done(&d.graph);
}

/* --- the oracle --- */

struct truth {
  uint8_t residues[NODES_MAX];        /* the pass that left it first, 0 = free; even: timed block */
  bool reaches[NODES_MAX][NODES_MAX]; /* in the whole graph, over at least one edge */
  bool reaches_in[NODES_MAX][NODES_MAX]; /* within one residue */
};

static bool group_is_free(const struct drawing *d, const struct waitgraph_group *group,
                          const bool *free_node, bool timed_blocks, bool fresh_blocks)
{
  uint32_t free_holders = 0;

  for (uint32_t h = 0; h < group->holder_count; h++)
    free_holders += free_node[d->holders[group->holder_first + h]];
  if (group->fresh && !fresh_blocks)
    return true;
  if (group->timed && (!timed_blocks || group->holder_count == 0))
    return true;
  if (group->holder_count == 0)
    return group->open;
  return group->needs == NEEDS_ANY ? group->open || free_holders > 0
                                   : free_holders == group->holder_count;
}

/* Marks with `residue` whom this pass leaves and no earlier one did. */
static void find_left(const struct drawing *d, bool timed_blocks, bool fresh_blocks,
                      uint8_t residue, uint8_t *ret_residues)
{
  bool free_node[NODES_MAX], changed = true;

  for (uint32_t i = 0; i < d->graph.node_count; i++) {
    free_node[i] = true;
    for (uint32_t g = 0; g < d->graph.group_count; g++)
      if (d->groups[g].node == i)
        free_node[i] = false;
  }
  while (changed) {
    changed = false;
    for (uint32_t g = 0; g < d->graph.group_count; g++) {
      if (!free_node[d->groups[g].node] &&
          group_is_free(d, &d->groups[g], free_node, timed_blocks, fresh_blocks))
        changed = free_node[d->groups[g].node] = true;
    }
  }
  for (uint32_t i = 0; i < d->graph.node_count; i++)
    if (!free_node[i] && ret_residues[i] == 0)
      ret_residues[i] = residue;
}

/* Over all nodes, or over those of each residue (NULL: all). */
static void close_over(const struct drawing *d, const uint8_t *residues, bool reaches[][NODES_MAX])
{
  uint32_t n = d->graph.node_count;

  memset(reaches, 0, sizeof(bool) * NODES_MAX * NODES_MAX);
  for (uint32_t g = 0; g < d->graph.group_count; g++)
    for (uint32_t h = 0; h < d->groups[g].holder_count; h++) {
      uint32_t from = d->groups[g].node, to = d->holders[d->groups[g].holder_first + h];

      reaches[from][to] = !residues || (residues[from] && residues[from] == residues[to]);
    }
  for (uint32_t k = 0; k < n; k++)
    for (uint32_t i = 0; i < n; i++)
      for (uint32_t j = 0; j < n; j++)
        reaches[i][j] |= reaches[i][k] && reaches[k][j];
}

static void find_truth(const struct drawing *d, struct truth *t)
{
  memset(t->residues, 0, sizeof(t->residues));
  find_left(d, false, false, 1, t->residues);
  find_left(d, true, false, 2, t->residues);
  find_left(d, false, true, 3, t->residues);
  find_left(d, true, true, 4, t->residues);
  close_over(d, NULL, t->reaches);
  close_over(d, t->residues, t->reaches_in);
}

static bool node_is_stuck(const struct drawing *d, uint32_t node)
{
  for (uint32_t g = 0; g < d->graph.group_count; g++)
    if (d->groups[g].node == node &&
        (d->groups[g].holder_count || d->groups[g].open || d->groups[g].timed))
      return false;
  return true;
}

static uint8_t true_verdict(const struct drawing *d, const struct truth *t, uint32_t node)
{
  if (t->residues[node] == 0)
    return VERDICT_FREE;
  if (t->reaches_in[node][node])
    return t->residues[node] % 2 == 0 ? VERDICT_TIMED : VERDICT_DEADLOCK;
  return node_is_stuck(d, node) ? VERDICT_STUCK : VERDICT_VICTIM;
}

static void compare_nodes(const struct drawing *d, const struct truth *t, unsigned seed)
{
  const struct waitgraph *g = &d->graph;

  for (uint32_t i = 0; i < g->node_count; i++) {
    uint32_t behind = 0;

    for (uint32_t j = 0; j < g->node_count; j++)
      behind += j != i && t->reaches[j][i];
    if (g->verdict[i] != true_verdict(d, t, i) || g->behind[i] != behind)
      fail_msg("seed %u node %u: got verdict %d behind %u, wanted %d and %u", seed, i,
               g->verdict[i], g->behind[i], true_verdict(d, t, i), behind);
  }
}

/* Two members are in one core exactly when they reach each other within their residue. */
static void compare_cores(const struct drawing *d, const struct truth *t, unsigned seed)
{
  const struct waitgraph *g = &d->graph;

  for (uint32_t i = 0; i < g->node_count; i++) {
    bool core = g->verdict[i] == VERDICT_DEADLOCK || g->verdict[i] == VERDICT_TIMED;
    if (core != (g->core[i] != WAITGRAPH_NO_CORE))
      fail_msg("seed %u node %u: core %u", seed, i, g->core[i]);
    for (uint32_t j = 0; core && j < g->node_count; j++) {
      bool together = t->reaches_in[i][j] && t->reaches_in[j][i];

      if (together != (g->core[j] == g->core[i]))
        fail_msg("seed %u nodes %u %u: cores %u %u", seed, i, j, g->core[i], g->core[j]);
    }
  }
  for (uint32_t c = 0; c < g->core_count; c++) {
    const struct waitgraph_core *core = &g->cores[c];
    uint32_t member = g->members[core->member_first], victims = 0;

    for (uint32_t j = 0; j < g->node_count; j++)
      victims += g->core[j] != c && t->residues[j] && t->reaches[j][member];
    if (core->victim_count != victims || (c && g->members[core[-1].member_first] >= member))
      fail_msg("seed %u core %u: %u victims, wanted %u", seed, c, core->victim_count, victims);
  }
}

/* Holders come before their waiters of the same residue, unless they are of one core. */
static void compare_order(const struct drawing *d, const struct truth *t, unsigned seed)
{
  const struct waitgraph *g = &d->graph;
  uint32_t place[NODES_MAX], left = 0;

  memset(place, 0xff, sizeof(place));
  for (uint32_t i = 0; i < g->order_count; i++)
    place[g->order[i]] = i;
  for (uint32_t i = 0; i < g->node_count; i++)
    left += t->residues[i] != 0;
  assert_int_equal(g->order_count, left);
  for (uint32_t i = 0; i < g->node_count; i++)
    for (uint32_t j = 0; j < g->node_count; j++)
      if (t->reaches_in[i][j] && !t->reaches_in[j][i] && place[i] < place[j])
        fail_msg("seed %u: %u before its holder %u", seed, i, j);
}

/* Every edge of the cycle exists, and it is simple. */
static void check_cycles(const struct drawing *d, unsigned seed)
{
  const struct waitgraph *g = &d->graph;

  for (uint32_t c = 0; c < g->core_count; c++) {
    uint32_t nodes[NODES_MAX], length = waitgraph_cycle(g, c, nodes, NODES_MAX);
    bool seen[NODES_MAX] = {false};

    assert_in_range(length, 1, g->cores[c].member_count);
    assert_int_equal(nodes[0], g->members[g->cores[c].member_first]);
    for (uint32_t i = 0; i < length; i++) {
      bool edge = false;

      for (uint32_t e = 0; e < g->group_count; e++)
        for (uint32_t h = 0; h < d->groups[e].holder_count; h++)
          edge |= d->groups[e].node == nodes[i] &&
                  d->holders[d->groups[e].holder_first + h] == nodes[(i + 1) % length];
      if (!edge || seen[nodes[i]])
        fail_msg("seed %u core %u: no cycle at %u", seed, c, i);
      seen[nodes[i]] = true;
    }
  }
}

static uint32_t random_below(uint64_t *state, uint32_t limit)
{
  *state = *state * 6364136223846793005ull + 1442695040888963407ull;
  return (uint32_t)((*state >> 33) % limit);
}

/* Few edges make chains and trees, more make knots; some waits are timed, open, stuck, alternatives
 * of one node, in every other graph fresh. */
static void draw_random(struct drawing *d, unsigned seed)
{
  uint64_t random = seed * 0x9e3779b97f4a7c15ull + 1;
  uint32_t nodes = 1 + random_below(&random, NODES_MAX), width = 1 + random_below(&random, 3);
  uint32_t rarity = 2 + random_below(&random, 8);

  draw_nodes(d, nodes);
  for (uint32_t node = 0; node < nodes; node++) {
    uint32_t groups = random_below(&random, 8) ? random_below(&random, 6) > 0 : 2;

    for (uint32_t i = 0; i < groups; i++) {
      uint32_t holders[3], count = random_below(&random, 20) ? 1 + random_below(&random, width) : 0;
      struct waitgraph_group *group;

      for (uint32_t h = 0; h < count; h++)
        holders[h] = random_below(&random, nodes);
      group = draw_wait(d, node, (uint8_t)random_below(&random, 2), holders, count);
      group->open = random_below(&random, rarity) == 0;
      group->timed = random_below(&random, rarity) == 0;
      group->fresh = seed % 2 && random_below(&random, rarity) == 0;
    }
  }
}

static void random_graphs_agree_with_the_oracle(void **context)
{
  struct drawing d;
  struct truth truth;

  (void)context;
  for (unsigned seed = 0; seed < 20000; seed++) {
    draw_random(&d, seed);
    find_truth(&d, &truth);
    assert_int_equal(waitgraph_reduce(&d.graph), 0);
    compare_nodes(&d, &truth, seed);
    compare_cores(&d, &truth, seed);
    compare_order(&d, &truth, seed);
    check_cycles(&d, seed);
    waitgraph_done(&d.graph);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_circle_is_a_core_and_its_callers_victims),
      cmocka_unit_test(a_call_to_oneself_is_a_core),
      cmocka_unit_test(a_chain_is_free_and_counted),
      cmocka_unit_test(any_needs_one_free_branch_and_all_needs_every_one),
      cmocka_unit_test(an_open_list_frees_any_but_not_all),
      cmocka_unit_test(a_timeout_makes_a_core_timed_and_leaves_others_alone),
      cmocka_unit_test(a_circle_that_stood_before_is_told_apart_from_what_joins_it),
      cmocka_unit_test(a_wait_that_nobody_can_end_is_stuck_unless_it_has_a_timeout),
      cmocka_unit_test(one_alternative_that_can_end_is_enough),
      cmocka_unit_test(indices_out_of_range_are_refused),
      cmocka_unit_test(random_graphs_agree_with_the_oracle),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
