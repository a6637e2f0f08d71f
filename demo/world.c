/* world.c - making, ending and freeing what the runtime runs; mailboxes and calls are in actor.c,
 * pools in pool.c. */
#include "demo/runtime.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* Enough for these bodies, also under a sanitizer; a thousand threads then need little memory. */
enum { STACK_BYTES = 256 * 1024 };

int world_new(struct world **ret_world)
{
  if (impasse_start(NULL) < 0)
    return -ENOTSUP;
  struct world *world = calloc(1, sizeof *world);
  if (!world)
    return -ENOMEM;
  *ret_world = world;
  return 0;
}

bool world_stopping(const struct world *world)
{
  return atomic_load_explicit(&world->stopping, memory_order_acquire);
}

void world_stop(struct world *world)
{
  if (!world)
    return;
  atomic_store_explicit(&world->stopping, true, memory_order_release);
  for (struct actor *actor = world->actors; actor; actor = actor->next) {
    pthread_mutex_lock(&actor->lock);
    pthread_cond_broadcast(&actor->changed);
    pthread_cond_broadcast(&actor->room);
    pthread_mutex_unlock(&actor->lock);
  }
  for (struct pool *pool = world->pools; pool; pool = pool->next)
    pool_wake(pool);

  for (struct pool *pool = world->pools; pool; pool = pool->next)
    pool_join(pool);
  for (struct actor *actor = world->actors; actor; actor = actor->next) {
    if (actor->has_thread)
      pthread_join(actor->thread, NULL);
    actor->has_thread = false;
  }
}

static void actor_free(struct actor *actor)
{
  impasse_actor_close(actor->hook);
  while (actor->first) {
    struct node *node = actor->first;
    actor->first = node->next;
    free(node);
  }
  pthread_cond_destroy(&actor->room);
  pthread_cond_destroy(&actor->changed);
  pthread_mutex_destroy(&actor->lock);
  free(actor);
}

void world_free(struct world *world)
{
  if (!world)
    return;
  while (world->actors) {
    struct actor *actor = world->actors;
    world->actors = actor->next;
    actor_free(actor);
  }
  while (world->pools) {
    struct pool *pool = world->pools;
    world->pools = pool->next;
    pool_free(pool);
  }
  free(world);
}

/* A name with a number costs the library nothing; one that stands alone is unique, so it is a
 * registered one. */
static struct impasse_name actor_name(const char *name, int number)
{
  return number == ACTOR_NO_NUMBER ? impasse_registered(name)
                                   : impasse_numbered(impasse_class(name), (uint64_t)number);
}

struct actor *actor_new_in(struct world *world, struct pool *pool, const char *name, int number)
{
  struct actor *actor = calloc(1, sizeof *actor);
  if (!actor)
    return NULL;
  actor->world = world;
  actor->pool = pool;
  actor->last = &actor->first;
  actor->capacity = SIZE_MAX;
  actor->hook =
      impasse_actor_open_in(actor_name(name, number), (struct impasse_actor){impasse_unknown()},
                            pool ? pool->hook : (struct impasse_pool){impasse_unknown()});

  pthread_condattr_t monotonic; /* none of these can fail on Linux with these arguments */
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_mutex_init(&actor->lock, NULL);
  pthread_cond_init(&actor->changed, &monotonic);
  pthread_cond_init(&actor->room, &monotonic);
  pthread_condattr_destroy(&monotonic);

  actor->next = world->actors;
  world->actors = actor;
  return actor;
}

struct actor *actor_new(struct world *world, const char *name, int number)
{
  return actor_new_in(world, NULL, name, number);
}

void actor_limit(struct actor *actor, size_t capacity)
{
  actor->capacity = capacity;
  impasse_capacity(impasse_mailbox_of(actor->hook), capacity);
}

int world_thread(pthread_t *ret_thread, void *(*run)(void *), void *argument)
{
  pthread_attr_t small;
  pthread_attr_init(&small); /* cannot fail on Linux, nor can the next */
  pthread_attr_setstacksize(&small, STACK_BYTES);
  int error = -pthread_create(ret_thread, &small, run, argument);
  pthread_attr_destroy(&small);
  return error;
}

static void *actor_thread(void *argument)
{
  struct actor *self = argument;
  struct impasse_worker worker = impasse_worker_begin((struct impasse_pool){impasse_unknown()});
  impasse_run_begin(&worker, self->hook); /* once: the thread runs nobody else */
  self->body(self, self->context);
  return NULL;
}

int actor_start(struct actor *actor, actor_body_fn *body, void *context)
{
  actor->body = body;
  actor->context = context;
  int error = world_thread(&actor->thread, actor_thread, actor);
  actor->has_thread = error == 0;
  return error;
}
