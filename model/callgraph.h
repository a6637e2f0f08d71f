/*
 * callgraph.h - who was ever seen waiting for whom, by name: the memory behind the relation
 * `call_graph`.
 *
 * An edge is (target, waiter's name, holder's name, via); an episode is one wait, however often it
 * is seen. What the detector of latent deadlocks needs besides is about instances, not names: the
 * two actors of the newest episode, how many episodes they have had, and the gates: the actors that
 * were blocked behind the waiter in every one of those. Two edges whose waits can only begin while
 * one and the same third actor is blocked behind them cannot be entered at the same time by others.
 * Instances that are pairwise joined by edges lived at one time: lives are intervals, and intervals
 * that meet pairwise have an instant in common.
 *
 * Bounded: CALLGRAPH_EDGES_MAX edges, the ones seen longest ago are forgotten first. One thread.
 */
#ifndef IMPASSE_MODEL_CALLGRAPH_H
#define IMPASSE_MODEL_CALLGRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/snapshot.h"

#define CALLGRAPH_EDGES_MAX 16384
#define CALLGRAPH_GATES_MAX 8

struct callgraph;

struct callgraph_actor {
  uint64_t target;
  uint64_t actor;
};

/* One wait as seen now. The names are copied. */
struct callgraph_sight {
  struct callgraph_actor waiter, holder;
  const char *waiter_name, *holder_name;
  uint8_t via; /* enum wait_via */
  bool timed;
  const struct callgraph_actor *behind; /* actors that are blocked behind the waiter now */
  size_t behind_count;
};

/* Where an edge is kept, to say cheaply that its wait still lasts. Zero: nowhere. */
struct callgraph_place {
  uint32_t slot, generation;
};

struct callgraph *callgraph_new(void); /* NULL without memory */
void callgraph_free(struct callgraph *callgraph);

/* A wait was seen for the first time: one more episode of its edge. Without memory none is kept. */
struct callgraph_place callgraph_episode(struct callgraph *callgraph,
                                         const struct callgraph_sight *sight, int64_t wall_ms);
/* The wait of an earlier episode still lasts. */
void callgraph_lasts(struct callgraph *callgraph, struct callgraph_place place, int64_t wall_ms);

/* Forgets the edges whose waiter or holder was in this process. */
void callgraph_forget(struct callgraph *callgraph, uint64_t target_key);

/* Writes the relation. The targets relation must have been made: it gives their names. */
int callgraph_fill(struct callgraph *callgraph, struct snapshot_builder *builder, const char *host);

#endif
