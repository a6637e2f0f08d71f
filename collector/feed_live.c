/* feed_live.c - see feed_live.h. */
#include "collector/feed_live.h"

#include <errno.h>
#include <string.h>

int feed_live_init(struct feed_live *live, const struct feed_ops *ops, uv_loop_t *loop,
                   const char *no_past)
{
  *live = (struct feed_live){.feed = {.ops = ops}, .no_past = no_past};
  return feed_calls_new(loop, &live->calls);
}

void feed_live_done(struct feed_live *live)
{
  sql_reader_stop(live->reader);
  feed_calls_close(live->calls);
}

void feed_live_snapshot(struct feed *feed, int64_t wall_ms, feed_snapshot_fn *answer, void *context)
{
  struct feed_live *live = (struct feed_live *)feed;
  struct feed_call *call;

  if (wall_ms == FEED_NEWEST) {
    feed_calls_ask_newest(live->calls, answer, context);
    return;
  }
  call = feed_calls_add_snapshot(live->calls, answer, context);
  if (call)
    feed_call_snapshot(call, -ENOENT, live->no_past, NULL);
}

void feed_live_subscribe(struct feed *feed, feed_snapshot_fn *each, void *context)
{
  feed_calls_subscribe(((struct feed_live *)feed)->calls, each, context);
}

void feed_live_select(struct feed *feed, const char *sql, const char *format,
                      feed_answer_fn *answer, void *context)
{
  struct feed_live *live = (struct feed_live *)feed;
  struct feed_call *call = feed_calls_add_answer(live->calls, answer, context);
  struct snapshot *newest;
  int error = 0;

  if (!call)
    return;
  if (!live->reader)
    error = sql_reader_start(NULL, &live->reader);
  if (error < 0) {
    feed_call_answer(call, error, strerror(-error));
    return;
  }
  newest = feed_calls_newest(live->calls);
  sql_reader_select(live->reader, newest, sql, format, call);
  snapshot_unref(newest);
}
