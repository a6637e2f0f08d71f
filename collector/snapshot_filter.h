/* snapshot_filter.h - the rows of the targets that were named, and of impasse itself, as a snapshot
 * of their own. */
#ifndef IMPASSE_COLLECTOR_SNAPSHOT_FILTER_H
#define IMPASSE_COLLECTOR_SNAPSHOT_FILTER_H

#include "collector/options.h"
#include "model/snapshot.h"

/* A new reference in any case: without --target the snapshot itself. 0 or -ENOMEM. */
int snapshot_filter(const struct snapshot *snapshot, const struct options *options,
                    struct snapshot **ret_snapshot);

/* The first --target of the options that no row of `targets` is, or NULL. */
const char *snapshot_missing_target(const struct snapshot *snapshot, const struct options *options);

#endif
