/*
 * demo_leak.c - a mailbox that outgrows its consumer: events come ten times faster than they are
 * written away.
 *
 * The mailbox stops growing at a million messages, so that the demo never eats the machine.
 */
#include "demo/shape.h"

#include <errno.h>
#include <stdlib.h>

enum { KIND_EVENT = 1 };
enum {
  BATCH = 20,              /* events at a time */
  BATCH_US = 5000,         /* between two batches: 4000 a second less what the sending takes */
  WRITE_US = 2500,         /* to write one away: 400 a second */
  READY_DEPTH = 1000,      /* by now it is no burst */
  DEPTH_MAX = 1000 * 1000, /* about 50 MB */
};

struct leak {
  struct actor *sensor, *event_log;
};

static void sensor(struct actor *self, void *context)
{
  struct leak *state = context;
  while (!world_stopping(actor_world(self))) {
    if (actor_depth(state->event_log) < DEPTH_MAX)
      for (int i = 0; i < BATCH; i++)
        (void)actor_send(self, state->event_log, KIND_EVENT, i); /* no memory: one event less */
    actor_work(self, BATCH_US);
  }
}

static void event_log(struct actor *self, void *context)
{
  (void)context;
  struct message message;
  while (actor_receive(self, MESSAGE_ANY, ACTOR_FOREVER, &message) == 0)
    actor_work(self, WRITE_US);
}

static int leak_start(struct world *world, unsigned scale, void **ret_state)
{
  (void)scale; /* one consumer is the shape */
  struct leak *state = calloc(1, sizeof *state);
  if (!state)
    return -ENOMEM;
  *ret_state = state;
  state->event_log = actor_new(world, "event_log", ACTOR_NO_NUMBER);
  state->sensor = actor_new(world, "sensor", ACTOR_NO_NUMBER);
  if (!state->event_log || !state->sensor)
    return -ENOMEM;
  int error = actor_start(state->event_log, event_log, state);
  return error < 0 ? error : actor_start(state->sensor, sensor, state);
}

static bool leak_ready(void *context)
{
  struct leak *state = context;
  return actor_depth(state->event_log) >= READY_DEPTH;
}

const struct demo_shape demo_shape_leak = {
    .name = "leak",
    .help = "a mailbox grows ten times faster than its consumer works",
    .start = leak_start,
    .ready = leak_ready,
    .stop = free,
};
