/* prober.c - see prober.h. */
#include "collector/prober.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "collector/clock.h"
#include "collector/cost.h"

#define STACK_BYTES (512 * 1024)

struct prober {
  struct prober_setup setup;
  pthread_t thread;
  pthread_mutex_t lock; /* guards what follows up to `left` */
  pthread_cond_t changed;
  size_t count, done;
  bool ended;
  bool left; /* to its thread, which frees it */
  struct look looks[PROBER_LOOKS_MAX];
};

static void ask(struct look *look, size_t i)
{
  look->verdicts[i] = sources[i]->probe(look->target, look->reasons[i]);
}

/* What lies beneath a source that is `whole` is not asked about. */
static void examine(const struct prober *p, struct look *look)
{
  uint64_t begin = cost_thread_ns();
  bool whole = false;

  look->error = reach_open(look->pid, &look->target);
  if (look->error == 0)
    p->setup.plan(p->setup.context, look);
  for (size_t i = 0; look->error == 0 && sources[i]; i++) {
    look->asked[i] &= !(sources[i]->beneath && whole);
    if (look->asked[i])
      ask(look, i);
    whole |= look->asked[i] && sources[i]->whole && look->verdicts[i] == SOURCE_MINE;
  }
  look->cost_ns = cost_thread_ns() - begin;
}

static void done_lock(struct prober *p)
{
  pthread_cond_destroy(&p->changed);
  pthread_mutex_destroy(&p->lock);
}

static void forget(struct prober *p)
{
  for (size_t i = 0; i < PROBER_LOOKS_MAX; i++)
    reach_close(p->looks[i].target);
  done_lock(p);
  free(p);
}

static void *prober_run(void *argument)
{
  struct prober *p = argument;
  bool left;
  size_t i = 0;

  pthread_mutex_lock(&p->lock);
  while (i < p->count) {
    pthread_mutex_unlock(&p->lock);
    examine(p, &p->looks[i]);
    pthread_mutex_lock(&p->lock);
    p->done = ++i;
    if (p->done == p->count)
      pthread_cond_signal(&p->changed);
  }
  p->ended = true;
  left = p->left;
  pthread_cond_signal(&p->changed);
  pthread_mutex_unlock(&p->lock);
  if (left)
    forget(p);
  else if (p->setup.ended)
    p->setup.ended(p->setup.context);
  return NULL;
}

static void init_lock(struct prober *p)
{
  pthread_condattr_t attributes;

  pthread_mutex_init(&p->lock, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&p->changed, &attributes);
  pthread_condattr_destroy(&attributes);
}

static int start_thread(struct prober *p)
{
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);

  if (error != 0)
    return -error;
  (void)pthread_attr_setstacksize(&attributes, STACK_BYTES); /* else the default, which is larger */
  error = pthread_create(&p->thread, &attributes, prober_run, p);
  pthread_attr_destroy(&attributes);
  return -error;
}

int prober_start(const pid_t *pids, size_t count, const struct prober_setup *setup,
                 struct prober **ret_prober)
{
  struct prober *p = calloc(1, sizeof(*p));
  int error;

  assert(count <= PROBER_LOOKS_MAX);
  if (!p)
    return -ENOMEM;
  p->setup = *setup;
  p->count = count;
  for (size_t i = 0; i < count; i++)
    p->looks[i].pid = pids[i];
  init_lock(p);
  error = start_thread(p);
  if (error < 0) {
    done_lock(p);
    free(p);
    return error;
  }
  *ret_prober = p;
  return 0;
}

bool prober_wait(struct prober *p, uint64_t patience_ns, size_t *ret_done)
{
  bool held = false, all;

  pthread_mutex_lock(&p->lock);
  while (!p->ended && !held) {
    size_t before = p->done;
    struct timespec until = clock_timespec(clock_mono_ns() + patience_ns);
    int waited = 0;

    while (!p->ended && waited == 0)
      waited = pthread_cond_timedwait(&p->changed, &p->lock, &until);
    held = !p->ended && p->done == before;
  }
  if (held)
    p->count = p->done + 1;
  *ret_done = p->done;
  all = p->ended;
  pthread_mutex_unlock(&p->lock);
  return all;
}

struct look *prober_look(struct prober *p, size_t i)
{
  return &p->looks[i];
}

bool prober_ended(struct prober *p)
{
  bool ended;

  pthread_mutex_lock(&p->lock);
  ended = p->ended;
  pthread_mutex_unlock(&p->lock);
  return ended;
}

void prober_free(struct prober *p)
{
  if (!p)
    return;
  (void)pthread_join(p->thread, NULL); /* a thread of ours that was started */
  forget(p);
}

void prober_leave(struct prober *p)
{
  pthread_t thread = p->thread;
  bool ended;

  pthread_mutex_lock(&p->lock);
  ended = p->ended;
  p->left = !ended;
  pthread_mutex_unlock(&p->lock);
  if (ended)
    prober_free(p);
  else
    (void)pthread_detach(thread); /* not joined by anybody: its number is still its own */
}
