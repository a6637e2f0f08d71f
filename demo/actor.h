/*
 * actor.h - a tiny actor runtime on POSIX threads, and an example of how to instrument one with
 * libimpasse: every call of the hook library stands in actor.c and table.c, right where the thing
 * that it tells of happens.
 *
 *    world --- actors: a mailbox each (mutex, condition, list); a thread of their own, or a pool,
 *          |           runs them
 *          --- pools:  some threads that run those of their actors that have mail
 *          --- tables: shared state behind a lock (table.h)
 *
 * It is for the demo: it shows failures, so it has no supervision, and nothing ends before the
 * world does.
 *
 * Threads: the one that made the world makes everything in it, stops and frees it; functions with a
 * `self` are for the thread that runs that actor; the questions at the end are for any thread.
 */
#ifndef IMPASSE_DEMO_ACTOR_H
#define IMPASSE_DEMO_ACTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;
struct actor;
struct pool;

#define ACTOR_NO_NUMBER (-1) /* the name stands alone: `orders`; else `worker/17` */
#define ACTOR_FOREVER (-1)   /* no timeout */

enum { MESSAGE_ANY = 0 }; /* kinds of messages are positive and the shapes' own business */

struct message {
  int kind;
  int64_t value;
  struct actor *from; /* the caller that waits for a reply; NULL: nobody does */
  uint64_t call;      /* number of that call among the caller's */
};

typedef void actor_body_fn(struct actor *self, void *context);
typedef void actor_handler_fn(struct actor *self, const struct message *message, void *context);

/* -ENOTSUP: the hook library could not start, so there would be nothing to watch. -ENOMEM. */
int world_new(struct world **ret_world);
/* Ends every wait with -ECANCELED and joins all threads. */
void world_stop(struct world *world);
/* Frees everything in it; after world_stop. */
void world_free(struct world *world);
bool world_stopping(const struct world *world);

/* The name must outlive the world. NULL without memory. */
struct actor *actor_new(struct world *world, const char *name, int number);
/* A mailbox of at most `capacity` messages: who sends more waits for room. Before anybody sends. */
void actor_limit(struct actor *actor, size_t capacity);
/* Runs `body` once in a thread of its own. 0 or -errno of pthread_create. */
int actor_start(struct actor *actor, actor_body_fn *body, void *context);

/* `threads` threads that run the actors of the pool, one message at a time, in the order in which
 * they got mail. */
struct pool *pool_new(struct world *world, const char *name, unsigned threads);
/* An actor of the pool; as actor_new. It may get mail before the pool starts. */
struct actor *pool_actor_new(struct pool *pool, const char *name, int number,
                             actor_handler_fn *handler, void *context);
int pool_start(struct pool *pool);

/* Puts a message into the mailbox of `to`; `self` may be NULL, then it is not an actor who sends
 * (and a full mailbox gives -EAGAIN). 0, -ECANCELED, -ENOMEM. */
int actor_send(struct actor *self, struct actor *to, int kind, int64_t value);
/* Takes the first message of that kind and leaves the others where they are, as a selective receive
 * does. 0, -ETIMEDOUT, -ECANCELED. */
int actor_receive(struct actor *self, int kind, int timeout_ms, struct message *ret_message);
/* Sends and waits for the reply; meanwhile the mailbox of `self` is not served. 0, -ETIMEDOUT,
 * -ECANCELED, -ENOMEM. */
int actor_call(struct actor *self, struct actor *callee, int kind, int64_t value, int timeout_ms,
               int64_t *ret_value);
/* Answers a call. A caller that has given up meanwhile does not notice. */
void actor_reply(const struct message *call, int64_t value);
/* Is busy for that long, as one who waits for a disk is: it neither takes messages nor waits for an
 * actor. */
void actor_work(struct actor *self, unsigned us);

size_t actor_depth(struct actor *actor);
/* Whom it calls now, or NULL. */
struct actor *actor_calling(struct actor *actor);
/* It waits in actor_receive. */
bool actor_receiving(struct actor *actor);
struct world *actor_world(const struct actor *actor);

#endif
