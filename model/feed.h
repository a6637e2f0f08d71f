/*
 * feed.h - the one face through which screens and commands get snapshots: of now or of then, swept
 * by ourselves, handed over by a running recorder, or read from a recording. Who asks cannot tell
 * which, but for `about`.
 *
 * Asynchronous: every question returns at once and is answered by its callback on the thread that
 * runs the loop (the collector's main thread), also when it fails; callbacks come in the order of
 * the questions. After feed_close no callback comes any more.
 */
#ifndef IMPASSE_MODEL_FEED_H
#define IMPASSE_MODEL_FEED_H

#include <stdint.h>

#include "model/snapshot.h"

#define FEED_NEWEST INT64_MAX

/* Of one actor, but for those that are asked of a whole target (actor 0): FEED_EXITS, why its actors end, and
 * FEED_LOCKS, which of them wait for locks, and how long. */
enum feed_question { FEED_MESSAGES, FEED_SENDERS, FEED_STACK, FEED_EXITS, FEED_LOCKS };

/* error: 0, or -errno with `text` saying what to do: -ENOENT nothing there at that time, -ENODATA
 * not recorded, -EOPNOTSUPP the source cannot know it. The snapshot is lent: snapshot_ref() it to
 * keep it. */
typedef void feed_snapshot_fn(void *context, int error, const char *text,
                              const struct snapshot *snapshot);
typedef void feed_answer_fn(void *context, int error, const char *text);

struct feed_about {
  const char *maker; /* "own sweeps", "recorder", "recording" */
  const char *place; /* path of the socket or database, "" for own sweeps */
  int64_t first_ms;  /* earliest time that can be asked for; FEED_NEWEST = only now */
  int64_t last_ms;   /* latest; FEED_NEWEST = live */
};

struct feed {
  const struct feed_ops *ops;
};

struct feed_ops {
  struct feed_about (*about)(struct feed *feed);
  /* The state at wall_ms (the newest snapshot not later than it), or the newest. */
  void (*snapshot)(struct feed *feed, int64_t wall_ms, feed_snapshot_fn *answer, void *context);
  /* Every new snapshot from now on; one subscriber, NULL ends it. A recording never calls. */
  void (*subscribe)(struct feed *feed, feed_snapshot_fn *each, void *context);
  /* One SELECT over the dictionary's relations (now: the newest snapshot; a recording: the views
   * with t). Rows arrive as one text in `format` ("table", "json", "ndjson", "csv", "tsv"). */
  void (*select)(struct feed *feed, const char *sql, const char *format, feed_answer_fn *answer,
                 void *context);
  /* What only the source knows of one actor; text for people, one item a line. */
  void (*ask)(struct feed *feed, int64_t target_key, int64_t actor, enum feed_question question,
              feed_answer_fn *answer, void *context);
  void (*close)(struct feed *feed);
};

static inline void feed_close(struct feed *feed)
{
  if (feed)
    feed->ops->close(feed);
}

#endif
