/*
 * sweep_facts.h - what a node tells of itself as a whole: its name and incarnation, version, run
 * queues, how many processes were born and died, how full its tables are.
 */
#ifndef IMPASSE_PROBE_BEAM_SWEEP_FACTS_H
#define IMPASSE_PROBE_BEAM_SWEEP_FACTS_H

#include "model/sweep.h"
#include "probe/beam/atom.h"
#include "probe/beam/node.h"

enum { SWEEP_FACTS_QUEUES_MOST = BEAM_SCHEDULERS_MOST + 2 };

/* A counter of 32 bits that wraps around, as one of 64. */
struct sweep_facts_counter {
  uint32_t last;
  int64_t sum;
  bool begun;
};

struct sweep_facts {
  const struct beam_node *node; /* lent */
  struct sweep_facts_counter born, died;
  uint64_t queues[SWEEP_FACTS_QUEUES_MOST]; /* run queues, each once */
  size_t queue_count;
};

/* Finds the run queues. */
void sweep_facts_init(struct sweep_facts *facts, const struct beam_node *node);

/* Reads and sets those of sweep->target that a node tells; what cannot be read stays unknown. The
 * counters are right as long as it is called before 2^32 processes were born since the last time.
 */
void sweep_facts_fill(struct sweep_facts *facts, struct beam_atoms *atoms, struct sweep *sweep);

/* Pure; the first value only begins. */
int64_t sweep_facts_unwrap(struct sweep_facts_counter *counter, uint32_t value);

#endif
