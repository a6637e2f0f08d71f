/*
 * tick_graph.h - from remembered rows to the wait-for graph and back: which rows are nodes, which
 * waits block them, what the reduction says of each row, and how sure that is.
 *
 * Rows are all actors of all targets, numbered in the order of the snapshot. Only rows that wait or
 * are waited for become nodes. An actor and the thread that runs it (tick_joint.h) are one node; an
 * open call of the actor overrides the thread's own wait. Such a node is called by its actor, which
 * is its face; the thread's waits are told as the actor's. Private to tick*.c.
 */
#ifndef IMPASSE_MODEL_TICK_GRAPH_H
#define IMPASSE_MODEL_TICK_GRAPH_H

#include <stdint.h>

#include "model/certainty.h"
#include "model/tick_joint.h"
#include "model/tick_memory.h"
#include "model/waitgraph.h"

#define TICK_NO_NODE UINT32_MAX
#define TICK_NO_ROW UINT32_MAX

struct tick_graph {
  uint32_t row_count;
  uint32_t *node_of_row; /* TICK_NO_NODE where it neither waits nor is waited for */
  uint32_t *row_of_node; /* the row whose waits count; of a node without waits its first row */
  struct tick_row *rows; /* of each node: row_of_node[] taken apart */
  struct tick_joints joints;
  uint32_t *holder_rows;  /* of every holder of every wait; TICK_NO_ROW where it was not read */
  uint32_t *holder_first; /* of every feed in order: its first in holder_rows */
  uint32_t *group_first;  /* of each node and one more: its groups */
  uint32_t *group_wait;   /* of each group: the wait's index in the feed of its node */
  struct certainty_span *spans;
  uint8_t *certainty; /* of each node: enum certainty, ENUM_UNKNOWN where it is free */
  struct waitgraph graph;
  uint64_t fingerprint; /* of the set of (core or stuck wait, kind, certainty): equal sets, equal */
};

/* Numbers the rows (feed.row_first), builds and reduces. 0 or -ENOMEM; tick_graph_done is due in
 * any case. */
int tick_graph_build(struct tick_graph *graph, const struct tick_memory *memory);
void tick_graph_done(struct tick_graph *graph);

/* The row by which another row is called: that of the actor which a thread runs, else itself. */
uint32_t tick_graph_face_row(const struct tick_graph *graph, uint32_t row);

/* By which a node is called. */
const struct tick_row *tick_graph_face(const struct tick_graph *graph, uint32_t node);

/* Does this wait of the feed block its waiter? Not when the waiter runs, nor below the waiter's
 * highest rank. */
bool tick_graph_counts(const struct sweep *sweep, const struct sweep_actor *waiter,
                       const struct sweep_wait *wait);

#endif
