/* encode_test.c - the rules of encode.h, one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>

#include "store/encode.h"
#include "store/schema.h"

#define MS 1000000ull

static const struct encode_now then = {.tick = 10,
                                       .mono_ns = 5000 * MS,
                                       .last_mono_ns = 4000 * MS,
                                       .target_age_ms = 7,
                                       .target_swept_ms = 1500};
static const struct encode_now later = {.tick = 13,
                                        .mono_ns = 8000 * MS + 400000,
                                        .last_mono_ns = 7000 * MS,
                                        .target_age_ms = 9,
                                        .target_swept_ms = 4500};

static int64_t encode_int(enum encode_rule rule, int64_t value, const struct encode_now *now)
{
  struct encode_column column = {.rule = (uint8_t)rule};

  return encode_value(&column, &value, 0, now);
}

static void reals_are_hundredths(void **state)
{
  struct encode_column column = {.rule = ENCODE_REAL};
  const double values[] = {0, 1.5, -2.346, 0.004, NAN, INFINITY, -INFINITY, 1e300};
  const int64_t wanted[] = {
      0, 150, -235, 0, ENCODE_NULL, 9000000000000000, -9000000000000000, 9000000000000000};

  (void)state;
  for (uint32_t i = 0; i < 8; i++)
    assert_int_equal(encode_value(&column, values, i, &then), wanted[i]);
  assert_true(encode_real_back(150) == 1.5);
  assert_true(isnan(encode_real_back(ENCODE_NULL)));
}

static void ageing_is_no_change(void **state)
{
  struct encode_column column = {.rule = ENCODE_AGE};

  (void)state;
  assert_false(encode_differs(&column, 100, &then, 3100, &later, 0));
  assert_false(encode_differs(&column, 100, &then, 3101, &later, 0));
  assert_true(encode_differs(&column, 100, &then, 3050, &later, 0));
  assert_true(encode_differs(&column, 100, &then, ENCODE_NULL, &later, 0));
  assert_true(encode_differs(&column, ENCODE_NULL, &then, 0, &later, 0));
  assert_int_equal(encode_carry(&column, 100, &then, &later, 0), 3100);
  assert_int_equal(encode_carry(&column, ENCODE_NULL, &then, &later, 0), ENCODE_NULL);
  /* what a file may hold */
  assert_int_equal(encode_carry(&column, INT64_MAX, &then, &later, 0), INT64_MAX);
  assert_int_equal(encode_carry(&column, INT64_MIN + 1, &then, &later, 0), INT64_MIN + 1);
}

static void the_age_of_a_row_follows_its_target(void **state)
{
  struct encode_column column = {.rule = ENCODE_READ};
  int64_t with = encode_int(ENCODE_READ, 7, &then), with_later = encode_int(ENCODE_READ, 9, &later);

  (void)state;
  assert_int_equal(with & 3, ENCODE_AS_TARGET);
  assert_int_equal(with >> 2, 7);
  assert_false(encode_differs(&column, with, &then, with_later, &later, 0));
  assert_int_equal(encode_carry(&column, with, &then, &later, 0), 9);
}

/* Read by full sweeps alone: with them it ages, and by the next one it is as fresh as what parts
 * read. */
static void the_age_of_a_row_follows_the_full_sweeps(void **state)
{
  struct encode_now swept = {.tick = 14, .mono_ns = 9000 * MS, .last_mono_ns = 8000 * MS};
  struct encode_column column = {.rule = ENCODE_READ};
  int64_t cold = encode_int(ENCODE_READ, 1500, &then), hot = encode_int(ENCODE_READ, 7, &then);

  (void)state;
  assert_int_equal(cold & 3, ENCODE_AS_SWEPT);
  assert_false(
      encode_differs(&column, cold, &then, encode_int(ENCODE_READ, 4500, &later), &later, 0));
  assert_int_equal(encode_carry(&column, cold, &then, &later, 0), 4500);
  assert_false(encode_differs(&column, cold, &then, encode_int(ENCODE_READ, 0, &swept), &swept, 0));
  assert_false(encode_differs(&column, hot, &then, encode_int(ENCODE_READ, 0, &swept), &swept, 0));
  assert_true(encode_differs(&column, cold, &then, encode_int(ENCODE_READ, 9, &later), &later, 0));
  assert_true(
      encode_differs(&column, hot, &then, encode_int(ENCODE_READ, 4500, &later), &later, 0));
}

static void a_row_that_is_not_read_ages(void **state)
{
  struct encode_column column = {.rule = ENCODE_READ};
  int64_t old = encode_int(ENCODE_READ, 2500, &then), fresh = encode_int(ENCODE_READ, 300, &then);

  (void)state;
  assert_int_equal(old & 3, ENCODE_AGEING);
  assert_false(
      encode_differs(&column, old, &then, encode_int(ENCODE_READ, 5500, &later), &later, 0));
  assert_true(
      encode_differs(&column, old, &then, encode_int(ENCODE_READ, 4500, &later), &later, 0));
  assert_int_equal(encode_carry(&column, old, &then, &later, 0), 5500);
  assert_int_equal(fresh & 3, ENCODE_FRESH);
  assert_false(
      encode_differs(&column, fresh, &then, encode_int(ENCODE_READ, 800, &later), &later, 0));
  assert_true(encode_differs(&column, fresh, &then, old, &later, 0));
  assert_int_equal(encode_carry(&column, fresh, &then, &later, 0), 300);
  assert_int_equal(encode_int(ENCODE_READ, VALUE_UNKNOWN, &then), ENCODE_NULL);
  assert_int_equal(encode_int(ENCODE_READ, INT64_MAX, &then), ENCODE_NULL);
}

static void a_trend_shifts_by_itself(void **state)
{
  struct encode_column column = {.rule = ENCODE_TREND};

  (void)state;
  assert_int_equal(encode_carry(&column, 0x12, &then, &later, 5), 0x12333);
  assert_false(encode_differs(&column, 0x12, &then, 0x12333, &later, 5));
  assert_true(encode_differs(&column, 0x12, &then, 0x1233, &later, 5));
  assert_int_equal(encode_carry(&column, 0, &then, &later, 0), 0);
  assert_int_equal(encode_carry(&column, 1, &then, &later, INT64_MAX), 0x1fff);
  assert_int_equal(encode_carry(&column, 1, &then, &later, VALUE_UNKNOWN), 1);
}

static void every_column_is_kept_exactly_once(void **state)
{
  (void)state;
  for (unsigned r = 0; r < RELATION_COUNT; r++) {
    struct encode_plan plan;
    const struct relation_info *info = relation_info((enum relation)r);
    uint64_t seen = 0;

    encode_plan_init(&plan, (enum relation)r);
    assert_int_equal(plan.key_count + plan.row_count, info->column_count);
    for (unsigned k = 0; k < plan.key_count; k++) {
      seen |= 1ull << plan.key[k].column;
      assert_true(!(info->columns[plan.key[k].column].flags & COLUMN_KEY) ==
                  (k >= plan.sort_count));
    }
    for (unsigned c = 0; c < plan.row_count; c++)
      seen |= 1ull << plan.row[c].column;
    assert_int_equal(seen, (1ull << info->column_count) - 1);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reals_are_hundredths),
      cmocka_unit_test(ageing_is_no_change),
      cmocka_unit_test(the_age_of_a_row_follows_its_target),
      cmocka_unit_test(the_age_of_a_row_follows_the_full_sweeps),
      cmocka_unit_test(a_row_that_is_not_read_ages),
      cmocka_unit_test(a_trend_shifts_by_itself),
      cmocka_unit_test(every_column_is_kept_exactly_once),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
