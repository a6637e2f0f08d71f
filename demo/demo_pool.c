/*
 * demo_pool.c - a pool whose workers all wait for tasks of the same pool, which therefore nobody
 * ever runs.
 *
 *    order/0 .. order/N-1 occupy the N threads;
 *    each calls its invoice/i, which is queued behind them for ever
 */
#include "demo/shape.h"

#include <errno.h>
#include <stdlib.h>

enum { KIND_WORK = 1 };
enum { THREADS = 4 };

struct pool_shape {
  struct actor **orders, **invoices;
  unsigned count;
};

static void handle_order(struct actor *self, const struct message *message, void *invoice)
{
  int64_t total;
  (void)actor_call(self, invoice, KIND_WORK, message->value, ACTOR_FOREVER,
                   &total); /* ends with the world only */
}

static void handle_invoice(struct actor *self, const struct message *message, void *context)
{
  (void)self;
  (void)context;
  actor_reply(message, message->value);
}

static int pool_shape_start(struct world *world, unsigned scale, void **ret_state)
{
  struct pool_shape *state = calloc(1, sizeof *state);
  if (!state)
    return -ENOMEM;
  *ret_state = state;
  state->count = scale ? scale : THREADS;
  state->orders = calloc(state->count, sizeof *state->orders);
  state->invoices = calloc(state->count, sizeof *state->invoices);
  struct pool *pool = pool_new(world, "workers", state->count);
  if (!state->orders || !state->invoices || !pool)
    return -ENOMEM;

  /* All orders are queued before the pool starts, so every thread has one before an invoice is
   * due. */
  for (unsigned i = 0; i < state->count; i++) {
    state->invoices[i] = pool_actor_new(pool, "invoice", (int)i, handle_invoice, NULL);
    state->orders[i] = pool_actor_new(pool, "order", (int)i, handle_order, state->invoices[i]);
    if (!state->orders[i] || !state->invoices[i])
      return -ENOMEM;
    int error = actor_send(NULL, state->orders[i], KIND_WORK, 100);
    if (error < 0)
      return error;
  }
  return pool_start(pool);
}

static bool pool_shape_ready(void *context)
{
  struct pool_shape *state = context;
  for (unsigned i = 0; i < state->count; i++)
    if (actor_calling(state->orders[i]) != state->invoices[i])
      return false;
  return true;
}

static void pool_shape_stop(void *context)
{
  struct pool_shape *state = context;
  if (!state)
    return;
  free(state->orders);
  free(state->invoices);
  free(state);
}

const struct demo_shape demo_shape_pool = {
    .name = "pool",
    .help = "all threads of a pool wait for tasks of the same pool",
    .start = pool_shape_start,
    .ready = pool_shape_ready,
    .stop = pool_shape_stop,
};
