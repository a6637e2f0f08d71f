/* cadence_test.c - the budget of a target, and back-off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collector/cadence.h"

#define MS UINT64_C(1000000)
#define S (1000 * MS)

static void a_cheap_target_is_swept_as_wished(void **state)
{
  struct cadence cadence = {.interval_ns = S};

  (void)state;
  cadence_sweep_cost(&cadence, 9 * MS);
  assert_int_equal(cadence_sweep_ns(&cadence), S);
  assert_int_equal(cadence_round_ns(&cadence), CADENCE_ROUND_NS);
}

static void a_costly_sweep_makes_the_interval_grow_to_a_multiple(void **state)
{
  struct cadence cadence = {.interval_ns = S};

  (void)state;
  cadence_sweep_cost(&cadence, 11 * MS);
  assert_int_equal(cadence_sweep_ns(&cadence), 2 * S);
  cadence_sweep_cost(&cadence, 250 * MS);
  assert_int_equal(cadence_sweep_ns(&cadence), 25 * S);
  cadence_sweep_cost(&cadence, 10 * S);
  assert_int_equal(cadence_sweep_ns(&cadence), CADENCE_SWEEP_MAX_NS);
}

static void one_costly_sweep_is_forgotten_slowly(void **state)
{
  struct cadence cadence = {.interval_ns = S};
  int sweeps = 0;

  (void)state;
  cadence_sweep_cost(&cadence, 100 * MS);
  while (cadence_sweep_ns(&cadence) > S) {
    cadence_sweep_cost(&cadence, 1 * MS);
    assert_true(++sweeps < 100);
  }
  assert_true(sweeps > 3);
}

static void sweeps_and_rounds_together_stay_within_the_budget(void **state)
{
  struct cadence cadence = {.interval_ns = S};

  (void)state;
  for (uint64_t sweep = 0; sweep <= 400 * MS; sweep += 7 * MS) {
    for (uint64_t round = 0; round <= 100 * MS; round += 3 * MS) {
      cadence = (struct cadence){.interval_ns = S, .sweep_cpu_ns = sweep, .round_cpu_ns = round};
      uint64_t cost = sweep * 1000000 / cadence_sweep_ns(&cadence) +
                      round * 1000000 / cadence_round_ns(&cadence);

      /* Rounds keep a quarter of the budget even where sweeps use all of it. */
      if (cost > CADENCE_BUDGET_PERMILLE * 1250)
        fail_msg("sweep %llu round %llu: got %llu millionths of a core", (unsigned long long)sweep,
                 (unsigned long long)round, (unsigned long long)cost);
    }
  }
}

static void instants_are_multiples_of_the_interval(void **state)
{
  (void)state;
  assert_int_equal(cadence_next(0, S), S);
  assert_int_equal(cadence_next(S - 1, S), S);
  assert_int_equal(cadence_next(S, S), 2 * S);
}

static void failures_in_a_row_are_retried_ever_later(void **state)
{
  (void)state;
  assert_int_equal(cadence_backoff_ns(1), S);
  assert_int_equal(cadence_backoff_ns(2), 2 * S);
  assert_int_equal(cadence_backoff_ns(5), 16 * S);
  assert_int_equal(cadence_backoff_ns(7), CADENCE_BACKOFF_MAX_NS);
  assert_int_equal(cadence_backoff_ns(4000000000u), CADENCE_BACKOFF_MAX_NS);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_cheap_target_is_swept_as_wished),
      cmocka_unit_test(a_costly_sweep_makes_the_interval_grow_to_a_multiple),
      cmocka_unit_test(one_costly_sweep_is_forgotten_slowly),
      cmocka_unit_test(sweeps_and_rounds_together_stay_within_the_budget),
      cmocka_unit_test(instants_are_multiples_of_the_interval),
      cmocka_unit_test(failures_in_a_row_are_retried_ever_later),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
