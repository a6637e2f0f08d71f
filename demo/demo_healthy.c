/*
 * demo_healthy.c - a busy program in good order, of which no detector may say a word: calls that
 * are answered at once, a bounded queue whose sender now and then waits for room, a table that is
 * mostly read, bursts that are worked off, and many idle actors that share the two threads of a
 * pool.
 */
#include "demo/shape.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "demo/table.h"

enum { KIND_ORDER = 1, KIND_RESERVE, KIND_FRAME, KIND_MAIL, KIND_POKE };
enum {
  SHOPPERS = 8,
  READERS = 4,
  IDLE_ACTORS = 200,
  REACTOR_THREADS = 2,
  READY_ANSWERS = 50,

  SHOPPER_PAUSE_US = 20 * 1000,
  SHOP_TIMEOUT_MS = 5000,
  FRAMES_A_BURST = 100, /* the queue of the resizer has room for half of them */
  RESIZER_ROOM = 50,
  CAMERA_PAUSE_US = 1000 * 1000,
  MAILS_A_BURST = 300,
  MAIL_US = 200,
  NEWS_PAUSE_US = 2000 * 1000,
  READ_US = 100,
  READER_PAUSE_US = 10 * 1000,
  WRITE_US = 300,
  WRITER_PAUSE_US = 200 * 1000,
  POKE_PAUSE_US = 50 * 1000,
};

struct healthy {
  struct actor *shop, *warehouse;
  struct actor *resizer, *archive;
  struct actor *mailer;
  struct table *cache;
  struct actor **visitors;
  unsigned visitor_count;
  atomic_uint answers; /* of the shop */
  atomic_uint pokes;   /* that visitors have handled */
};

/* --- calls: shoppers -> shop -> warehouse --- */

static void shopper(struct actor *self, void *context)
{
  struct healthy *state = context;
  int64_t price;
  int error;
  do {
    error = actor_call(self, state->shop, KIND_ORDER, 1, SHOP_TIMEOUT_MS, &price);
    if (error == 0)
      atomic_fetch_add(&state->answers, 1);
    actor_work(self, SHOPPER_PAUSE_US);
  } while (error != -ECANCELED);
}

static void shop(struct actor *self, void *context)
{
  struct healthy *state = context;
  struct message order;
  while (actor_receive(self, MESSAGE_ANY, ACTOR_FOREVER, &order) == 0) {
    int64_t left;
    if (actor_call(self, state->warehouse, KIND_RESERVE, order.value, ACTOR_FOREVER, &left) == 0)
      actor_reply(&order, left);
  }
}

static void warehouse(struct actor *self, void *context)
{
  (void)context;
  struct message reserve;
  for (int64_t left = 0; actor_receive(self, MESSAGE_ANY, ACTOR_FOREVER, &reserve) == 0; left++)
    actor_reply(&reserve, left);
}

/* --- a pipeline with a bounded queue: camera -> resizer -> archive --- */

static void camera(struct actor *self, void *context)
{
  struct healthy *state = context;
  while (!world_stopping(actor_world(self))) {
    for (int i = 0; i < FRAMES_A_BURST; i++)
      (void)actor_send(self, state->resizer, KIND_FRAME, i); /* without memory: one frame less */
    actor_work(self, CAMERA_PAUSE_US);
  }
}

static void resizer(struct actor *self, void *context)
{
  struct healthy *state = context;
  struct message frame;
  while (actor_receive(self, MESSAGE_ANY, ACTOR_FOREVER, &frame) == 0)
    (void)actor_send(self, state->archive, KIND_FRAME, frame.value); /* as above */
}

static void sink(struct actor *self, void *context)
{
  (void)context;
  struct message frame;
  while (actor_receive(self, MESSAGE_ANY, ACTOR_FOREVER, &frame) == 0)
    continue;
}

/* --- bursts that are worked off --- */

static void newsletter(struct actor *self, void *context)
{
  struct healthy *state = context;
  while (!world_stopping(actor_world(self))) {
    for (int i = 0; i < MAILS_A_BURST; i++)
      (void)actor_send(self, state->mailer, KIND_MAIL, i); /* without memory: one mail less */
    actor_work(self, NEWS_PAUSE_US);
  }
}

static void mailer(struct actor *self, void *context)
{
  (void)context;
  struct message mail;
  while (actor_receive(self, MESSAGE_ANY, ACTOR_FOREVER, &mail) == 0)
    actor_work(self, MAIL_US);
}

/* --- a table that is mostly read --- */

static void reader(struct actor *self, void *context)
{
  struct healthy *state = context;
  while (!world_stopping(actor_world(self))) {
    table_read_lock(self, state->cache);
    actor_work(self, READ_US);
    table_unlock(self, state->cache);
    actor_work(self, READER_PAUSE_US);
  }
}

static void refresher(struct actor *self, void *context)
{
  struct healthy *state = context;
  while (!world_stopping(actor_world(self))) {
    table_write_lock(self, state->cache);
    actor_work(self, WRITE_US);
    table_unlock(self, state->cache);
    actor_work(self, WRITER_PAUSE_US);
  }
}

/* --- many idle actors on a pool --- */

static void visitor(struct actor *self, const struct message *message, void *context)
{
  struct healthy *state = context;
  (void)self;
  (void)message;
  atomic_fetch_add(&state->pokes, 1);
}

static void doorbell(struct actor *self, void *context)
{
  struct healthy *state = context;
  unsigned next = 0;
  while (!world_stopping(actor_world(self))) {
    (void)actor_send(self, state->visitors[next], KIND_POKE, 0); /* without memory: one poke less */
    next = (next + 1) % state->visitor_count;
    actor_work(self, POKE_PAUSE_US);
  }
}

static int start_visitors(struct world *world, struct healthy *state, unsigned count)
{
  struct pool *reactor = pool_new(world, "reactor", REACTOR_THREADS);
  state->visitors = calloc(count, sizeof *state->visitors);
  if (!reactor || !state->visitors)
    return -ENOMEM;
  state->visitor_count = count;
  for (unsigned i = 0; i < count; i++) {
    state->visitors[i] = pool_actor_new(reactor, "visitor", (int)i, visitor, state);
    if (!state->visitors[i])
      return -ENOMEM;
  }
  return pool_start(reactor);
}

/* Makes one actor and starts its thread, unless an earlier one failed. */
static struct actor *start_one(struct world *world, int *error, const char *name, int number,
                               actor_body_fn *body, struct healthy *state)
{
  if (*error < 0)
    return NULL;
  struct actor *actor = actor_new(world, name, number);
  *error = actor ? actor_start(actor, body, state) : -ENOMEM;
  return actor;
}

/* Those who receive come before those who send to them. */
static int start_actors(struct world *world, struct healthy *state)
{
  int error = 0;
  state->warehouse = start_one(world, &error, "warehouse", ACTOR_NO_NUMBER, warehouse, state);
  state->shop = start_one(world, &error, "shop", ACTOR_NO_NUMBER, shop, state);
  state->archive = start_one(world, &error, "archive", ACTOR_NO_NUMBER, sink, state);
  state->mailer = start_one(world, &error, "mailer", ACTOR_NO_NUMBER, mailer, state);
  state->resizer = error == 0 ? actor_new(world, "resizer", ACTOR_NO_NUMBER) : NULL;
  if (!state->resizer)
    return error < 0 ? error : -ENOMEM;
  actor_limit(state->resizer, RESIZER_ROOM);
  error = actor_start(state->resizer, resizer, state);

  for (int i = 0; i < SHOPPERS; i++)
    (void)start_one(world, &error, "shopper", i, shopper, state);
  for (int i = 0; i < READERS; i++)
    (void)start_one(world, &error, "reader", i, reader, state);
  (void)start_one(world, &error, "refresher", ACTOR_NO_NUMBER, refresher, state);
  (void)start_one(world, &error, "camera", ACTOR_NO_NUMBER, camera, state);
  (void)start_one(world, &error, "newsletter", ACTOR_NO_NUMBER, newsletter, state);
  (void)start_one(world, &error, "doorbell", ACTOR_NO_NUMBER, doorbell, state);
  return error;
}

static int healthy_start(struct world *world, unsigned scale, void **ret_state)
{
  struct healthy *state = calloc(1, sizeof *state);
  if (!state)
    return -ENOMEM;
  *ret_state = state;
  state->cache = table_new("cache");
  if (!state->cache)
    return -ENOMEM;
  int error = start_visitors(world, state, scale ? scale : IDLE_ACTORS);
  return error < 0 ? error : start_actors(world, state);
}

static bool healthy_ready(void *context)
{
  struct healthy *state = context;
  return atomic_load(&state->answers) >= READY_ANSWERS && atomic_load(&state->pokes) > 0;
}

static void healthy_stop(void *context)
{
  struct healthy *state = context;
  if (!state)
    return;
  table_free(state->cache);
  free(state->visitors);
  free(state);
}

const struct demo_shape demo_shape_healthy = {
    .name = "healthy",
    .help = "a busy program in good order: raises nothing",
    .start = healthy_start,
    .ready = healthy_ready,
    .stop = healthy_stop,
};
