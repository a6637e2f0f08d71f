/* names_test.c - what the memory of registered names promises: only changes of hands are told, and
 * it is bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "model/names.h"

static int begin(void **context)
{
  *context = names_new();
  return *context ? 0 : -1;
}

static int end(void **context)
{
  names_free(*context);
  return 0;
}

static struct snapshot *filled(const struct names *names)
{
  struct snapshot_builder *b = snapshot_builder_new((struct tick_clock){0}, 1, "host", "boot");
  struct snapshot *s = NULL;

  assert_int_equal(names_fill(names, b, "host"), 0);
  assert_int_equal(snapshot_builder_finish(b, &s), 0);
  return s;
}

static uint32_t rows_of(const struct names *names)
{
  struct snapshot *s = filled(names);
  uint32_t rows = snapshot_rows(s, RELATION_NAMES);

  snapshot_unref(s);
  return rows;
}

static void a_name_must_have_had_another_bearer(void **context)
{
  names_gained(*context, 1, "new", 5); /* nobody had it before */
  names_lost(*context, 1, "lost", 5);
  names_lost(*context, 1, "back", 5);
  names_gained(*context, 1, "back", 5); /* the same one again */
  assert_int_equal(rows_of(*context), 0);
  names_gained(*context, 2, "lost", 6); /* of another target */
  assert_int_equal(rows_of(*context), 0);
  names_gained(*context, 1, "lost", 6);
  assert_int_equal(rows_of(*context), 1);
}

static void the_order_is_that_of_the_keys(void **context)
{
  static const char *const names[] = {"b", "c", "a"};
  struct snapshot *s;

  for (uint64_t target = 2; target > 0; target--)
    for (int i = 0; i < 3; i++) {
      names_lost(*context, target, names[i], 1);
      names_gained(*context, target, names[i], 2);
    }
  s = filled(*context);
  assert_int_equal(snapshot_rows(s, RELATION_NAMES), 6);
  for (uint32_t i = 0; i < 6; i++) {
    assert_int_equal(snapshot_int(s, RELATION_NAMES, NAMES_TARGET_KEY, i), i < 3 ? 1 : 2);
    assert_int_equal(snapshot_text(s, RELATION_NAMES, NAMES_NAME, i)[0], "abc"[i % 3]);
  }
  snapshot_unref(s);
  names_forget(*context, 1);
  assert_int_equal(rows_of(*context), 3);
}

static void what_changed_hands_outlives_what_was_only_lost(void **context)
{
  char name[32];

  names_lost(*context, 1, "precious", 1);
  names_gained(*context, 1, "precious", 2);
  for (int i = 0; i < 2 * NAMES_MAX; i++) {
    (void)snprintf(name, sizeof(name), "name %d", i);
    names_lost(*context, 1, name, 1);
  }
  assert_int_equal(rows_of(*context), 1);
  for (int i = 0; i < 2 * NAMES_MAX; i++) {
    (void)snprintf(name, sizeof(name), "name %d", i);
    names_lost(*context, 1, name, 1);
    names_gained(*context, 1, name, 2);
  }
  assert_in_range(rows_of(*context), NAMES_MAX - NAMES_MAX / 8, NAMES_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_name_must_have_had_another_bearer),
      TEST(the_order_is_that_of_the_keys),
      TEST(what_changed_hands_outlives_what_was_only_lost),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
