/* pool.c - threads that run those actors of their pool that have mail, one message at a time, first
 * come first. */
#include "demo/runtime.h"

#include <stdlib.h>

struct pool *pool_new(struct world *world, const char *name, unsigned threads)
{
  struct pool *pool = calloc(1, sizeof *pool);
  if (!pool)
    return NULL;
  pool->threads = calloc(threads, sizeof *pool->threads);
  if (!pool->threads) {
    free(pool);
    return NULL;
  }
  pool->hook = impasse_pool_open(impasse_registered(name), threads);
  pool->world = world;
  pool->thread_count = threads;
  pool->last = &pool->first;
  pthread_mutex_init(&pool->lock, NULL); /* cannot fail on Linux, nor can the next */
  pthread_cond_init(&pool->work, NULL);
  pool->next = world->pools;
  world->pools = pool;
  return pool;
}

struct actor *pool_actor_new(struct pool *pool, const char *name, int number,
                             actor_handler_fn *handler, void *context)
{
  struct actor *actor = actor_new_in(pool->world, pool, name, number);
  if (!actor)
    return NULL;
  actor->handler = handler;
  actor->context = context;
  return actor;
}

void pool_schedule(struct actor *actor)
{
  struct pool *pool = actor->pool;
  actor->scheduled = true;
  impasse_runnable(actor->hook);
  pthread_mutex_lock(&pool->lock);
  actor->next_runnable = NULL;
  impasse_put(impasse_mailbox_of_pool(pool->hook), 1);
  *pool->last = actor;
  pool->last = &actor->next_runnable;
  pthread_cond_signal(&pool->work);
  pthread_mutex_unlock(&pool->lock);
}

/* The next runnable actor, or NULL at the end. */
static struct actor *pool_next(struct pool *pool)
{
  struct actor *actor = NULL;
  pthread_mutex_lock(&pool->lock);
  while (!pool->first && !world_stopping(pool->world))
    pthread_cond_wait(&pool->work, &pool->lock);
  if (!world_stopping(pool->world)) {
    impasse_take(impasse_mailbox_of_pool(pool->hook), 1);
    actor = pool->first;
    pool->first = actor->next_runnable;
    if (!pool->first)
      pool->last = &pool->first;
  }
  pthread_mutex_unlock(&pool->lock);
  return actor;
}

static void pool_run(struct actor *actor, const struct impasse_worker *worker)
{
  struct message message;
  impasse_run_begin(worker, actor->hook);
  pthread_mutex_lock(&actor->lock);
  bool taken = actor_take(actor, MESSAGE_ANY, &message);
  pthread_mutex_unlock(&actor->lock);
  if (taken)
    actor->handler(actor, &message, actor->context);

  pthread_mutex_lock(&actor->lock);
  actor->scheduled = false;
  impasse_run_end(actor->hook, actor->depth > 0 ? IMPASSE_RUNNABLE : IMPASSE_RECEIVE);
  if (actor->depth > 0)
    pool_schedule(actor);
  pthread_mutex_unlock(&actor->lock);
}

static void *pool_thread(void *argument)
{
  struct pool *pool = argument;
  struct impasse_worker worker = impasse_worker_begin(pool->hook);
  for (struct actor *actor; (actor = pool_next(pool));)
    pool_run(actor, &worker);
  return NULL;
}

int pool_start(struct pool *pool)
{
  int error = 0;
  while (pool->started_count < pool->thread_count && error == 0) {
    error = world_thread(&pool->threads[pool->started_count], pool_thread, pool);
    if (error == 0)
      pool->started_count++;
  }
  return error;
}

void pool_wake(struct pool *pool)
{
  pthread_mutex_lock(&pool->lock);
  pthread_cond_broadcast(&pool->work);
  pthread_mutex_unlock(&pool->lock);
}

void pool_join(struct pool *pool)
{
  for (unsigned i = 0; i < pool->started_count; i++)
    pthread_join(pool->threads[i], NULL);
  pool->started_count = 0;
}

void pool_free(struct pool *pool)
{
  impasse_pool_close(pool->hook);
  pthread_cond_destroy(&pool->work);
  pthread_mutex_destroy(&pool->lock);
  free(pool->threads);
  free(pool);
}
