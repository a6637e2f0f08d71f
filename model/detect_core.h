/*
 * detect_core.h - the deadlocked cores of a snapshot, put together again from the rows of `waits`.
 *
 * A row carries the number of its core; names, edges and a readable cycle are collected here. What
 * a thread waits for that runs an actor is told as the actor's in `waits` already.
 *
 * Not here: what is deadlocked (waitgraph.h) and how sure that is (tick.h); when it is worth an
 * alert (detect_deadlock.c).
 */
#ifndef IMPASSE_MODEL_DETECT_CORE_H
#define IMPASSE_MODEL_DETECT_CORE_H

#include <stddef.h>
#include <stdint.h>

#include "model/snapshot.h"

/* One row of `waits` inside a core. */
struct core_edge {
  int64_t core;
  int64_t waiter_target, waiter;
  int64_t holder_target, holder;
  uint32_t row;
  uint32_t holder_member; /* index into members, CORE_OUTSIDE where the holder is not one of them */
};

#define CORE_OUTSIDE UINT32_MAX

struct core_member {
  int64_t target_key;
  int64_t actor;
  const char *name; /* lives as long as the snapshot; may be NULL */
  const char *target;
  uint32_t edge_first, edge_count; /* into core.edges */
};

struct core {
  const struct core_edge *edges; /* sorted by waiter */
  uint32_t edge_count;
  struct core_member *members; /* in the order of the edges' waiters */
  uint32_t member_count;
  uint32_t *cycle; /* edges of one shortest cycle, waiter to holder, from the first name on */
  uint32_t cycle_length;
  int64_t victims;   /* blocked behind it and no members; VALUE_UNKNOWN */
  uint8_t verdict;   /* VERDICT_DEADLOCK or VERDICT_TIMED */
  uint8_t certainty; /* of the least certain row */
};

struct core_list {
  struct core *cores;
  uint32_t count;
  struct core_edge *edges; /* of all of them */
};

/* Collects all cores of the snapshot. 0 or -ENOMEM (then there is nothing to free). */
int detect_core_collect(const struct snapshot *snapshot, struct core_list *ret_list);
void detect_core_done(struct core_list *list);

/* The member that waits by this edge of the core. */
uint32_t detect_core_waiter(const struct core *core, uint32_t edge);

#endif
