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

static uint64_t share_of(const struct cadence *c)
{
  uint64_t part = cadence_part_ns(c), sweep = cadence_sweep_ns(c);
  uint64_t sweeps = c->sweep_cpu_ns * 1000000 / sweep;

  return part ? sweeps + c->part_cpu_ns * 1000000 / part - c->part_cpu_ns * 1000000 / sweep
              : sweeps;
}

static void a_source_may_have_a_budget_of_its_own(void **state)
{
  struct cadence cadence = {.interval_ns = S, .budget_permille = 50};

  (void)state;
  cadence_sweep_cost(&cadence, 400 * MS);
  assert_int_equal(cadence_sweep_ns(&cadence), 8 * S);
  assert_int_equal(cadence_part_ns(&cadence), 0);
}

static void a_large_target_has_its_hot_part_each_second(void **state)
{
  struct cadence cadence = {.interval_ns = S, .budget_permille = 50, .has_parts = true};

  (void)state;
  cadence_sweep_cost(&cadence, 40 * MS);
  assert_int_equal(cadence_part_ns(&cadence), 0); /* swept each second as it is */
  cadence_sweep_cost(&cadence, 400 * MS);
  assert_int_equal(cadence_part_ns(&cadence), S);
  assert_int_equal(cadence_sweep_ns(&cadence), 8 * S);
  cadence_part_cost(&cadence, 10 * MS);
  assert_int_equal(cadence_part_ns(&cadence), S);
  assert_int_equal(cadence_sweep_ns(&cadence), 10 * S);
  cadence_part_cost(&cadence, 60 * MS); /* more than half the budget a second */
  assert_int_equal(cadence_part_ns(&cadence), 3 * S);
}

static void sweeps_and_parts_together_stay_within_the_budget(void **state)
{
  (void)state;
  for (uint64_t sweep = 0; sweep <= 1000 * MS; sweep += 7 * MS)
    for (uint64_t part = 0; part <= 500 * MS; part += 3 * MS) {
      struct cadence cadence = {.interval_ns = S,
                                .budget_permille = 50,
                                .has_parts = true,
                                .sweep_cpu_ns = sweep,
                                .part_cpu_ns = part};

      if (share_of(&cadence) > 50 * 1000)
        fail_msg("sweep %llu part %llu: got %llu millionths of a core", (unsigned long long)sweep,
                 (unsigned long long)part, (unsigned long long)share_of(&cadence));
    }
}

static void instants_are_multiples_of_the_interval(void **state)
{
  (void)state;
  assert_int_equal(cadence_next(0, S), S);
  assert_int_equal(cadence_next(S - 1, S), S);
  assert_int_equal(cadence_next(S, S), 2 * S);
}

static void many_targets_share_a_budget(void **state)
{
  struct cadence cadence = {.interval_ns = S};

  (void)state;
  cadence_sweep_cost(&cadence, MS / 10);
  assert_int_equal(cadence_sweep_load(&cadence), MS / 10);
  assert_int_equal(cadence_quiet_ns(&cadence, 10 * MS), S);
  assert_int_equal(cadence_quiet_ns(&cadence, 10 * MS + 1), 2 * S);
  assert_int_equal(cadence_quiet_ns(&cadence, 40 * MS), 4 * S);
  assert_int_equal(cadence_quiet_ns(&cadence, 1000 * MS), CADENCE_QUIET_MAX_NS);
  cadence_sweep_cost(&cadence, 65 * MS); /* costly by itself: as often as it alone may be */
  assert_int_equal(cadence_sweep_load(&cadence), 65 * MS / 7);
  assert_int_equal(cadence_quiet_ns(&cadence, 40 * MS), 7 * S);
}

static void a_long_interval_wished_for_stays(void **state)
{
  struct cadence cadence = {.interval_ns = 60 * S};

  (void)state;
  cadence_sweep_cost(&cadence, MS);
  assert_int_equal(cadence_quiet_ns(&cadence, 1000 * MS), 60 * S);
}

static void quiet_targets_take_turns(void **state)
{
  (void)state;
  assert_int_equal(cadence_next_turn(20 * S, 5 * S, S, 0), 25 * S);
  assert_int_equal(cadence_next_turn(20 * S, 5 * S, S, 2), 22 * S);
  assert_int_equal(cadence_next_turn(22 * S, 5 * S, S, 2), 27 * S);
  assert_int_equal(cadence_next_turn(22 * S, 5 * S, S, 7), 27 * S);
  assert_int_equal(cadence_next_turn(S, 5 * S, S, 3), 3 * S);
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
      cmocka_unit_test(a_source_may_have_a_budget_of_its_own),
      cmocka_unit_test(a_large_target_has_its_hot_part_each_second),
      cmocka_unit_test(sweeps_and_parts_together_stay_within_the_budget),
      cmocka_unit_test(instants_are_multiples_of_the_interval),
      cmocka_unit_test(many_targets_share_a_budget),
      cmocka_unit_test(a_long_interval_wished_for_stays),
      cmocka_unit_test(quiet_targets_take_turns),
      cmocka_unit_test(failures_in_a_row_are_retried_ever_later),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
