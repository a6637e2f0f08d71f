/*
 * feed_recorder.c - a feed of now, handed over by a running recorder. See feeds.h.
 *
 * A recorder counts once it has handed over a snapshot: one that hangs is left before anybody waits
 * for it. From then on one thread holds the connection and asks for "the next tick" for as long as
 * the feed lives; when the recorder goes, it says so and tries again every second. Questions about
 * actors go over connections of their own.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "collector/feed_live.h"
#include "collector/feeds.h"
#include "collector/job_thread.h"
#include "collector/snapshot_client.h"
#include "collector/snapshot_filter.h"

enum { ANSWER_PATIENCE_MS = 10000, FIRST_PATIENCE_MS = 1000, RETRY_MS = 1000 };

struct feed_recorder {
  struct feed_live live;
  char *path;
  const struct options *options; /* whose --target counts */
  int cancel_fd;                 /* eventfd, readable from close on */
  struct job_thread *asker;      /* started by the first question about an actor */
  pthread_t listener;
  bool listens; /* the thread was started; from then on these are its own: */
  struct snapshot_client client;
  uint64_t tick; /* of the last snapshot */
};

/* --- the listener --- */

/* Publishes what is wanted of it. Frees it. */
static void take_snapshot(struct feed_recorder *f, struct snapshot *snapshot)
{
  struct snapshot *wanted = NULL;
  int error = snapshot_filter(snapshot, f->options, &wanted);

  if (error == 0)
    feed_calls_publish(f->live.calls, wanted);
  else
    feed_calls_fail(f->live.calls, error, strerror(-error));
  f->tick = snapshot_about(snapshot).tick;
  snapshot_unref(wanted);
  snapshot_unref(snapshot);
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
  bool more = true;

  while (more) {
    struct snapshot *snapshot;
    int error = f->client.fd < 0 ? snapshot_client_open(&f->client, f->path) : 0;

    if (error == 0)
      error =
          snapshot_client_newest(&f->client, f->tick, ANSWER_PATIENCE_MS, f->cancel_fd, &snapshot);
    if (error == 0) {
      take_snapshot(f, snapshot);
      continue;
    }
    snapshot_client_close(&f->client);
    f->tick = 0; /* another recorder counts anew */
    if (error != -ECANCELED) {
      feed_calls_fail(f->live.calls, error, *f->client.error ? f->client.error : strerror(-error));
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
  struct feed_call *call = feed_calls_add_answer(f->live.calls, answer, context);
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

  if (f->listens) {
    (void)!write(f->cancel_fd, &one, sizeof(one)); /* an eventfd that is written once */
    (void)pthread_join(f->listener, NULL);
  }
  job_thread_stop(f->asker);
  feed_live_done(&f->live);
  snapshot_client_close(&f->client);
  if (f->cancel_fd >= 0)
    (void)close(f->cancel_fd);
  free(f->path);
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

/* -ENOENT where it does not watch one of those that are asked for, as if there were none. */
static int take_first(struct feed_recorder *f)
{
  struct snapshot *snapshot;
  int error = snapshot_client_newest(&f->client, 0, FIRST_PATIENCE_MS, -1, &snapshot);

  if (error < 0)
    return error;
  if (snapshot_missing_target(snapshot, f->options)) {
    snapshot_unref(snapshot);
    return -ENOENT;
  }
  take_snapshot(f, snapshot);
  return 0;
}

static int start_listener(struct feed_recorder *f)
{
  int error;

  f->cancel_fd = eventfd(0, EFD_CLOEXEC);
  if (f->cancel_fd < 0)
    return -errno;
  error = -pthread_create(&f->listener, NULL, listen_run, f);
  f->listens = error == 0;
  return error;
}

int feed_recorder_new(uv_loop_t *loop, const char *path, const struct options *options,
                      struct feed **ret_feed)
{
  struct feed_recorder *f = calloc(1, sizeof(*f));
  int error;

  if (!f)
    return -ENOMEM;
  f->options = options;
  f->cancel_fd = -1;
  f->client.fd = -1;
  error = feed_live_init(&f->live, &ops, loop,
                         "a recorder hands out only what is now; name its recording with --db");
  if (error == 0)
    error = (f->path = strdup(path)) ? 0 : -ENOMEM;
  if (error == 0)
    error = snapshot_client_open(&f->client, path);
  if (error == 0)
    error = take_first(f);
  if (error == 0)
    error = start_listener(f);
  if (error < 0) {
    close_feed(&f->live.feed);
    return error;
  }
  *ret_feed = &f->live.feed;
  return 0;
}
