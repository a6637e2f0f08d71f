/*
 * demo_unmatched.c - messages that no clause takes: the gateway speaks the next version of the
 * protocol, the session still waits for the old one and leaves everything else in its mailbox.
 */
#include "demo/shape.h"

#include <errno.h>
#include <stdlib.h>

enum { KIND_LOGIN = 1, KIND_LOGIN_V2 };
enum { BETWEEN_US = 500 * 1000, READY_DEPTH = 3, DEPTH_MAX = 10 * 1000 };

struct unmatched {
  struct actor *gateway, *session;
};

static void session(struct actor *self, void *context)
{
  (void)context;
  struct message login;
  while (actor_receive(self, KIND_LOGIN, ACTOR_FOREVER, &login) == 0)
    actor_reply(&login, 1);
}

static void gateway(struct actor *self, void *context)
{
  struct unmatched *state = context;
  for (int64_t user = 0; !world_stopping(actor_world(self)); user++) {
    if (actor_depth(state->session) < DEPTH_MAX)
      (void)actor_send(self, state->session, KIND_LOGIN_V2, user); /* without memory: one less */
    actor_work(self, user < READY_DEPTH ? 0 : BETWEEN_US);
  }
}

static int unmatched_start(struct world *world, unsigned scale, void **ret_state)
{
  (void)scale; /* one receiver is the shape */
  struct unmatched *state = calloc(1, sizeof *state);
  if (!state)
    return -ENOMEM;
  *ret_state = state;
  state->session = actor_new(world, "session", ACTOR_NO_NUMBER);
  state->gateway = actor_new(world, "gateway", ACTOR_NO_NUMBER);
  if (!state->session || !state->gateway)
    return -ENOMEM;
  int error = actor_start(state->session, session, state);
  return error < 0 ? error : actor_start(state->gateway, gateway, state);
}

static bool unmatched_ready(void *context)
{
  struct unmatched *state = context;
  return actor_depth(state->session) >= READY_DEPTH && actor_receiving(state->session);
}

const struct demo_shape demo_shape_unmatched = {
    .name = "unmatched",
    .help = "messages that no clause of their receiver takes",
    .start = unmatched_start,
    .ready = unmatched_ready,
    .stop = free,
};
