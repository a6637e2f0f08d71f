/*
 * take.h - for commands that need snapshots and no screen: runs a loop with a feed until enough has
 * been seen.
 */
#ifndef IMPASSE_COLLECTOR_TAKE_H
#define IMPASSE_COLLECTOR_TAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/options.h"
#include "model/feed.h"
#include "model/snapshot.h"

enum take_verdict { TAKE_MORE, TAKE_DONE };

/* Looks at one snapshot. `history_ns`: how long whoever made it has been watching. */
typedef enum take_verdict take_fn(void *context, struct feed *feed, const struct snapshot *snapshot,
                                  uint64_t history_ns);

struct take {
  const struct options *options;
  uint64_t interval_ns; /* of own sweeps where --interval says nothing */
  uint64_t patience_ns; /* stop after this even without TAKE_DONE; 0: never */
  bool until_signal;    /* SIGINT and SIGTERM end it orderly */
  bool go_on;           /* trouble with the feed (the recorder went) is told and does not end it */
  take_fn *each;
  void (*trouble)(void *context, int error, const char *text);
  void *context;
};

/* Opens the feed of now that the options mean and calls `each` until it is done. 0, or -errno with
 * the complaint; -ETIME where patience ran out (without complaint). */
int take_run(const struct take *take, struct complaint *complaint);

/* One snapshot of now that has rates in it; patience is ten intervals. -ESRCH where one of the
 * targets that the options name is not in it. */
int take_one(const struct options *options, struct snapshot **ret_snapshot,
             struct complaint *complaint);

/* Does a snapshot show a target that is not impasse itself and can be read? */
bool take_has_target(const struct snapshot *snapshot, const struct options *options);

#endif
