/* tick_learn.h - what a tick adds to the call graph: new episodes, and that old ones last. Private
 * to tick*.c. */
#ifndef IMPASSE_MODEL_TICK_LEARN_H
#define IMPASSE_MODEL_TICK_LEARN_H

#include "model/callgraph.h"
#include "model/tick_graph.h"

/* Tells every wait between named actors that blocks now. Without memory an episode is known without
 * its gates being asked for, so nothing is told and the next tick tells it: -ENOMEM. */
int tick_learn(struct callgraph *callgraph, const struct tick_graph *graph, int64_t wall_ms);

#endif
