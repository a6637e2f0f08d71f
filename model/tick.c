/*
 * tick.c - see tick.h. Only the order of things is here:
 *
 *    sweeps -> tick_memory (rows, rates) -> tick_graph (verdicts) -> tick_learn (call graph)
 *                        `------------------------`-> tick_fill -> detectors -> alerts -> snapshot
 *
 * Bounds: tick_memory holds the newest sweep of each source and a constant beside each row of it;
 * gaps, names, the call graph and alerts have fixed numbers of entries; what detectors keep is
 * theirs to bound.
 */
#include "model/tick.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/alert.h"
#include "model/callgraph.h"
#include "model/detector.h"
#include "model/names.h"
#include "model/tick_fill.h"
#include "model/tick_gaps.h"
#include "model/tick_graph.h"
#include "model/tick_learn.h"
#include "model/tick_memory.h"

struct tick_state {
  char *host, *boot_id;
  uint64_t tick;
  uint64_t fingerprint; /* of the verdicts in the last snapshot */
  int64_t wall_ms;      /* of the last step or round */
  struct tick_memory memory;
  struct tick_gaps gaps;
  struct names *names;
  struct callgraph *callgraph;
  struct finding_sink *alerts;
  uint64_t alerts_lost; /* as of the last tick */
  size_t detector_count;
  void **detector_states; /* beside detectors[]; NULL where it keeps none */
};

static int make_detectors(struct tick_state *state)
{
  while (detectors[state->detector_count])
    state->detector_count++;
  state->detector_states = calloc(state->detector_count + 1, sizeof(void *));
  if (!state->detector_states)
    return -ENOMEM;
  for (size_t i = 0; i < state->detector_count; i++) {
    if (!detectors[i]->state_new)
      continue;
    state->detector_states[i] = detectors[i]->state_new();
    if (!state->detector_states[i])
      return -ENOMEM;
  }
  return 0;
}

struct tick_state *tick_state_new(const char *host, const char *boot_id)
{
  struct tick_state *state = calloc(1, sizeof(*state));

  if (!state)
    return NULL;
  state->host = strdup(host);
  state->boot_id = strdup(boot_id);
  state->names = names_new();
  state->callgraph = callgraph_new();
  state->alerts = alerts_new();
  if (!state->host || !state->boot_id || !state->names || !state->callgraph || !state->alerts ||
      make_detectors(state) < 0) {
    tick_state_free(state);
    return NULL;
  }
  return state;
}

void tick_state_free(struct tick_state *state)
{
  if (!state)
    return;
  for (size_t i = 0; state->detector_states && i < state->detector_count; i++)
    if (state->detector_states[i])
      detectors[i]->state_free(state->detector_states[i]);
  free(state->detector_states);
  tick_memory_done(&state->memory);
  names_free(state->names);
  callgraph_free(state->callgraph);
  alerts_free(state->alerts);
  free(state->host);
  free(state->boot_id);
  free(state);
}

static void add_gap(struct tick_state *state, uint64_t target, const char *reason, int64_t since_ms,
                    int64_t until_ms, int64_t count)
{
  struct tick_gap_entry gap = {
      .target = target, .since_ms = since_ms, .until_ms = until_ms, .count = count};

  strncpy(gap.reason, reason, sizeof(gap.reason) - 1);
  tick_gaps_add(&state->gaps, gap);
}

void tick_gap(struct tick_state *state, uint64_t target_key, const char *reason, int64_t since_ms,
              int64_t until_ms, int64_t count)
{
  add_gap(state, target_key, reason, since_ms, until_ms, count);
}

/* What tick_memory_apply says of a sweep that it did not take. */
static const char *refusal(int error)
{
  return error == -ENOMEM ? "out of memory: a sweep was not taken in"
                          : "a sweep was malformed or came too late: it was not taken in";
}

static void apply_sweeps(struct tick_state *state, struct sweep *const *sweeps, size_t count,
                         struct tick_clock now)
{
  state->wall_ms = now.wall_ms;
  for (size_t i = 0; i < count; i++) {
    uint64_t target = sweeps[i]->target_key <= INT64_MAX ? sweeps[i]->target_key : 0;
    int e = tick_memory_apply(&state->memory, sweeps[i], state->names, &state->gaps, now);

    if (e)
      add_gap(state, target, refusal(e), now.wall_ms, now.wall_ms, 1);
  }
}

/* What hangs on a target besides its rows. */
static void forget_rest(void *context, uint64_t target_key)
{
  struct tick_state *state = context;

  names_forget(state->names, target_key);
  callgraph_forget(state->callgraph, target_key);
  tick_gaps_end(&state->gaps, target_key, state->wall_ms);
}

void tick_forget(struct tick_state *state, uint64_t target_key)
{
  tick_memory_forget(&state->memory, target_key);
  forget_rest(state, target_key);
}

static void run_detectors(struct tick_state *state, struct snapshot_builder *builder,
                          struct tick_clock now)
{
  const struct snapshot *view = snapshot_builder_view(builder);

  alerts_begin(state->alerts, now);
  for (size_t i = 0; i < state->detector_count; i++) {
    alerts_rule(state->alerts, detectors[i]->name);
    detectors[i]->step(state->detector_states[i], view, state->alerts);
  }
  alerts_end(state->alerts);
}

/* Alerts that could not be kept are missing data like any other; the next tick's `gaps` tells of
 * them. */
static void count_lost_alerts(struct tick_state *state, struct tick_clock now)
{
  uint64_t lost = alerts_lost(state->alerts);

  if (lost != state->alerts_lost)
    add_gap(state, 0, "alerts were dropped: there are too many", now.wall_ms, now.wall_ms,
            (int64_t)(lost - state->alerts_lost));
  state->alerts_lost = lost;
}

static int build_snapshot(struct tick_state *state, const struct tick_graph *graph,
                          struct tick_clock now, struct snapshot **ret_snapshot)
{
  struct snapshot_builder *builder =
      snapshot_builder_new(now, state->tick + 1, state->host, state->boot_id);
  int e = -ENOMEM;

  if (!builder)
    goto out;
  e = tick_fill(builder, &state->memory, graph, now.mono_ns, state->host);
  if (!e)
    e = callgraph_fill(state->callgraph, builder, state->host);
  if (!e)
    e = names_fill(state->names, builder, state->host);
  if (!e)
    e = tick_gaps_fill(&state->gaps, builder, state->host);
  if (e)
    goto out;
  run_detectors(state, builder, now);
  count_lost_alerts(state, now);
  e = alerts_fill(state->alerts, builder, state->host);
  if (e)
    goto out;
  e = snapshot_builder_finish(builder, ret_snapshot);
  builder = NULL;
out:
  snapshot_builder_free(builder);
  return e;
}

int tick_step(struct tick_state *state, struct sweep *const *sweeps, size_t sweep_count,
              struct tick_clock now, struct snapshot **ret_snapshot)
{
  struct tick_graph graph;
  int e;

  apply_sweeps(state, sweeps, sweep_count, now);
  tick_memory_expire(&state->memory, now.mono_ns, forget_rest, state);
  e = tick_graph_build(&graph, &state->memory);
  if (!e && tick_learn(state->callgraph, &graph, now.wall_ms) < 0)
    add_gap(state, 0, "out of memory: the call graph was not continued", now.wall_ms, now.wall_ms,
            1);
  if (!e)
    e = build_snapshot(state, &graph, now, ret_snapshot);
  if (!e) {
    state->tick++;
    state->fingerprint = graph.fingerprint;
  }
  tick_graph_done(&graph);
  return e;
}

uint64_t tick_next_ns(const struct tick_state *state)
{
  return alerts_next_ns(state->alerts);
}

int tick_round(struct tick_state *state, struct sweep *const *sweeps, size_t sweep_count,
               struct tick_clock now, bool *ret_changed)
{
  struct tick_graph graph;
  int e;

  apply_sweeps(state, sweeps, sweep_count, now);
  e = tick_graph_build(&graph, &state->memory);
  if (!e)
    *ret_changed = graph.fingerprint != state->fingerprint;
  tick_graph_done(&graph);
  return e;
}
