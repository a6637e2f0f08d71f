/*
 * feed_recorder.c - a feed of now, handed over by a running recorder. See feeds.h.
 *
 * One thread holds a connection and asks for "the next tick" for as long as the feed lives; when the recorder goes, it
 * says so and tries again every second. Questions about actors go over connections of their own.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "collector/feed_calls.h"
#include "collector/feeds.h"
#include "collector/job_thread.h"
#include "collector/snapshot_client.h"
#include "collector/snapshot_filter.h"
#include "collector/sql_reader.h"

enum { ANSWER_PATIENCE_MS = 10000, FIRST_PATIENCE_MS = 2000, RETRY_MS = 1000 };

struct feed_recorder {
  struct feed feed;
  struct feed_calls *calls;
  char *path;
  const struct options *options; /* whose --target counts */
  struct snapshot_client client; /* the listener's, once it runs */
  pthread_t listener;
  int cancel_fd;             /* eventfd, readable from close on */
  struct sql_reader *reader; /* started by the first question */
  struct job_thread *asker;  /* likewise */
};

/* --- the listener --- */

/* Publishes what is wanted of it. */
static void take_snapshot(struct feed_recorder *f, struct snapshot *snapshot)
{
  struct snapshot *wanted = NULL;
  int error = snapshot_filter(snapshot, f->options, &wanted);

  if (error == 0)
    feed_calls_publish(f->calls, wanted);
  else
    feed_calls_fail(f->calls, error, strerror(-error));
  snapshot_unref(wanted);
}

/* False: the feed is being closed. */
static bool pause_before_retry(struct feed_recorder *f)
{
  struct pollfd cancel = {.fd = f->cancel_fd, .events = POLLIN};

  return poll(&cancel, 1, RETRY_MS) == 0;
}

static void *listen_run(void *argument)
{
  struct feed_recorder *f = argument;
  uint64_t tick = 0;
  bool more = true;

  while (more) {
    struct snapshot *snapshot;
    int error = f->client.fd < 0 ? snapshot_client_open(&f->client, f->path) : 0;

    if (error == 0)
      error = snapshot_client_newest(&f->client, tick, ANSWER_PATIENCE_MS, f->cancel_fd, &snapshot);
    if (error == 0) {
      tick = snapshot_about(snapshot).tick;
      take_snapshot(f, snapshot);
      snapshot_unref(snapshot);
      continue;
    }
    snapshot_client_close(&f->client);
    tick = 0; /* another recorder counts anew */
    if (error != -ECANCELED) {
      feed_calls_fail(f->calls, error, *f->client.error ? f->client.error : strerror(-error));
      more = pause_before_retry(f);
    } else {
      more = false;
    }
  }
  return NULL;
}

/* --- the face --- */

static struct feed_about about(struct feed *feed)
{
  const struct feed_recorder *f = (struct feed_recorder *)feed;

  return (struct feed_about){
      .maker = "recorder", .place = f->path, .first_ms = FEED_NEWEST, .last_ms = FEED_NEWEST};
}

static void snapshot(struct feed *feed, int64_t wall_ms, feed_snapshot_fn *answer, void *context)
{
  struct feed_recorder *f = (struct feed_recorder *)feed;
  struct feed_call *call;

  if (wall_ms == FEED_NEWEST) {
    feed_calls_ask_newest(f->calls, answer, context);
    return;
  }
  call = feed_calls_add_snapshot(f->calls, answer, context);
  if (call)
    feed_call_snapshot(call, -ENOENT,
                       "a recorder hands out only what is now; name its recording with --db", NULL);
}

static void subscribe(struct feed *feed, feed_snapshot_fn *each, void *context)
{
  feed_calls_subscribe(((struct feed_recorder *)feed)->calls, each, context);
}

static void select_rows(struct feed *feed, const char *sql, const char *format,
                        feed_answer_fn *answer, void *context)
{
  struct feed_recorder *f = (struct feed_recorder *)feed;
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

struct ask_job {
  struct feed_recorder *f;
  int64_t target_key, actor;
  enum feed_question question;
  struct feed_call *call;
};

static void ask_run(void *data, bool cancelled)
{
  struct ask_job *job = data;
  struct snapshot_client client = {.fd = -1, .error = "cancelled"};
  char *text = NULL;
  int error = cancelled ? -ECANCELED : snapshot_client_open(&client, job->f->path);

  if (error == 0)
    error = snapshot_client_ask(&client, job->target_key, job->actor, job->question,
                                ANSWER_PATIENCE_MS, job->f->cancel_fd, &text);
  feed_call_answer(job->call, error,
                   error == 0      ? text
                   : *client.error ? client.error
                                   : strerror(-error));
  snapshot_client_close(&client);
  free(text);
  free(job);
}

static void ask(struct feed *feed, int64_t target_key, int64_t actor, enum feed_question question,
                feed_answer_fn *answer, void *context)
{
  struct feed_recorder *f = (struct feed_recorder *)feed;
  struct feed_call *call = feed_calls_add_answer(f->calls, answer, context);
  struct ask_job *job = malloc(sizeof(*job));
  int error = job ? 0 : -ENOMEM;

  if (!call) {
    free(job);
    return;
  }
  if (error == 0 && !f->asker)
    error = job_thread_start(&f->asker);
  if (error == 0) {
    *job = (struct ask_job){
        .f = f, .target_key = target_key, .actor = actor, .question = question, .call = call};
    error = job_thread_add(f->asker, ask_run, job);
  }
  if (error < 0) {
    feed_call_answer(call, error, strerror(-error));
    free(job);
  }
}

static void close_feed(struct feed *feed)
{
  struct feed_recorder *f = (struct feed_recorder *)feed;
  uint64_t one = 1;

  (void)!write(f->cancel_fd, &one, sizeof(one)); /* an eventfd that is written once */
  (void)pthread_join(f->listener, NULL);         /* a thread of ours that was started */
  job_thread_stop(f->asker);
  sql_reader_stop(f->reader);
  snapshot_client_close(&f->client);
  feed_calls_close(f->calls);
  (void)close(f->cancel_fd);
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

/* A recorder that was told to watch others only knows nothing of who is asked for: -ENOENT, as if there were none. */
static int check_watches(struct feed_recorder *f)
{
  struct snapshot *snapshot;
  int error;

  if (f->options->target_count == 0)
    return 0;
  error = snapshot_client_newest(&f->client, 0, FIRST_PATIENCE_MS, -1, &snapshot);
  if (error < 0)
    return error;
  error = snapshot_missing_target(snapshot, f->options) ? -ENOENT : 0;
  snapshot_unref(snapshot);
  return error;
}

int feed_recorder_new(uv_loop_t *loop, const char *path, const struct options *options,
                      struct feed **ret_feed, struct complaint *complaint)
{
  struct feed_recorder *f = calloc(1, sizeof(*f));
  int error = -ENOMEM;

  if (!f)
    return -ENOMEM;
  f->feed.ops = &ops;
  f->options = options;
  f->cancel_fd = -1;
  f->client.fd = -1;
  f->path = strdup(path);
  if (!f->path)
    goto out;
  error = snapshot_client_open(&f->client, path);
  if (error == 0)
    error = check_watches(f);
  if (error < 0) {
    if (error != -ENOENT && error != -ECONNREFUSED)
      (void)complaint_set(complaint, error, "the recorder at %s: %s", path, f->client.error);
    goto out;
  }
  f->cancel_fd = eventfd(0, EFD_CLOEXEC);
  error = f->cancel_fd < 0 ? -errno : feed_calls_new(loop, &f->calls);
  if (error == 0)
    error = -pthread_create(&f->listener, NULL, listen_run, f);
out:
  if (error == 0) {
    *ret_feed = &f->feed;
    return 0;
  }
  feed_calls_close(f->calls);
  snapshot_client_close(&f->client);
  if (f->cancel_fd >= 0)
    (void)close(f->cancel_fd);
  free(f->path);
  free(f);
  return error;
}
