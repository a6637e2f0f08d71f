/* feed_recording.c - a feed of the past, read from a recording. See feeds.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/feed_calls.h"
#include "collector/feeds.h"
#include "collector/sql_reader.h"
#include "store/recording.h"

struct feed_recording {
  struct feed feed;
  struct feed_calls *calls;
  struct sql_reader *reader;
  char *path;
  int64_t first_ms, last_ms;
};

static struct feed_about about(struct feed *feed)
{
  const struct feed_recording *f = (struct feed_recording *)feed;

  return (struct feed_about){
      .maker = "recording", .place = f->path, .first_ms = f->first_ms, .last_ms = f->last_ms};
}

static void snapshot(struct feed *feed, int64_t wall_ms, feed_snapshot_fn *answer, void *context)
{
  struct feed_recording *f = (struct feed_recording *)feed;
  struct feed_call *call = feed_calls_add_snapshot(f->calls, answer, context);

  if (call)
    sql_reader_snapshot(f->reader, wall_ms, call);
}

/* Nothing new ever comes. */
static void subscribe(struct feed *feed, feed_snapshot_fn *each, void *context)
{
  (void)feed;
  (void)each;
  (void)context;
}

static void select_rows(struct feed *feed, const char *sql, const char *format,
                        feed_answer_fn *answer, void *context)
{
  struct feed_recording *f = (struct feed_recording *)feed;
  struct feed_call *call = feed_calls_add_answer(f->calls, answer, context);

  if (call)
    sql_reader_select(f->reader, NULL, sql, format, call);
}

static void ask(struct feed *feed, int64_t target_key, int64_t actor, enum feed_question question,
                feed_answer_fn *answer, void *context)
{
  struct feed_recording *f = (struct feed_recording *)feed;
  struct feed_call *call = feed_calls_add_answer(f->calls, answer, context);

  (void)target_key;
  (void)actor;
  (void)question;
  if (call)
    feed_call_answer(call, -ENODATA, "not recorded");
}

static void close_feed(struct feed *feed)
{
  struct feed_recording *f = (struct feed_recording *)feed;

  sql_reader_stop(f->reader);
  feed_calls_close(f->calls);
  free(f->path);
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

int feed_recording_new(uv_loop_t *loop, const char *path, struct feed **ret_feed,
                       struct complaint *complaint)
{
  struct feed_recording *f = calloc(1, sizeof(*f));
  struct recording *recording = NULL;
  struct recording_error words = {""};
  int error = -ENOMEM;

  if (!f || !(f->path = strdup(path)))
    goto out;
  f->feed.ops = &ops;
  error = recording_open(path, &recording, &words);
  if (error < 0)
    goto out;
  error = recording_range(recording, &f->first_ms, &f->last_ms);
  if (error < 0)
    goto out;
  error = feed_calls_new(loop, &f->calls);
  if (error < 0)
    goto out;
  error = sql_reader_start(recording, &f->reader);
out:
  if (error == 0) {
    *ret_feed = &f->feed;
    return 0;
  }
  recording_free(recording);
  if (f)
    close_feed(&f->feed);
  if (error == -ENODATA)
    return complaint_set(complaint, error, "%s: nothing is recorded there yet", path);
  return complaint_set(complaint, error, "%s", *words.text ? words.text : strerror(-error));
}
