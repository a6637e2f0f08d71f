/*
 * demo_bottleneck.c - a thousand callers behind one owner that answers one message at a time.
 * Nothing is stuck, and nothing is quick: each caller waits for all the others.
 */
#include "demo/shape.h"

#include <errno.h>
#include <stdlib.h>

enum { KIND_POST = 1 };
enum { CALLERS = 1000, POST_US = 2000 };

struct bottleneck {
  struct actor *ledger;
  unsigned caller_count;
};

static void ledger(struct actor *self, void *context)
{
  (void)context;
  struct message post;
  while (actor_receive(self, MESSAGE_ANY, ACTOR_FOREVER, &post) == 0) {
    actor_work(self, POST_US);
    actor_reply(&post, post.value);
  }
}

static void teller(struct actor *self, void *its_ledger)
{
  int64_t balance;
  while (actor_call(self, its_ledger, KIND_POST, 1, ACTOR_FOREVER, &balance) == 0)
    continue;
}

static int bottleneck_start(struct world *world, unsigned scale, void **ret_state)
{
  struct bottleneck *state = calloc(1, sizeof *state);
  if (!state)
    return -ENOMEM;
  *ret_state = state;
  state->caller_count = scale ? scale : CALLERS;
  state->ledger = actor_new(world, "ledger", ACTOR_NO_NUMBER);
  int error = state->ledger ? actor_start(state->ledger, ledger, NULL) : -ENOMEM;
  for (unsigned i = 0; i < state->caller_count && error == 0; i++) {
    struct actor *caller = actor_new(world, "teller", (int)i);
    error = caller ? actor_start(caller, teller, state->ledger) : -ENOMEM;
  }
  return error;
}

/* All callers but the one that is served and a few on their way stand in the queue. */
static bool bottleneck_ready(void *context)
{
  struct bottleneck *state = context;
  return actor_depth(state->ledger) >= state->caller_count - state->caller_count / 10 - 1;
}

const struct demo_shape demo_shape_bottleneck = {
    .name = "bottleneck",
    .help = "a thousand callers wait behind one owner",
    .start = bottleneck_start,
    .ready = bottleneck_ready,
    .stop = free,
};
