/* sweep_test.c - what building, sorting and checking a sweep promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "model/sweep.h"

#define KEY(n) ACTOR_KEY(SOURCE_TAG_HOOK, n)

static struct sweep *sweep_of(const uint64_t *keys, size_t count)
{
  struct sweep *sweep = sweep_new(TARGET_KEY(7, 42), SOURCE_TAG_HOOK, SWEEP_FULL);

  assert_non_null(sweep);
  for (size_t i = 0; i < count; i++)
    sweep_add_actor(sweep)->key = KEY(keys[i]);
  return sweep;
}

static void new_rows_are_unknown(void **context)
{
  struct sweep *sweep = sweep_of((uint64_t[]){1}, 1);
  struct sweep_wait *wait = sweep_add_wait(sweep);
  struct sweep_table *table = sweep_add_table(sweep);

  (void)context;
  assert_int_equal(sweep->target.cpu_ns, VALUE_UNKNOWN);
  assert_int_equal(sweep->actors[0].depth, VALUE_UNKNOWN);
  assert_int_equal(sweep->actors[0].state, ENUM_UNKNOWN);
  assert_true(wait->open); /* what nobody described cannot deadlock */
  assert_int_equal(table->wait_ns, VALUE_UNKNOWN);
  assert_int_equal(sweep_add_gap(sweep)->count, VALUE_UNKNOWN);
  sweep_free(sweep);
}

static void text_is_kept_and_nul_made_visible(void **context)
{
  struct sweep *sweep = sweep_of(NULL, 0);
  char long_text[1000];
  uint32_t a, b, c;

  (void)context;
  memset(long_text, 'x', sizeof(long_text) - 1);
  long_text[sizeof(long_text) - 1] = 0;
  a = sweep_add_text(sweep, "a\0b", 3);
  b = sweep_add_format(sweep, "%s-%d", "worker", 12);
  c = sweep_add_format(sweep, "%s", long_text);
  assert_string_equal(sweep_text(sweep, a), "a?b");
  assert_string_equal(sweep_text(sweep, b), "worker-12");
  assert_string_equal(sweep_text(sweep, c), long_text);
  assert_int_equal(sweep_add_text(sweep, "", 0), 0);
  assert_null(sweep_text(sweep, 0));
  assert_int_equal(sweep_check(sweep), 0);
  sweep_free(sweep);
}

static void sorting_orders_actors_waits_and_tables(void **context)
{
  struct sweep *sweep = sweep_of((uint64_t[]){3, 1, 2}, 3);

  (void)context;
  sweep_add_wait(sweep)->waiter = KEY(2);
  *sweep_add_wait(sweep) = (struct sweep_wait){.waiter = KEY(1), .id = {1, 9}};
  *sweep_add_wait(sweep) = (struct sweep_wait){.waiter = KEY(1), .id = {1, 8}};
  sweep_add_table(sweep)->key = 5;
  sweep_add_table(sweep)->key = 4;
  assert_int_equal(sweep_check(sweep), -EINVAL);
  sweep_sort(sweep);
  assert_int_equal(sweep_check(sweep), 0);
  assert_int_equal(sweep->actors[0].key, KEY(1));
  assert_int_equal(sweep->waits[0].id.lo, 8);
  assert_int_equal(sweep->waits[2].waiter, KEY(2));
  assert_int_equal(sweep->tables[0].key, 4);
  sweep_free(sweep);
}

/* One thing wrong at a time in a sweep that is otherwise right. */
enum wrong {
  NOTHING_WRONG,
  TARGET_ZERO,
  FOREIGN_TAG,
  DOUBLE_KEY,
  WAITER_MISSING,
  HOLDER_BEYOND,
  HOLDER_OVERFLOW,
  ENUM_BEYOND,
  NEEDS_BEYOND,
  TEXT_BEYOND,
  TEXT_UNENDED,
  TIME_BACKWARDS,
  DOUBLE_TABLE,
  WRONG_COUNT
};

static void spoil(struct sweep *sweep, enum wrong wrong)
{
  switch (wrong) {
  case TARGET_ZERO:
    sweep->target_key = 0;
    break;
  case FOREIGN_TAG:
    sweep->actors[1].key = ACTOR_KEY(SOURCE_TAG_BEAM, 2);
    break;
  case DOUBLE_KEY:
    sweep->actors[1].key = sweep->actors[0].key;
    break;
  case WAITER_MISSING:
    sweep->waits[0].waiter = KEY(77);
    break;
  case HOLDER_BEYOND:
    sweep->waits[0].holder_count = 2;
    break;
  case HOLDER_OVERFLOW:
    sweep->waits[0].holder_first = UINT32_MAX;
    break;
  case ENUM_BEYOND:
    sweep->actors[0].state = ACTOR_EXITING + 1;
    break;
  case NEEDS_BEYOND:
    sweep->waits[0].needs = ENUM_UNKNOWN;
    break;
  case TEXT_BEYOND:
    sweep->actors[0].name = (uint32_t)sweep->text_bytes;
    break;
  case TEXT_UNENDED:
    sweep->text[sweep->text_bytes - 1] = 'x';
    break;
  case TIME_BACKWARDS:
    sweep->begin_ns = sweep->end_ns + 1;
    break;
  case DOUBLE_TABLE:
    sweep->tables[1].key = sweep->tables[0].key;
    break;
  case NOTHING_WRONG:
  case WRONG_COUNT:
    break;
  }
}

static void check_refuses_each_single_fault(void **context)
{
  (void)context;
  for (enum wrong wrong = NOTHING_WRONG; wrong < WRONG_COUNT; wrong++) {
    struct sweep *sweep = sweep_of((uint64_t[]){1, 2}, 2);
    struct sweep_wait *wait = sweep_add_wait(sweep);

    wait->waiter = KEY(1);
    wait->holder_count = 1;
    sweep_add_holder(sweep)->actor = KEY(2);
    sweep_add_table(sweep)->key = 1;
    sweep_add_table(sweep)->key = 2;
    sweep->actors[0].name = sweep_add_text(sweep, "one", 3);
    spoil(sweep, wrong);
    if (sweep_check(sweep) != (wrong == NOTHING_WRONG ? 0 : -EINVAL))
      fail_msg("fault %d: sweep_check gave %d", wrong, sweep_check(sweep));
    sweep_free(sweep);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(new_rows_are_unknown),
      cmocka_unit_test(text_is_kept_and_nul_made_visible),
      cmocka_unit_test(sorting_orders_actors_waits_and_tables),
      cmocka_unit_test(check_refuses_each_single_fault),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
