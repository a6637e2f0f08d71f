/*
 * tick_fill.h - from what is remembered and what the graph said to the relations targets, actors,
 * waits and tables of a snapshot. Private to tick*.c.
 */
#ifndef IMPASSE_MODEL_TICK_FILL_H
#define IMPASSE_MODEL_TICK_FILL_H

#include "model/snapshot.h"
#include "model/tick_graph.h"
#include "model/tick_memory.h"

/* 0 or -ENOMEM. */
int tick_fill(struct snapshot_builder *builder, const struct tick_memory *memory,
              const struct tick_graph *graph, uint64_t now_ns, const char *host);

#endif
