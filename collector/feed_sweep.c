/* feed_sweep.c - a feed of now, swept by ourselves. See feeds.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/feed_live.h"
#include "collector/feeds.h"
#include "collector/sandbox.h"

struct feed_sweep {
  struct feed_live live;
  struct sampler *sampler;
};

static struct feed_about about(struct feed *feed)
{
  (void)feed;
  return (struct feed_about){
      .maker = "own sweeps", .place = "", .first_ms = FEED_NEWEST, .last_ms = FEED_NEWEST};
}

static void on_answer(void *context, int error, const char *text)
{
  feed_call_answer(context, error, text);
}

static void ask(struct feed *feed, int64_t target_key, int64_t actor, enum feed_question question,
                feed_answer_fn *answer, void *context)
{
  struct feed_sweep *f = (struct feed_sweep *)feed;
  struct feed_call *call = feed_calls_add_answer(f->live.calls, answer, context);
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
  feed_live_done(&f->live);
  free(f);
}

static const struct feed_ops ops = {
    .about = about,
    .snapshot = feed_live_snapshot,
    .subscribe = feed_live_subscribe,
    .select = feed_live_select,
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
  error = sandbox_enter(); /* nothing has been read yet, and there are no threads */
  if (error < 0) {
    free(f);
    return error;
  }
  error = feed_live_init(&f->live, &ops, loop,
                         "nothing is recorded; start `impasse record`, or name a recording with "
                         "--db");
  if (error == 0) {
    own.publish = on_publish;
    own.context = f->live.calls;
    error = sampler_start(&own, &f->sampler);
  }
  if (error < 0) {
    close_feed(&f->live.feed);
    return error;
  }
  *ret_feed = &f->live.feed;
  return 0;
}

void feed_sweep_gap(struct feed *feed, const char *reason, int64_t since_ms, int64_t until_ms,
                    int64_t count)
{
  sampler_gap(((struct feed_sweep *)feed)->sampler, reason, since_ms, until_ms, count);
}
