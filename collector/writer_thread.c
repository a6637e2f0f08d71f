/* writer_thread.c - see writer_thread.h. */
#include "collector/writer_thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

enum { QUEUE_MAX = 16 };

/* A stretch of ticks that were lost, still going on while count > 0. */
struct stretch {
  int64_t since_ms, until_ms, count;
};

struct writer_thread {
  struct writer_thread_setup setup;
  struct writer *writer;
  pthread_t thread;

  pthread_mutex_t lock; /* guards what follows up to `overflow` */
  pthread_cond_t changed;
  bool stopping;
  struct snapshot *queue[QUEUE_MAX]; /* a ring */
  size_t first, count;
  struct stretch overflow;

  /* of the thread */
  struct stretch failed;
  bool failing;
};

static void stretch_add(struct stretch *stretch, int64_t wall_ms)
{
  if (stretch->count++ == 0)
    stretch->since_ms = wall_ms;
  stretch->until_ms = wall_ms;
}

void writer_thread_put(struct writer_thread *w, const struct snapshot *snapshot)
{
  pthread_mutex_lock(&w->lock);
  if (w->count < QUEUE_MAX)
    w->queue[(w->first + w->count++) % QUEUE_MAX] = snapshot_ref(snapshot);
  else
    stretch_add(&w->overflow, snapshot_about(snapshot).now.wall_ms);
  pthread_cond_signal(&w->changed);
  pthread_mutex_unlock(&w->lock);
}

/* The next snapshot and what overflowed before it; NULL at the end. */
static struct snapshot *take(struct writer_thread *w, struct stretch *ret_overflow)
{
  struct snapshot *snapshot = NULL;

  pthread_mutex_lock(&w->lock);
  while (w->count == 0 && !w->stopping)
    pthread_cond_wait(&w->changed, &w->lock);
  if (w->count > 0) {
    snapshot = w->queue[w->first];
    w->first = (w->first + 1) % QUEUE_MAX;
    w->count--;
  }
  *ret_overflow = w->overflow;
  w->overflow = (struct stretch){0};
  pthread_mutex_unlock(&w->lock);
  return snapshot;
}

static void tell(struct writer_thread *w, const struct stretch *stretch, const char *reason)
{
  if (stretch->count > 0)
    w->setup.gap(w->setup.context, reason, stretch->since_ms, stretch->until_ms, stretch->count);
}

static void put(struct writer_thread *w, const struct snapshot *snapshot)
{
  struct writer_error words = {""};
  int error = writer_put(w->writer, snapshot, &words);

  if (error < 0) {
    stretch_add(&w->failed, snapshot_about(snapshot).now.wall_ms);
    if (!w->failing)
      w->setup.state(w->setup.context, error, words.text);
    w->failing = true;
    return;
  }
  if (w->failing)
    w->setup.state(w->setup.context, 0, "");
  w->failing = false;
  tell(w, &w->failed, "recording stopped: the recording could not be written");
  w->failed = (struct stretch){0};
}

static void *writer_thread_run(void *argument)
{
  struct writer_thread *w = argument;
  struct snapshot *snapshot;
  struct stretch overflow;

  do {
    snapshot = take(w, &overflow);
    tell(w, &overflow, "ticks not recorded: the recording is written too slowly");
    if (snapshot)
      put(w, snapshot);
    snapshot_unref(snapshot);
  } while (snapshot);
  tell(w, &w->failed, "recording stopped: the recording could not be written");
  return NULL;
}

static void writer_thread_free(struct writer_thread *w)
{
  writer_close(w->writer);
  pthread_cond_destroy(&w->changed);
  pthread_mutex_destroy(&w->lock);
  free(w);
}

int writer_thread_start(const struct writer_thread_setup *setup, struct writer_thread **ret_thread,
                        struct writer_error *words)
{
  struct writer_thread *w = calloc(1, sizeof(*w));
  int error;

  if (!w)
    return -ENOMEM;
  w->setup = *setup;
  pthread_mutex_init(&w->lock, NULL);
  pthread_cond_init(&w->changed, NULL);
  error = writer_open(setup->dir, &setup->options, &w->writer, words);
  if (error == 0)
    error = -pthread_create(&w->thread, NULL, writer_thread_run, w);
  if (error < 0) {
    writer_thread_free(w);
    return error;
  }
  *ret_thread = w;
  return 0;
}

struct writer_stats writer_thread_stop(struct writer_thread *w)
{
  struct writer_stats stats = {.shard = ""};

  if (!w)
    return stats;
  pthread_mutex_lock(&w->lock);
  w->stopping = true;
  pthread_cond_signal(&w->changed);
  pthread_mutex_unlock(&w->lock);
  (void)pthread_join(w->thread, NULL); /* a thread of ours that was started */
  stats = writer_stats(w->writer);
  stats.shard = ""; /* lives no longer than the writer */
  writer_thread_free(w);
  return stats;
}
