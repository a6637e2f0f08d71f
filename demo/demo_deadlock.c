/*
 * demo_deadlock.c - two servers that call each other without a timeout, and the clients that queue
 * up behind them.
 *
 *    client/0, client/2 ... --> server_a <--> server_b <-- client/1, client/3 ...
 */
#include "demo/shape.h"

#include <errno.h>
#include <stdlib.h>

enum { KIND_BALANCE = 1, KIND_QUERY };
enum { CLIENTS = 4 };

struct deadlock {
  struct actor *servers[2];
  struct actor **clients;
  unsigned client_count;
};

/* To balance the books, a server asks the other one; both were told to at the same time. */
static void server(struct actor *self, void *peer)
{
  struct message message;
  while (actor_receive(self, MESSAGE_ANY, ACTOR_FOREVER, &message) == 0) {
    if (message.kind == KIND_BALANCE) {
      int64_t sum;
      (void)actor_call(self, peer, KIND_QUERY, 0, ACTOR_FOREVER,
                       &sum); /* the next receive sees the end */
    } else {
      actor_reply(&message, message.value);
    }
  }
}

static void client(struct actor *self, void *its_server)
{
  int64_t answer;
  while (actor_call(self, its_server, KIND_QUERY, 1, ACTOR_FOREVER, &answer) == 0)
    actor_work(self, 10000);
}

static int deadlock_start(struct world *world, unsigned scale, void **ret_state)
{
  struct deadlock *state = calloc(1, sizeof *state);
  if (!state)
    return -ENOMEM;
  *ret_state = state;
  state->client_count = scale ? scale : CLIENTS;
  state->clients = calloc(state->client_count, sizeof *state->clients);
  state->servers[0] = actor_new(world, "server_a", ACTOR_NO_NUMBER);
  state->servers[1] = actor_new(world, "server_b", ACTOR_NO_NUMBER);
  if (!state->clients || !state->servers[0] || !state->servers[1])
    return -ENOMEM;

  /* Both find this in their mailboxes before anything else, so the circle closes every time. */
  int error = 0;
  for (unsigned i = 0; i < 2 && error == 0; i++)
    error = actor_send(NULL, state->servers[i], KIND_BALANCE, 0);
  for (unsigned i = 0; i < 2 && error == 0; i++)
    error = actor_start(state->servers[i], server, state->servers[1 - i]);
  for (unsigned i = 0; i < state->client_count && error == 0; i++) {
    state->clients[i] = actor_new(world, "client", (int)i);
    error =
        state->clients[i] ? actor_start(state->clients[i], client, state->servers[i % 2]) : -ENOMEM;
  }
  return error;
}

static bool deadlock_ready(void *context)
{
  struct deadlock *state = context;
  for (unsigned i = 0; i < 2; i++)
    if (actor_calling(state->servers[i]) != state->servers[1 - i])
      return false;
  for (unsigned i = 0; i < state->client_count; i++)
    if (actor_calling(state->clients[i]) != state->servers[i % 2])
      return false;
  return true;
}

static void deadlock_stop(void *context)
{
  struct deadlock *state = context;
  if (!state)
    return;
  free(state->clients);
  free(state);
}

const struct demo_shape demo_shape_deadlock = {
    .name = "deadlock",
    .help = "two servers call each other; clients wait behind them",
    .start = deadlock_start,
    .ready = deadlock_ready,
    .stop = deadlock_stop,
};
