/* maker_test.c - the monitor's own row is known by its runtime and by nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "model/maker.h"

static struct snapshot *snapshot_of(const char *const *runtimes, uint32_t count)
{
  const struct tick_clock now = {.mono_ns = 1, .wall_ms = 1};
  struct snapshot_builder *b = snapshot_builder_new(now, 1, "host", "boot");
  struct snapshot *snapshot = NULL;

  assert_non_null(b);
  assert_int_equal(snapshot_builder_relation(b, RELATION_TARGETS, count), 0);
  for (uint32_t row = 0; row < count; row++) {
    snapshot_builder_texts(b, RELATION_TARGETS, TARGETS_TARGET)[row] =
        snapshot_builder_text(b, "impasse:1"); /* a target may call itself as it likes */
    snapshot_builder_texts(b, RELATION_TARGETS, TARGETS_RUNTIME)[row] =
        snapshot_builder_text(b, runtimes[row]);
  }
  assert_int_equal(snapshot_builder_finish(b, &snapshot), 0);
  return snapshot;
}

static void the_row_is_found_by_its_runtime(void **state)
{
  static const char *const runtimes[] = {NULL, "hook", MAKER_RUNTIME, "hook"};
  struct snapshot *s = snapshot_of(runtimes, 4);
  uint32_t row = 0;

  (void)state;
  assert_int_equal(maker_find(s, &row), 0);
  assert_int_equal(row, 2);
  assert_false(maker_is_row(s, 0));
  assert_false(maker_is_row(s, 3));
  snapshot_unref(s);
}

static void a_snapshot_may_have_no_such_row(void **state)
{
  static const char *const runtimes[] = {NULL, "hook"};
  struct snapshot *s = snapshot_of(runtimes, 2);
  uint32_t row = 77;

  (void)state;
  assert_int_equal(maker_find(s, &row), -ENOENT);
  assert_int_equal(row, 77);
  snapshot_unref(s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_row_is_found_by_its_runtime),
      cmocka_unit_test(a_snapshot_may_have_no_such_row),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
