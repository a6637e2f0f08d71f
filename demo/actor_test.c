/* actor_test.c - the demo's runtime does what actor runtimes do; that it is seen is tested in
 * tests/e2e/. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <errno.h>
#include <stdatomic.h>
#include <time.h>

#include "demo/actor.h"

enum { KIND_A = 1, KIND_B };

static int world_setup(void **state)
{
  return world_new((struct world **)state);
}

static int world_teardown(void **state)
{
  world_stop(*state);
  world_free(*state);
  return 0;
}

/* Polls; the test's own time limit is the deadline. */
#define WAIT_UNTIL(condition)                                                                      \
  while (!(condition))                                                                             \
  nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL)

static void echo(struct actor *self, void *context)
{
  struct message message;
  (void)context;
  while (actor_receive(self, MESSAGE_ANY, ACTOR_FOREVER, &message) == 0)
    actor_reply(&message, message.value + 1);
}

struct caller {
  struct actor *callee;
  int timeout_ms;
  int error;
  int64_t answer;
  atomic_bool done;
};

static void caller(struct actor *self, void *context)
{
  struct caller *call = context;
  call->error = actor_call(self, call->callee, KIND_A, 41, call->timeout_ms, &call->answer);
  atomic_store(&call->done, true);
}

static void a_call_is_answered(void **state)
{
  struct actor *server = actor_new(*state, "server", ACTOR_NO_NUMBER);
  struct caller call = {.callee = server, .timeout_ms = ACTOR_FOREVER};
  assert_int_equal(actor_start(server, echo, NULL), 0);
  assert_int_equal(actor_start(actor_new(*state, "caller", 1), caller, &call), 0);
  WAIT_UNTIL(atomic_load(&call.done));
  assert_int_equal(call.error, 0);
  assert_int_equal(call.answer, 42);
}

static void a_call_that_nobody_answers_times_out(void **state)
{
  struct actor *deaf = actor_new(*state, "deaf", ACTOR_NO_NUMBER);
  struct caller call = {.callee = deaf, .timeout_ms = 20};
  assert_int_equal(actor_start(actor_new(*state, "caller", 1), caller, &call), 0);
  WAIT_UNTIL(atomic_load(&call.done));
  assert_int_equal(call.error, -ETIMEDOUT);
  assert_int_equal(actor_depth(deaf), 1);
}

static void the_end_of_the_world_ends_every_wait(void **state)
{
  struct world *world = *state;
  struct actor *deaf = actor_new(world, "deaf", ACTOR_NO_NUMBER);
  struct actor *waiting = actor_new(world, "caller", 1);
  struct caller call = {.callee = deaf, .timeout_ms = ACTOR_FOREVER};
  assert_int_equal(actor_start(waiting, caller, &call), 0);
  WAIT_UNTIL(actor_calling(waiting) == deaf && actor_depth(deaf) == 1);
  world_stop(world);
  assert_int_equal(call.error, -ECANCELED);
}

static void pick_b(struct actor *self, void *context)
{
  struct message message;
  if (actor_receive(self, KIND_B, ACTOR_FOREVER, &message) == 0)
    atomic_store((atomic_int *)context, (int)message.value);
}

static void a_selective_receive_leaves_the_others(void **state)
{
  struct actor *picky = actor_new(*state, "picky", ACTOR_NO_NUMBER);
  atomic_int got = 0;
  assert_int_equal(actor_send(NULL, picky, KIND_A, 1), 0);
  assert_int_equal(actor_start(picky, pick_b, &got), 0);
  WAIT_UNTIL(actor_receiving(picky));
  assert_int_equal(actor_send(NULL, picky, KIND_A, 2), 0);
  assert_int_equal(actor_send(NULL, picky, KIND_B, 7), 0);
  assert_int_equal(actor_send(NULL, picky, KIND_A, 3), 0);
  WAIT_UNTIL(atomic_load(&got) != 0);
  assert_int_equal(got, 7);
  assert_int_equal(actor_depth(picky), 3);
}

static void a_full_mailbox_refuses_who_cannot_wait(void **state)
{
  struct actor *small = actor_new(*state, "small", ACTOR_NO_NUMBER);
  actor_limit(small, 2);
  assert_int_equal(actor_send(NULL, small, KIND_A, 1), 0);
  assert_int_equal(actor_send(NULL, small, KIND_A, 2), 0);
  assert_int_equal(actor_send(NULL, small, KIND_A, 3), -EAGAIN);
  assert_int_equal(actor_depth(small), 2);
}

static void flood(struct actor *self, void *to)
{
  for (int i = 0; i < 100; i++)
    if (actor_send(self, to, KIND_A, i) < 0)
      return;
}

static void take_hundred(struct actor *self, void *context)
{
  struct message message;
  int in_order = 0;
  for (int i = 0; i < 100; i++)
    if (actor_receive(self, MESSAGE_ANY, ACTOR_FOREVER, &message) == 0)
      in_order += message.value == i;
  atomic_store((atomic_int *)context, in_order);
}

static void a_sender_waits_for_room(void **state)
{
  struct actor *small = actor_new(*state, "small", ACTOR_NO_NUMBER);
  atomic_int in_order = -1;
  actor_limit(small, 2);
  assert_int_equal(actor_start(actor_new(*state, "flood", 1), flood, small), 0);
  WAIT_UNTIL(actor_depth(small) == 2);
  assert_int_equal(actor_start(small, take_hundred, &in_order), 0);
  WAIT_UNTIL(atomic_load(&in_order) >= 0);
  assert_int_equal(in_order, 100);
}

static void count_one(struct actor *self, const struct message *message, void *context)
{
  (void)self;
  (void)message;
  atomic_fetch_add((atomic_int *)context, 1);
}

static void a_pool_runs_each_message_once(void **state)
{
  struct pool *pool = pool_new(*state, "pool", 3);
  struct actor *actors[10];
  atomic_int count = 0;
  for (int i = 0; i < 10; i++) {
    actors[i] = pool_actor_new(pool, "task", i, count_one, &count);
    assert_non_null(actors[i]);
    assert_int_equal(actor_send(NULL, actors[i], KIND_A, 0), 0);
  }
  assert_int_equal(pool_start(pool), 0);
  for (int i = 0; i < 90; i++)
    assert_int_equal(actor_send(NULL, actors[i % 10], KIND_A, 0), 0);
  WAIT_UNTIL(atomic_load(&count) == 100);
  for (int i = 0; i < 10; i++)
    assert_int_equal(actor_depth(actors[i]), 0);
}

int main(void)
{
#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
  const struct CMUnitTest tests[] = {
      IN_A_WORLD(a_call_is_answered),
      IN_A_WORLD(a_call_that_nobody_answers_times_out),
      IN_A_WORLD(the_end_of_the_world_ends_every_wait),
      IN_A_WORLD(a_selective_receive_leaves_the_others),
      IN_A_WORLD(a_full_mailbox_refuses_who_cannot_wait),
      IN_A_WORLD(a_sender_waits_for_room),
      IN_A_WORLD(a_pool_runs_each_message_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
