/*
 * sweep_text.h - texts of a sweep out of the block of names: a full sweep takes the whole block, so
 * that its offsets stay as they are; a part or round, whose rows are few, only what they name.
 */
#ifndef IMPASSE_PROBE_BEAM_SWEEP_TEXT_H
#define IMPASSE_PROBE_BEAM_SWEEP_TEXT_H

#include "model/sweep.h"
#include "probe/beam/names.h"

/* `name` and `function` of the rows are offsets in the block of `names` before, and in the sweep's
 * own text afterwards. The sweep has no text yet. 0 or -ENOMEM. */
int sweep_text_take(struct sweep *sweep, const struct beam_names *names);

#endif
