/* snapshot_filter_test.c - rows of the named targets and of impasse itself stay, in order; others
 * go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "collector/snapshot_filter.h"

enum { TARGETS = 4 };
static const struct {
  const char *name, *runtime;
} targets[TARGETS] = {
    {"shop:1", "hook"}, {"bank:2", "hook"}, {"impasse:3", "impasse"}, {"shop:4", "hook"}};

/* Targets 1..4 with two actors each, and a gap that is of no target. */
static struct snapshot *world(void)
{
  struct snapshot_builder *b =
      snapshot_builder_new((struct tick_clock){.mono_ns = 5}, 9, "host", "boot");
  struct snapshot *snapshot = NULL;

  assert_non_null(b);
  assert_int_equal(snapshot_builder_relation(b, RELATION_TARGETS, TARGETS), 0);
  assert_int_equal(snapshot_builder_relation(b, RELATION_ACTORS, 2 * TARGETS), 0);
  assert_int_equal(snapshot_builder_relation(b, RELATION_GAPS, 1), 0);
  for (uint32_t i = 0; i < TARGETS; i++) {
    snapshot_builder_ints(b, RELATION_TARGETS, TARGETS_TARGET_KEY)[i] = i + 1;
    snapshot_builder_ints(b, RELATION_TARGETS, TARGETS_PID)[i] = i + 1;
    snapshot_builder_texts(b, RELATION_TARGETS, TARGETS_TARGET)[i] =
        snapshot_builder_text(b, targets[i].name);
    snapshot_builder_texts(b, RELATION_TARGETS, TARGETS_RUNTIME)[i] =
        snapshot_builder_text(b, targets[i].runtime);
    for (uint32_t a = 0; a < 2; a++) {
      snapshot_builder_ints(b, RELATION_ACTORS, ACTORS_TARGET_KEY)[2 * i + a] = i + 1;
      snapshot_builder_ints(b, RELATION_ACTORS, ACTORS_ACTOR)[2 * i + a] = a;
      snapshot_builder_enums(b, RELATION_ACTORS, ACTORS_STATE)[2 * i + a] = ACTOR_BLOCKED;
      snapshot_builder_reals(b, RELATION_ACTORS, ACTORS_IN_PER_S)[2 * i + a] = i + 0.5;
    }
  }
  snapshot_builder_texts(b, RELATION_GAPS, GAPS_REASON)[0] = snapshot_builder_text(b, "a gap");
  assert_int_equal(snapshot_builder_finish(b, &snapshot), 0);
  return snapshot;
}

static struct snapshot *filtered(const char *target)
{
  struct snapshot *all = world(), *some = NULL;
  struct options options = {.target_count = target ? 1 : 0};

  options.targets[0] = target;
  assert_int_equal(snapshot_filter(all, &options, &some), 0);
  snapshot_unref(all);
  return some;
}

static void without_a_wish_all_stays(void **state)
{
  struct snapshot *s = filtered(NULL);

  (void)state;
  assert_int_equal(snapshot_rows(s, RELATION_TARGETS), TARGETS);
  assert_int_equal(snapshot_rows(s, RELATION_ACTORS), 2 * TARGETS);
  snapshot_unref(s);
}

static void a_name_and_a_pid_keep_their_rows_and_those_of_impasse(void **state)
{
  static const struct {
    const char *wish;
    uint32_t count;
    int64_t keys[3];
  } rows[] = {{"shop", 3, {1, 3, 4}}, {"2", 2, {2, 3}}, {"bank:2", 2, {2, 3}}, {"nobody", 1, {3}}};

  (void)state;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct snapshot *s = filtered(rows[i].wish);

    assert_int_equal(snapshot_rows(s, RELATION_TARGETS), rows[i].count);
    assert_int_equal(snapshot_rows(s, RELATION_ACTORS), 2 * rows[i].count);
    assert_int_equal(snapshot_rows(s, RELATION_GAPS), 1);
    for (uint32_t row = 0; row < rows[i].count; row++)
      assert_int_equal(snapshot_int(s, RELATION_TARGETS, TARGETS_TARGET_KEY, row),
                       rows[i].keys[row]);
    snapshot_unref(s);
  }
}

static void values_of_all_types_are_carried_over(void **state)
{
  struct snapshot *s = filtered("4");

  (void)state;
  assert_int_equal(snapshot_about(s).tick, 9);
  assert_string_equal(snapshot_about(s).host, "host");
  assert_string_equal(snapshot_text(s, RELATION_TARGETS, TARGETS_TARGET, 1), "shop:4");
  assert_int_equal(snapshot_enum(s, RELATION_ACTORS, ACTORS_STATE, 2), ACTOR_BLOCKED);
  assert_true(snapshot_real(s, RELATION_ACTORS, ACTORS_IN_PER_S, 2) == 3.5);
  assert_int_equal(snapshot_int(s, RELATION_ACTORS, ACTORS_DEPTH, 2), VALUE_UNKNOWN);
  assert_null(snapshot_text(s, RELATION_ACTORS, ACTORS_NAME, 2));
  snapshot_unref(s);
}

static void a_wish_for_a_command_is_there_with_one_of_its_processes(void **state)
{
  struct snapshot *s = world();
  struct options options = {.target_count = 2, .wish_count = 1};

  (void)state;
  options.targets[0] = "beam.smp"; /* no row is called so */
  options.targets[1] = "4";
  assert_null(snapshot_missing_target(s, &options));
  options.targets[1] = "77";
  assert_string_equal(snapshot_missing_target(s, &options), "beam.smp");
  options.target_count = 1;
  assert_string_equal(snapshot_missing_target(s, &options), "beam.smp");
  snapshot_unref(s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_a_wish_all_stays),
      cmocka_unit_test(a_name_and_a_pid_keep_their_rows_and_those_of_impasse),
      cmocka_unit_test(values_of_all_types_are_carried_over),
      cmocka_unit_test(a_wish_for_a_command_is_there_with_one_of_its_processes),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
