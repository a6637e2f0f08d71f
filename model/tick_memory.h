/*
 * tick_memory.h - what the model remembers of each target between ticks: the newest rows of each of
 * its sources, and beside each row what takes two sweeps to know (rates, since when, whether a wait
 * is still the same).
 *
 *    tick_memory --- tick_target (by key) --- tick_feed (by source tag) -+- sweep: the newest rows
 *                                                                        +- actors[] \
 *                                                                        +- waits[]   > beside them
 *                                                                        `- tables[] /
 *
 * Rows of a target are those of its feeds one after the other, which is their order by key, as the
 * tag is the top byte. Memory is a constant times the size of the newest sweeps.
 *
 * Waits for a thread of a pool are made here, from the rows of the pool and its actors, as if the
 * source had said them (via = pool), so that everything later treats them as any wait.
 *
 * Private to tick*.c. Not here: the graph (tick_graph.c) and the snapshot (tick_fill.c).
 */
#ifndef IMPASSE_MODEL_TICK_MEMORY_H
#define IMPASSE_MODEL_TICK_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/callgraph.h"
#include "model/names.h"
#include "model/sweep.h"
#include "model/tick_gaps.h"

/* Beside a row of actors. */
struct actor_memory {
  uint64_t read_begin_ns, read_end_ns; /* of the read that gave the row */
  /* of the one before, where it saw the actor on the same thread; else 0 */
  uint64_t before_begin_ns, before_end_ns;
  uint64_t rated_ns;           /* end of the full sweep or part that rates start from ... */
  uint64_t unmatched_since_ns; /* end of the read since which nothing was taken; 0 = not so */
  uint64_t depth_trend;
  /* ... and what it read */
  int64_t depth, put_count, take_count, work_count;
  float growth_per_s, in_per_s, out_per_s, work_per_s; /* NaN = unknown */
  uint32_t rated_in_us;                                /* how long that read took */
  bool rated_by_part;
};

/* Beside a wait: the interval of which is known that it lasted (tick.h). */
struct wait_memory {
  uint64_t end_first_ns;  /* end of the first read that saw it, with these holders and run count */
  uint64_t begin_last_ns; /* begin of the last one */
  uint64_t since_ns;      /* since when it lasts, whoever held it up meanwhile; 0 = unknown */
  uint64_t bearers;       /* who had the names of its holders when they were found; 0 = not found */
  uint64_t runner;   /* the actor that the thread runs which waits (tick_joint.h); 0 = unknown */
  uint64_t alone_ns; /* when the actor that holds it up was alone on its thread; 0 = unknown */
  struct callgraph_place edge;
  uint32_t hint;  /* row of its first holder in the feed where it was found last */
  bool counted;   /* its episode is in the call graph */
  bool undecided; /* its waiter is a thread of which an actor may be told (tick_joint.h) */
};

/* Beside a table: what came of the last full sweep or part that had it. */
struct table_memory {
  uint64_t rated_ns;                    /* its end */
  int32_t held_permille, wait_permille; /* negative = unknown */
  float contended_per_s;                /* NaN = unknown */
};

struct tick_feed {
  uint8_t source;
  struct sweep *sweep; /* rows as known now; NULL before the first full sweep */
  /* the newest sweep when it failed, the newest part when no full sweep came after it: their target
   * facts count, in this order; else NULL */
  struct sweep *failure, *part;
  struct actor_memory *actors;
  struct wait_memory *waits;
  struct table_memory *tables;
  uint32_t *bearers; /* rows with a registered name, by name; NULL until asked for */
  size_t bearer_count;
  bool has_pools;                /* some row is a pool */
  uint64_t read_ns;              /* end of the newest read of any kind that gave rows */
  double born_per_s, died_per_s; /* NaN = unknown */
  int64_t cpu_permille;
  uint32_t row_first; /* of its actors among all actors; set by tick_graph_build */
};

struct tick_target {
  uint64_t key;
  struct tick_feed **feeds; /* by source tag */
  size_t feed_count;
  uint64_t gone_since_ns; /* 0 = not gone */
};

struct tick_memory {
  struct tick_target **targets; /* by key */
  size_t target_count, target_room;
};

void tick_memory_done(struct tick_memory *memory);

/* Takes over the sweep in any case. 0; -EINVAL when it fails sweep_check or comes too late;
 * -ENOMEM; then what was known stays as it was. A name that changes hands is told to `names`, what
 * is missing to `gaps`. */
int tick_memory_apply(struct tick_memory *memory, struct sweep *sweep, struct names *names,
                      struct tick_gaps *gaps, struct tick_clock now);

/* NULL where there is none. */
struct tick_target *tick_memory_target(const struct tick_memory *memory, uint64_t key);

/* Forgets targets that have been gone for a minute; tells their keys through `forgotten`. */
void tick_memory_expire(struct tick_memory *memory, uint64_t now_ns,
                        void (*forgotten)(void *context, uint64_t key), void *context);
void tick_memory_forget(struct tick_memory *memory, uint64_t key);

/* Target facts of a feed: of its failure where there is one, else of its part. The sweep's text is where their words
 * are. */
const struct sweep *tick_feed_facts(const struct tick_feed *feed);

/* Index of an actor among the feed's rows, tried at `hint` first; SIZE_MAX where there is none. */
size_t tick_feed_find(const struct tick_feed *feed, uint64_t actor, size_t hint);

/* Index of the actor that has a registered name; SIZE_MAX where nobody has it, or two are said to. */
size_t tick_feed_find_name(struct tick_feed *feed, const char *name);

/* Was the wait made here, for a thread of a pool? */
bool tick_wait_is_of_pool(const struct sweep_wait *wait);

#endif
