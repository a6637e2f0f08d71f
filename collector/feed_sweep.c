/* feed_sweep.c - a feed of now, swept by ourselves. See feeds.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/feed_calls.h"
#include "collector/feeds.h"
#include "collector/sql_reader.h"

struct feed_sweep {
  struct feed feed;
  struct feed_calls *calls;
  struct sampler *sampler;
  struct sql_reader *reader; /* started by the first question */
};

static struct feed_about about(struct feed *feed)
{
  (void)feed;
  return (struct feed_about){
      .maker = "own sweeps", .place = "", .first_ms = FEED_NEWEST, .last_ms = FEED_NEWEST};
}

static void snapshot(struct feed *feed, int64_t wall_ms, feed_snapshot_fn *answer, void *context)
{
  struct feed_sweep *f = (struct feed_sweep *)feed;
  struct feed_call *call;

  if (wall_ms == FEED_NEWEST) {
    feed_calls_ask_newest(f->calls, answer, context);
    return;
  }
  call = feed_calls_add_snapshot(f->calls, answer, context);
  if (call)
    feed_call_snapshot(call, -ENOENT,
                       "nothing is recorded; start `impasse record`, or name a recording with --db",
                       NULL);
}

static void subscribe(struct feed *feed, feed_snapshot_fn *each, void *context)
{
  feed_calls_subscribe(((struct feed_sweep *)feed)->calls, each, context);
}

static void select_rows(struct feed *feed, const char *sql, const char *format,
                        feed_answer_fn *answer, void *context)
{
  struct feed_sweep *f = (struct feed_sweep *)feed;
  struct feed_call *call = feed_calls_add_answer(f->calls, answer, context);
  struct snapshot *newest;
  int error = 0;

  if (!call)
    return;
  if (!f->reader)
    error = sql_reader_start(NULL, &f->reader);
  if (error < 0) {
    feed_call_answer(call, error, strerror(-error));
    return;
  }
  newest = feed_calls_newest(f->calls);
  sql_reader_select(f->reader, newest, sql, format, call);
  snapshot_unref(newest);
}

static void on_answer(void *context, int error, const char *text)
{
  feed_call_answer(context, error, text);
}

static void ask(struct feed *feed, int64_t target_key, int64_t actor, enum feed_question question,
                feed_answer_fn *answer, void *context)
{
  struct feed_sweep *f = (struct feed_sweep *)feed;
  struct feed_call *call = feed_calls_add_answer(f->calls, answer, context);
  int error;

  if (!call)
    return;
  error = sampler_ask(f->sampler, target_key, actor, question, on_answer, call);
  if (error < 0)
    feed_call_answer(call, error,
                     error == -ENOENT ? "nobody reads that process now" : strerror(-error));
}

static void close_feed(struct feed *feed)
{
  struct feed_sweep *f = (struct feed_sweep *)feed;

  sampler_stop(f->sampler); /* its workers answer what is open */
  sql_reader_stop(f->reader);
  feed_calls_close(f->calls);
  free(f);
}

static const struct feed_ops ops = {
    .about = about,
    .snapshot = snapshot,
    .subscribe = subscribe,
    .select = select_rows,
    .ask = ask,
    .close = close_feed,
};

static void on_publish(void *context, const struct snapshot *newest)
{
  feed_calls_publish(context, newest);
}

int feed_sweep_new(uv_loop_t *loop, const struct sampler_setup *setup, struct feed **ret_feed)
{
  struct feed_sweep *f = calloc(1, sizeof(*f));
  struct sampler_setup own = *setup;
  int error;

  if (!f)
    return -ENOMEM;
  f->feed.ops = &ops;
  error = feed_calls_new(loop, &f->calls);
  if (error == 0) {
    own.publish = on_publish;
    own.context = f->calls;
    error = sampler_start(&own, &f->sampler);
  }
  if (error < 0) {
    feed_calls_close(f->calls);
    free(f);
    return error;
  }
  *ret_feed = &f->feed;
  return 0;
}

void feed_sweep_gap(struct feed *feed, const char *reason, int64_t since_ms, int64_t until_ms,
                    int64_t count)
{
  sampler_gap(((struct feed_sweep *)feed)->sampler, reason, since_ms, until_ms, count);
}
