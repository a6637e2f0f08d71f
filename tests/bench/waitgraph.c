/*
 * waitgraph.c - the wait-for graph of 1,000,000 blocked actors of different shapes, beside a plain
 * pass over the same memory (every group and every holder read once). The promise is under 200 ms
 * for each. usage: bench_waitgraph [NODES]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "model/waitgraph.h"

enum { ROUNDS = 3 };

struct input {
  struct waitgraph_group *groups;
  uint32_t *holders;
  uint32_t nodes, groups_used, holders_used;
};

static double now_ms(void)
{
  struct timespec now;

  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now); /* others may be busy on this machine */
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static uint32_t random_below(uint32_t limit)
{
  static uint64_t state = 1;

  state = state * 6364136223846793005ull + 1442695040888963407ull;
  return (uint32_t)((state >> 32) % limit);
}

static struct waitgraph_group *wait_for(struct input *in, uint32_t node, uint32_t holder)
{
  struct waitgraph_group *group = &in->groups[in->groups_used++];

  *group = (struct waitgraph_group){
      .node = node, .holder_first = in->holders_used, .holder_count = 1, .needs = NEEDS_ALL};
  in->holders[in->holders_used++] = holder;
  return group;
}

static void draw_chain(struct input *in)
{
  for (uint32_t i = 0; i + 1 < in->nodes; i++)
    wait_for(in, i, i + 1);
}

/* A chain that jumps about in memory, as one made over time does. */
static void draw_shuffled_chain(struct input *in)
{
  uint32_t *place = malloc(in->nodes * sizeof(*place)), *next = malloc(in->nodes * sizeof(*next));

  if (!place || !next)
    abort();
  for (uint32_t i = 0; i < in->nodes; i++)
    place[i] = i;
  for (uint32_t i = in->nodes - 1; i > 0; i--) {
    uint32_t j = random_below(i + 1), swapped = place[i];

    place[i] = place[j];
    place[j] = swapped;
  }
  for (uint32_t i = 0; i < in->nodes; i++)
    next[place[i]] = place[(i + 1) % in->nodes];
  for (uint32_t i = 0; i < in->nodes; i++)
    if (i != place[in->nodes - 1])
      wait_for(in, i, next[i]);
  free(place);
  free(next);
}

static void draw_callers_of_one(struct input *in)
{
  for (uint32_t i = 0; i + 1 < in->nodes; i++)
    wait_for(in, i, in->nodes - 1);
}

static void draw_random_tree_over_a_circle(struct input *in)
{
  wait_for(in, 0, 1);
  wait_for(in, 1, 0);
  for (uint32_t i = 2; i < in->nodes; i++)
    wait_for(in, i, random_below(i));
}

static void draw_pairs(struct input *in)
{
  for (uint32_t i = 0; i + 1 < in->nodes; i += 2) {
    wait_for(in, i, i + 1);
    wait_for(in, i + 1, i)->timed = (i & 2) != 0;
  }
}

static void draw_two_holders_each(struct input *in)
{
  for (uint32_t i = 0; i + 2 < in->nodes; i++) {
    struct waitgraph_group *group = wait_for(in, i, i + 1 + random_below(in->nodes - i - 1));

    group->needs = i & 1 ? NEEDS_ANY : NEEDS_ALL;
    group->holder_count = 2;
    in->holders[in->holders_used++] = i + 1 + random_below(in->nodes - i - 1);
  }
}

static double plain_pass_ms(const struct input *in)
{
  double begin = now_ms();
  volatile uint64_t sink;
  uint64_t sum = 0;

  for (uint32_t i = 0; i < in->groups_used; i++)
    sum += in->groups[i].node + in->groups[i].holder_count;
  for (uint32_t i = 0; i < in->holders_used; i++)
    sum += in->holders[i];
  sink = sum;
  (void)sink;
  return now_ms() - begin;
}

static void measure(const char *shape, void (*draw)(struct input *in), struct input *in)
{
  double best = 1e9, pass = 1e9;
  uint32_t cores = 0, unknown = 0;

  in->groups_used = in->holders_used = 0;
  draw(in);
  for (int i = 0; i < ROUNDS; i++) {
    struct waitgraph graph = {.node_count = in->nodes,
                              .group_count = in->groups_used,
                              .groups = in->groups,
                              .holders = in->holders};
    double begin = now_ms(), took;

    if (waitgraph_reduce(&graph) < 0)
      abort();
    took = now_ms() - begin;
    best = took < best ? took : best;
    took = plain_pass_ms(in);
    pass = took < pass ? took : pass;
    cores = graph.core_count;
    unknown = 0;
    for (uint32_t node = 0; node < in->nodes; node++)
      unknown += graph.behind[node] == WAITGRAPH_BEHIND_UNKNOWN;
    waitgraph_done(&graph);
  }
  printf("waitgraph %-18s %7.1f ms  (%.0f x a plain pass; promise 200 ms)  %u blocked, %u cores, "
         "behind unknown for %u\n",
         shape, best, best / pass, in->groups_used, cores, unknown);
}

int main(int argc, char **argv)
{
  struct input in = {.nodes = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000000};

  if (in.nodes < 4)
    return 2;
  in.groups = malloc(in.nodes * sizeof(*in.groups));
  in.holders = malloc(2ul * in.nodes * sizeof(*in.holders));
  if (!in.groups || !in.holders)
    return 2;
  measure("chain", draw_chain, &in);
  measure("shuffled chain", draw_shuffled_chain, &in);
  measure("callers of one", draw_callers_of_one, &in);
  measure("tree over a circle", draw_random_tree_over_a_circle, &in);
  measure("pairs", draw_pairs, &in);
  measure("two holders each", draw_two_holders_each, &in);
  free(in.groups);
  free(in.holders);
  return 0;
}
