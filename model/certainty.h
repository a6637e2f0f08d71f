/*
 * certainty.h - how sure a core, a victim or a stuck wait is, from when its waits are known to have
 * lasted.
 *
 * A sweep is not atomic: a cycle may be put together of edges that never held at one time. Each
 * wait is known to have lasted from the end of the first read that saw it to the begin of the last
 * one. Where those spans have an instant in common, the edges coexisted, and nobody in such a core
 * can have run since: it is confirmed.
 *
 *    wait 1    |--------------------|
 *    wait 2          |------------------|       max(end_first) < min(begin_last): confirmed
 *    wait 3        |--------------|
 *
 * What a core needs besides its own edges is part of it: a member that waits for `any` of several
 * holders is held up only as long as those outside of the core are, too. Private to tick*.c; pure.
 */
#ifndef IMPASSE_MODEL_CERTAINTY_H
#define IMPASSE_MODEL_CERTAINTY_H

#include <stdbool.h>
#include <stdint.h>

#include "model/waitgraph.h"

/* Of a wait, beside each group of the graph. */
struct certainty_span {
  uint64_t end_first_ns;
  uint64_t begin_last_ns;
  bool exclusive; /* nobody but the listed holders can end it */
};

/* Gives every node that is not free its enum certainty, the others ENUM_UNKNOWN. group_first[i] is
 * the first group of node i, for node_count + 1 nodes; ret_certainty has node_count bytes. A victim
 * is as certain as what it is behind. 0 or -ENOMEM. */
int certainty_judge(const struct waitgraph *graph, const uint32_t *group_first,
                    const struct certainty_span *spans, uint8_t *ret_certainty);

#endif
