/*
 * maker.h - the monitor's own row of `targets` in a snapshot: what it costs, and since when it has
 * been running, is known like that of any other process.
 */
#ifndef IMPASSE_MODEL_MAKER_H
#define IMPASSE_MODEL_MAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"

/* Column runtime of that row. */
#define MAKER_RUNTIME "impasse"

bool maker_is_row(const struct snapshot *snapshot, uint32_t row);

/* 0, or -ENOENT where it has none. */
int maker_find(const struct snapshot *snapshot, uint32_t *ret_row);

#endif
