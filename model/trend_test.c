/* trend_test.c - leaks rise, bursts and ramps do not. */
#include "model/trend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct trend of(const double *values, unsigned count)
{
  struct trend_point points[TREND_POINTS_MAX];

  for (unsigned i = 0; i < count; i++)
    points[i] = (struct trend_point){1000 * (int64_t)i, values[i]};
  return trend_of(points, count);
}

static void test_a_line(void **state)
{
  const double values[] = {10, 20, 30, 40, 50, 60};
  struct trend t = of(values, 6);

  (void)state;
  assert_true(t.slope_per_s == 10);
  assert_true(t.recent_per_s == 10);
  assert_true(t.rising == 1);
}

static void test_one_outlier_changes_nothing_much(void **state)
{
  const double values[] = {10, 20, 30, 9000, 50, 60, 70, 80, 90, 100};
  struct trend t = of(values, 10);

  (void)state;
  assert_true(t.slope_per_s > 9 && t.slope_per_s < 12);
  assert_true(t.rising > 0.85);
}

static void test_bursts_that_are_drained_do_not_rise(void **state)
{
  const double values[] = {0, 300, 600, 900, 0, 300, 600, 900, 0, 300, 600, 900};

  (void)state;
  assert_true(of(values, 12).rising < 0.7);
}

static void test_a_ramp_that_flattened_has_no_recent_slope(void **state)
{
  const double values[] = {0, 500, 1000, 1500, 2000, 2500, 3000, 3000, 3000, 3000, 3000, 3000};
  struct trend t = of(values, 12);

  (void)state;
  assert_true(t.recent_per_s == 0);
  assert_true(t.slope_per_s > 0);
}

static void test_a_constant_does_not_rise(void **state)
{
  const double values[] = {7, 7, 7, 7};
  struct trend t = of(values, 4);

  (void)state;
  assert_true(t.rising == 0);
  assert_true(t.slope_per_s == 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_line),
      cmocka_unit_test(test_one_outlier_changes_nothing_much),
      cmocka_unit_test(test_bursts_that_are_drained_do_not_rise),
      cmocka_unit_test(test_a_ramp_that_flattened_has_no_recent_slope),
      cmocka_unit_test(test_a_constant_does_not_rise),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
