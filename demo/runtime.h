/*
 * runtime.h - what the files of the actor runtime share: the structs behind actor.h. For world.c,
 * actor.c, pool.c, table.c.
 *
 * Locks: an actor's lock guards its mailbox and its call; a pool's lock guards its queue of
 * runnable actors and is taken inside an actor's. No other lock is held while an actor waits.
 */
#ifndef IMPASSE_DEMO_RUNTIME_H
#define IMPASSE_DEMO_RUNTIME_H

#include <pthread.h>
#include <stdatomic.h>

#include "demo/actor.h"
#include "probe/hook/impasse.h"

struct node {
  struct node *next;
  struct message message;
};

struct actor {
  struct impasse_actor hook;
  struct world *world;
  struct actor *next;          /* in the world */
  struct pool *pool;           /* NULL: it has a thread of its own */
  struct actor *next_runnable; /* in the pool's queue */
  actor_body_fn *body;
  actor_handler_fn *handler;
  void *context;
  pthread_t thread;
  bool has_thread;

  pthread_mutex_t lock;
  pthread_cond_t changed; /* mail, an answer, or the end */
  pthread_cond_t room;    /* a message was taken */
  struct node *first, **last;
  size_t depth, capacity;
  uint64_t call_number;
  struct actor *calling;
  bool answered;
  int64_t answer;
  bool receiving;
  bool scheduled; /* in the pool's queue, or running */
};

struct pool {
  struct impasse_pool hook;
  struct world *world;
  struct pool *next;
  pthread_mutex_t lock;
  pthread_cond_t work;
  struct actor *first, **last; /* runnable */
  pthread_t *threads;
  unsigned thread_count, started_count;
};

struct world {
  struct actor *actors;
  struct pool *pools;
  atomic_bool stopping;
};

/* Starts a thread with a small stack. 0 or -errno. */
int world_thread(pthread_t *ret_thread, void *(*run)(void *), void *argument);

/* actor_new in a pool, or with NULL outside of any. */
struct actor *actor_new_in(struct world *world, struct pool *pool, const char *name, int number);

/* Takes the first message of that kind without waiting; the actor's lock is held. */
bool actor_take(struct actor *self, int kind, struct message *ret_message);

/* An actor of the pool has mail and is not scheduled yet; its lock is held. */
void pool_schedule(struct actor *actor);
/* world_stop and world_free, for one pool. */
void pool_wake(struct pool *pool);
void pool_join(struct pool *pool);
void pool_free(struct pool *pool);

#endif
