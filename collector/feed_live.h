/*
 * feed_live.h - what the two feeds of now share, own sweeps and a running recorder: the newest
 * snapshot, for those who ask and subscribe, and SQL over it. Where snapshots come from is theirs.
 */
#ifndef IMPASSE_COLLECTOR_FEED_LIVE_H
#define IMPASSE_COLLECTOR_FEED_LIVE_H

#include "collector/feed_calls.h"
#include "collector/sql_reader.h"

/* The first member of such a feed. */
struct feed_live {
  struct feed feed;
  struct feed_calls *calls;
  struct sql_reader *reader; /* started by the first question */
  const char *no_past;       /* what to tell who asks for the past */
};

/* 0 or -errno; feed_live_done in any case. */
int feed_live_init(struct feed_live *live, const struct feed_ops *ops, uv_loop_t *loop,
                   const char *no_past);
/* Nobody may publish any more. */
void feed_live_done(struct feed_live *live);

/* Members of struct feed_ops. */
void feed_live_snapshot(struct feed *feed, int64_t wall_ms, feed_snapshot_fn *answer,
                        void *context);
void feed_live_subscribe(struct feed *feed, feed_snapshot_fn *each, void *context);
void feed_live_select(struct feed *feed, const char *sql, const char *format,
                      feed_answer_fn *answer, void *context);

#endif
