/*
 * demo_timed.c - the same circle, but the calls have a timeout: it resolves by itself, and comes
 * back with the next round, each time at the cost of the whole timeout.
 */
#include "demo/shape.h"

#include <errno.h>
#include <stdlib.h>

enum { KIND_ROUND = 1, KIND_RESERVE };
enum { TIMEOUT_MS = 3000, PAUSE_MS = 2000, ROUND_WORK_US = 50000 };

struct timed {
  struct actor *billing, *stock, *scheduler;
};

/* Each prepares its round, which takes both equally long, and then asks the other. */
static void department(struct actor *self, void *peer)
{
  struct message message;
  while (actor_receive(self, MESSAGE_ANY, ACTOR_FOREVER, &message) == 0) {
    if (message.kind == KIND_ROUND) {
      int64_t answer;
      actor_work(self, ROUND_WORK_US);
      (void)actor_call(self, peer, KIND_RESERVE, 0, TIMEOUT_MS,
                       &answer); /* a timeout is what this is to show */
    } else {
      actor_reply(&message, 1);
    }
  }
}

static void scheduler(struct actor *self, void *context)
{
  struct timed *state = context;
  struct message none;
  do {
    (void)actor_send(self, state->billing, KIND_ROUND,
                     0); /* fails at the end only, as the receive does */
    (void)actor_send(self, state->stock, KIND_ROUND, 0);
  } while (actor_receive(self, MESSAGE_ANY, TIMEOUT_MS + PAUSE_MS, &none) == -ETIMEDOUT);
}

static int timed_start(struct world *world, unsigned scale, void **ret_state)
{
  (void)scale; /* a circle of two has nothing numerous */
  struct timed *state = calloc(1, sizeof *state);
  if (!state)
    return -ENOMEM;
  *ret_state = state;
  state->billing = actor_new(world, "billing", ACTOR_NO_NUMBER);
  state->stock = actor_new(world, "stock", ACTOR_NO_NUMBER);
  state->scheduler = actor_new(world, "scheduler", ACTOR_NO_NUMBER);
  if (!state->billing || !state->stock || !state->scheduler)
    return -ENOMEM;
  int error = actor_start(state->billing, department, state->stock);
  if (error == 0)
    error = actor_start(state->stock, department, state->billing);
  if (error == 0)
    error = actor_start(state->scheduler, scheduler, state);
  return error;
}

static bool timed_ready(void *context)
{
  struct timed *state = context;
  return actor_calling(state->billing) == state->stock &&
         actor_calling(state->stock) == state->billing;
}

const struct demo_shape demo_shape_timed = {
    .name = "timed",
    .help = "the same circle on a timeout of 3 s: it resolves and recurs",
    .start = timed_start,
    .ready = timed_ready,
    .stop = free,
};
