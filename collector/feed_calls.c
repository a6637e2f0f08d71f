/* feed_calls.c - see feed_calls.h. */
#include "collector/feed_calls.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ERROR_BYTES = 512 };

struct feed_call {
  struct feed_call *next;
  struct feed_calls *calls;
  feed_answer_fn *answer; /* one of the two */
  feed_snapshot_fn *snapshot_answer;
  void *context;
  bool wants_newest;
  bool done;
  int error;
  char *text;
  struct snapshot *snapshot;
};

/* Held by the feed and by each call that is not answered yet. */
struct feed_calls {
  uv_async_t async;
  pthread_mutex_t lock; /* guards all below */
  unsigned references;
  bool closed;
  struct feed_call *first, **end;
  feed_snapshot_fn *each;
  void *each_context;
  bool each_due; /* there is news for the subscriber */
  struct snapshot *newest;
  int error; /* why there is no newest */
  char error_text[ERROR_BYTES];
};

static void call_free(struct feed_call *call)
{
  snapshot_unref(call->snapshot);
  free(call->text);
  free(call);
}

static void calls_unref(struct feed_calls *calls)
{
  bool last;

  pthread_mutex_lock(&calls->lock);
  last = --calls->references == 0;
  pthread_mutex_unlock(&calls->lock);
  if (!last)
    return;
  snapshot_unref(calls->newest);
  pthread_mutex_destroy(&calls->lock);
  free(calls);
}

/* --- delivery, on the loop's thread --- */

/* The oldest call if it is answered: an answer waits for those before it. */
static struct feed_call *take_done(struct feed_calls *calls)
{
  struct feed_call *call;

  pthread_mutex_lock(&calls->lock);
  call = calls->closed ? NULL : calls->first;
  if (call && call->done) {
    calls->first = call->next;
    if (!calls->first)
      calls->end = &calls->first;
  } else {
    call = NULL;
  }
  pthread_mutex_unlock(&calls->lock);
  return call;
}

static void deliver_calls(struct feed_calls *calls)
{
  struct feed_call *call;

  while ((call = take_done(calls)) != NULL) {
    if (call->answer)
      call->answer(call->context, call->error, call->text);
    else
      call->snapshot_answer(call->context, call->error, call->text, call->snapshot);
    call_free(call);
  }
}

static void deliver_news(struct feed_calls *calls)
{
  feed_snapshot_fn *each;
  void *context;
  struct snapshot *snapshot = NULL;
  char text[ERROR_BYTES];
  int error;

  pthread_mutex_lock(&calls->lock);
  each = calls->each_due && !calls->closed ? calls->each : NULL;
  context = calls->each_context;
  calls->each_due = false;
  error = calls->error;
  memcpy(text, calls->error_text, sizeof(text));
  if (error == 0 && calls->newest)
    snapshot = snapshot_ref(calls->newest);
  pthread_mutex_unlock(&calls->lock);
  if (each && (snapshot || error != 0))
    each(context, error, error ? text : NULL, snapshot);
  snapshot_unref(snapshot);
}

static void on_async(uv_async_t *async)
{
  struct feed_calls *calls = async->data;

  /* A callback may close the feed: hold on until both are through. */
  pthread_mutex_lock(&calls->lock);
  calls->references++;
  pthread_mutex_unlock(&calls->lock);
  deliver_news(calls);
  deliver_calls(calls);
  calls_unref(calls);
}

/* With the lock held: after close the handle must not be touched any more. */
static void wake(struct feed_calls *calls)
{
  if (!calls->closed)
    (void)uv_async_send(&calls->async); /* fails only on a closing handle */
}

/* --- the loop's thread --- */

int feed_calls_new(uv_loop_t *loop, struct feed_calls **ret_calls)
{
  struct feed_calls *calls = calloc(1, sizeof(*calls));
  int error;

  if (!calls)
    return -ENOMEM;
  error = uv_async_init(loop, &calls->async, on_async);
  if (error < 0) {
    free(calls);
    return error;
  }
  calls->async.data = calls;
  calls->references = 1;
  calls->end = &calls->first;
  pthread_mutex_init(&calls->lock, NULL);
  *ret_calls = calls;
  return 0;
}

static void on_closed(uv_handle_t *handle)
{
  calls_unref(handle->data);
}

void feed_calls_close(struct feed_calls *calls)
{
  struct feed_call *call;

  if (!calls)
    return;
  pthread_mutex_lock(&calls->lock);
  calls->closed = true;
  call = calls->first;
  calls->first = NULL;
  calls->end = &calls->first;
  while (call) { /* open ones are freed by whoever answers them */
    struct feed_call *next = call->next;

    call->next = NULL;
    if (call->done || call->wants_newest) {
      if (!call->done)
        calls->references--;
      call_free(call);
    }
    call = next;
  }
  pthread_mutex_unlock(&calls->lock);
  uv_close((uv_handle_t *)&calls->async, on_closed);
}

static struct feed_call *add(struct feed_calls *calls, struct feed_call wanted)
{
  struct feed_call *call = malloc(sizeof(*call));

  if (!call)
    return NULL;
  *call = wanted;
  call->calls = calls;
  pthread_mutex_lock(&calls->lock);
  calls->references++;
  *calls->end = call;
  calls->end = &call->next;
  pthread_mutex_unlock(&calls->lock);
  return call;
}

struct feed_call *feed_calls_add_answer(struct feed_calls *calls, feed_answer_fn *answer,
                                        void *context)
{
  struct feed_call *call = add(calls, (struct feed_call){.answer = answer, .context = context});

  if (!call)
    answer(context, -ENOMEM, "out of memory");
  return call;
}

static struct feed_call *add_snapshot(struct feed_calls *calls, feed_snapshot_fn *answer,
                                      void *context, bool wants_newest)
{
  struct feed_call *call =
      add(calls, (struct feed_call){
                     .snapshot_answer = answer, .context = context, .wants_newest = wants_newest});

  if (!call)
    answer(context, -ENOMEM, "out of memory", NULL);
  return call;
}

struct feed_call *feed_calls_add_snapshot(struct feed_calls *calls, feed_snapshot_fn *answer,
                                          void *context)
{
  return add_snapshot(calls, answer, context, false);
}

/* --- any thread --- */

/* With the lock held. Returns true when the call must be freed by the caller: nobody waits for it
 * any more. */
static bool finish(struct feed_call *call, int error, const char *text,
                   const struct snapshot *snapshot)
{
  struct feed_calls *calls = call->calls;

  call->done = true;
  call->error = error;
  call->text = text ? strdup(text) : NULL; /* without memory the error goes without words */
  call->snapshot = snapshot ? snapshot_ref(snapshot) : NULL;
  if (error == 0 && text && !call->text)
    call->error = -ENOMEM;
  wake(calls);
  return calls->closed;
}

static void finish_call(struct feed_call *call, int error, const char *text,
                        const struct snapshot *snapshot)
{
  struct feed_calls *calls = call->calls;
  bool orphan;

  pthread_mutex_lock(&calls->lock);
  orphan = finish(call, error, text, snapshot);
  pthread_mutex_unlock(&calls->lock);
  if (orphan)
    call_free(call);
  calls_unref(calls);
}

void feed_call_answer(struct feed_call *call, int error, const char *text)
{
  finish_call(call, error, text, NULL);
}

void feed_call_snapshot(struct feed_call *call, int error, const char *text,
                        const struct snapshot *snapshot)
{
  finish_call(call, error, text, snapshot);
}

/* With the lock held: answers all that wait for the newest. None of them is an orphan: closing
 * frees those. */
static void answer_newest(struct feed_calls *calls)
{
  if (!calls->newest && calls->error == 0)
    return;
  for (struct feed_call *call = calls->first; call; call = call->next) {
    if (!call->wants_newest || call->done)
      continue;
    (void)finish(call, calls->error, calls->error ? calls->error_text : NULL,
                 calls->error ? NULL : calls->newest);
    calls->references--; /* never the last: the feed holds one until it is closed */
  }
}

void feed_calls_ask_newest(struct feed_calls *calls, feed_snapshot_fn *answer, void *context)
{
  if (!add_snapshot(calls, answer, context, true))
    return;
  pthread_mutex_lock(&calls->lock);
  answer_newest(calls);
  pthread_mutex_unlock(&calls->lock);
}

void feed_calls_subscribe(struct feed_calls *calls, feed_snapshot_fn *each, void *context)
{
  pthread_mutex_lock(&calls->lock);
  calls->each = each;
  calls->each_context = context;
  calls->each_due = calls->newest || calls->error != 0;
  wake(calls);
  pthread_mutex_unlock(&calls->lock);
}

void feed_calls_publish(struct feed_calls *calls, const struct snapshot *snapshot)
{
  struct snapshot *old;

  pthread_mutex_lock(&calls->lock);
  old = calls->newest;
  calls->newest = snapshot_ref(snapshot);
  calls->error = 0;
  calls->each_due = true;
  answer_newest(calls);
  wake(calls);
  pthread_mutex_unlock(&calls->lock);
  snapshot_unref(old);
}

void feed_calls_fail(struct feed_calls *calls, int error, const char *text)
{
  pthread_mutex_lock(&calls->lock);
  calls->error = error;
  strncpy(calls->error_text, text, sizeof(calls->error_text) - 1);
  calls->each_due = true;
  answer_newest(calls);
  wake(calls);
  pthread_mutex_unlock(&calls->lock);
}

struct snapshot *feed_calls_newest(struct feed_calls *calls)
{
  struct snapshot *newest;

  pthread_mutex_lock(&calls->lock);
  newest = calls->newest ? snapshot_ref(calls->newest) : NULL;
  pthread_mutex_unlock(&calls->lock);
  return newest;
}
