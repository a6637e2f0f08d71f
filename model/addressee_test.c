/* addressee_test.c - whom a question about an actor is put to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/addressee.h"
#include "model/sweep.h"
#include "model/tick.h"

#define TARGET TARGET_KEY(100, 42)
#define ON_A_THREAD ((int64_t)ACTOR_KEY(SOURCE_TAG_HOOK, 1))
#define ON_NONE ((int64_t)ACTOR_KEY(SOURCE_TAG_HOOK, 2))
#define A_THREAD ((int64_t)ACTOR_KEY(SOURCE_TAG_THREAD, UINT64_C(777) << 22 | 101))

static void has_actor(struct sweep *sweep, int64_t key, uint32_t tid)
{
  struct sweep_actor *actor = sweep_add_actor(sweep);

  actor->key = (uint64_t)key;
  actor->kind = ACTOR_KIND_ACTOR;
  actor->state = ACTOR_RUNNING;
  actor->tid = tid;
}

static struct snapshot *two_actors(void)
{
  struct tick_state *state = tick_state_new("host", "boot");
  struct sweep *sweep = sweep_new(TARGET, SOURCE_TAG_HOOK, SWEEP_FULL);
  struct snapshot *snapshot = NULL;

  assert_non_null(state);
  assert_non_null(sweep);
  sweep->begin_ns = 1;
  sweep->end_ns = 2;
  sweep->target.state = TARGET_RUNNING;
  has_actor(sweep, ON_A_THREAD, 101);
  has_actor(sweep, ON_NONE, 0);
  sweep_sort(sweep);
  assert_int_equal(
      tick_step(state, &sweep, 1, (struct tick_clock){1000000000, 1700000000000}, &snapshot), 0);
  tick_state_free(state);
  return snapshot;
}

static void the_stack_of_an_actor_is_that_of_its_thread(void **state)
{
  struct snapshot *s = two_actors();

  (void)state;
  assert_int_equal(addressee_of(s, (int64_t)TARGET, ON_A_THREAD, FEED_STACK),
                   ACTOR_KEY(SOURCE_TAG_THREAD, 101));
  snapshot_unref(s);
}

static void all_else_is_asked_of_whom_it_is_about(void **state)
{
  struct snapshot *s = two_actors();

  (void)state;
  assert_int_equal(addressee_of(s, (int64_t)TARGET, ON_A_THREAD, FEED_MESSAGES), ON_A_THREAD);
  assert_int_equal(addressee_of(s, (int64_t)TARGET, ON_NONE, FEED_STACK), ON_NONE);
  assert_int_equal(addressee_of(s, (int64_t)TARGET, A_THREAD, FEED_STACK), A_THREAD);
  assert_int_equal(addressee_of(s, (int64_t)TARGET, 0, FEED_STACK), 0);
  assert_int_equal(addressee_of(s, 12345, ON_A_THREAD, FEED_STACK), ON_A_THREAD); /* not there */
  snapshot_unref(s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_stack_of_an_actor_is_that_of_its_thread),
      cmocka_unit_test(all_else_is_asked_of_whom_it_is_about),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
