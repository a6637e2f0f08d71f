/* detect_core.c - see detect_core.h. */
#include "model/detect_core.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int64_t wait_int(const struct snapshot *s, unsigned column, uint32_t row)
{
  return snapshot_int(s, RELATION_WAITS, column, row);
}

static bool in_core(const struct snapshot *s, uint32_t row)
{
  uint8_t verdict = snapshot_enum(s, RELATION_WAITS, WAITS_VERDICT, row);

  return (verdict == VERDICT_DEADLOCK || verdict == VERDICT_TIMED) &&
         wait_int(s, WAITS_CORE, row) != VALUE_UNKNOWN;
}

static int edge_order(const void *left, const void *right)
{
  const struct core_edge *a = left, *b = right;

  if (a->core != b->core)
    return a->core < b->core ? -1 : 1;
  if (a->waiter_target != b->waiter_target)
    return a->waiter_target < b->waiter_target ? -1 : 1;
  if (a->waiter != b->waiter)
    return a->waiter < b->waiter ? -1 : 1;
  return a->row < b->row ? -1 : a->row > b->row;
}

static uint32_t collect_edges(const struct snapshot *s, struct core_edge *edges)
{
  uint32_t rows = snapshot_rows(s, RELATION_WAITS), count = 0;

  for (uint32_t row = 0; row < rows; row++) {
    if (!in_core(s, row))
      continue;
    struct core_edge *e = &edges[count++];
    e->core = wait_int(s, WAITS_CORE, row);
    e->waiter_target = wait_int(s, WAITS_TARGET_KEY, row);
    e->waiter = wait_int(s, WAITS_WAITER, row);
    e->holder_target = wait_int(s, WAITS_HOLDER_TARGET_KEY, row);
    e->holder = wait_int(s, WAITS_HOLDER, row);
    e->row = row;
  }
  qsort(edges, count, sizeof(*edges), edge_order);
  return count;
}

static bool same_waiter(const struct core_edge *a, const struct core_edge *b)
{
  return a->waiter_target == b->waiter_target && a->waiter == b->waiter;
}

/* The member whose edges begin with that waiter, by binary search. */
static uint32_t find_member(const struct core *core, int64_t target_key, int64_t actor)
{
  uint32_t low = 0, high = core->member_count;

  while (low < high) {
    uint32_t middle = (low + high) / 2;
    const struct core_edge *e = &core->edges[core->members[middle].edge_first];

    if (e->waiter_target == target_key && e->waiter == actor)
      return middle;
    if (e->waiter_target < target_key || (e->waiter_target == target_key && e->waiter < actor))
      low = middle + 1;
    else
      high = middle;
  }
  return CORE_OUTSIDE;
}

static void fill_members(const struct snapshot *s, struct core *core)
{
  for (uint32_t i = 0; i < core->edge_count; i++) {
    const struct core_edge *e = &core->edges[i];
    uint32_t row = e->row;

    if (i > 0 && same_waiter(e, e - 1)) {
      core->members[core->member_count - 1].edge_count++;
      continue;
    }
    core->members[core->member_count++] =
        (struct core_member){e->waiter_target,
                             e->waiter,
                             snapshot_text(s, RELATION_WAITS, WAITS_WAITER_NAME, row),
                             snapshot_text(s, RELATION_WAITS, WAITS_TARGET, row),
                             i,
                             1};
  }
}

/* Breadth first from `start` along edges inside the core, until an edge leads back to it. `via` has
 * room for a number for each member (the edge by which it was reached), `queue` as well. Returns
 * the closing edge, CORE_OUTSIDE if none. */
static uint32_t search_cycle(const struct core *core, uint32_t start, uint32_t *via,
                             uint32_t *queue)
{
  uint32_t head = 0, tail = 0;

  memset(via, 0xff, core->member_count * sizeof(*via));
  queue[tail++] = start;
  while (head < tail) {
    const struct core_member *m = &core->members[queue[head++]];

    for (uint32_t i = m->edge_first; i < m->edge_first + m->edge_count; i++) {
      uint32_t to = core->edges[i].holder_member;

      if (to == start)
        return i;
      if (to == CORE_OUTSIDE || via[to] != CORE_OUTSIDE)
        continue;
      via[to] = i;
      queue[tail++] = to;
    }
  }
  return CORE_OUTSIDE;
}

uint32_t detect_core_waiter(const struct core *core, uint32_t edge)
{
  return find_member(core, core->edges[edge].waiter_target, core->edges[edge].waiter);
}

/* From waiter to holder, beginning with the name that sorts first: the same circle reads the same
 * wherever it was entered. The edges come in the opposite order. */
static void put_in_order(struct core *core)
{
  uint32_t n = core->cycle_length, first = 0;
  uint32_t *ordered = core->cycle + n; /* the array has room for two circles */

  for (uint32_t i = 0; i < n; i++)
    ordered[i] = core->cycle[n - 1 - i];
  for (uint32_t i = 1; i < n; i++) {
    const char *name = core->members[detect_core_waiter(core, ordered[i])].name;
    const char *smallest = core->members[detect_core_waiter(core, ordered[first])].name;

    if (name && (!smallest || strcmp(name, smallest) < 0))
      first = i;
  }
  for (uint32_t i = 0; i < n; i++)
    core->cycle[i] = ordered[(first + i) % n];
}

static int fill_cycle(struct core *core)
{
  uint32_t *via = calloc(core->member_count, sizeof(*via));
  uint32_t *queue = calloc(core->member_count, sizeof(*queue));
  uint32_t closing = CORE_OUTSIDE, start = 0;
  int error = -ENOMEM;

  core->cycle = calloc(core->member_count, 2 * sizeof(*core->cycle));
  if (!via || !queue || !core->cycle)
    goto out;
  error = 0;
  /* A member without a way back is there only when rows of the core are missing: try a few
   * others. */
  for (start = 0; start < core->member_count && start < 16; start++) {
    closing = search_cycle(core, start, via, queue);
    if (closing != CORE_OUTSIDE)
      break;
  }
  if (closing == CORE_OUTSIDE)
    goto out;
  for (uint32_t edge = closing;; edge = via[detect_core_waiter(core, edge)]) {
    core->cycle[core->cycle_length++] = edge;
    if (detect_core_waiter(core, edge) == start)
      break;
  }
  put_in_order(core);
out:
  free(via);
  free(queue);
  return error;
}

/* All members of a core have the same actors behind them: its victims and each other. */
static int64_t victims_of(const struct snapshot *s, const struct core *core)
{
  for (uint32_t i = 0; i < core->member_count && i < 16; i++) {
    uint32_t row = 0;
    int64_t behind = VALUE_UNKNOWN;

    if (snapshot_find_actor(s, core->members[i].target_key, core->members[i].actor, &row) == 0)
      behind = snapshot_int(s, RELATION_ACTORS, ACTORS_BEHIND, row);
    if (behind != VALUE_UNKNOWN)
      return behind >= core->member_count ? behind - (core->member_count - 1) : 0;
  }
  return VALUE_UNKNOWN;
}

static int fill_core(const struct snapshot *s, struct core *core, struct core_edge *edges,
                     uint32_t count)
{
  int error = 0;

  core->edges = edges;
  core->edge_count = count;
  core->members = calloc(count, sizeof(*core->members));
  if (!core->members)
    return -ENOMEM;
  fill_members(s, core);
  core->verdict = VERDICT_DEADLOCK;
  core->certainty = CERTAINTY_PROVEN;
  for (uint32_t i = 0; i < count; i++) {
    uint8_t certainty = snapshot_enum(s, RELATION_WAITS, WAITS_CERTAINTY, edges[i].row);

    edges[i].holder_member = find_member(core, edges[i].holder_target, edges[i].holder);
    if (certainty == ENUM_UNKNOWN)
      certainty = CERTAINTY_SUSPECTED;
    if (certainty < core->certainty)
      core->certainty = certainty;
    if (snapshot_enum(s, RELATION_WAITS, WAITS_VERDICT, edges[i].row) == VERDICT_TIMED)
      core->verdict = VERDICT_TIMED;
  }
  error = fill_cycle(core);
  core->victims = victims_of(s, core);
  return error;
}

int detect_core_collect(const struct snapshot *s, struct core_list *ret_list)
{
  struct core_list list = {0};
  uint32_t rows = snapshot_rows(s, RELATION_WAITS), edge_count = 0, wanted = 0, cores = 0;
  int error = 0;

  for (uint32_t row = 0; row < rows; row++)
    wanted += in_core(s, row);
  if (wanted == 0) {
    *ret_list = list;
    return 0;
  }
  error = -ENOMEM;
  list.edges = calloc(wanted, sizeof(*list.edges));
  if (!list.edges)
    goto out;
  edge_count = collect_edges(s, list.edges);
  for (uint32_t i = 0; i < edge_count; i++)
    cores += i == 0 || list.edges[i].core != list.edges[i - 1].core;
  list.cores = calloc(cores, sizeof(*list.cores));
  if (!list.cores)
    goto out;
  for (uint32_t first = 0, end; first < edge_count; first = end) {
    for (end = first + 1; end < edge_count && list.edges[end].core == list.edges[first].core; end++)
      ;
    error = fill_core(s, &list.cores[list.count++], list.edges + first, end - first);
    if (error != 0)
      goto out;
  }
  error = 0;
  *ret_list = list;
out:
  if (error != 0)
    detect_core_done(&list);
  return error;
}

void detect_core_done(struct core_list *list)
{
  for (uint32_t i = 0; i < list->count; i++) {
    free(list->cores[i].members);
    free(list->cores[i].cycle);
  }
  free(list->cores);
  free(list->edges);
  *list = (struct core_list){0};
}
