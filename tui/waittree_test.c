/* waittree_test.c - rings, trees and their order, as text with one character of indentation a
 * level. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tui/waittree.h"

#define U VALUE_UNKNOWN

struct edge {
  char waiter, holder; /* letters; '?' = unknown holder */
  int64_t blocked_ms, core;
  uint8_t verdict;
};

/* Edges must be sorted by waiter. */
static struct snapshot *waits(const struct edge *edges, uint32_t count)
{
  struct snapshot_builder *b = snapshot_builder_new((struct tick_clock){1, 1}, 1, "host", "boot");
  struct snapshot *snapshot = NULL;

  assert_non_null(b);
  assert_int_equal(snapshot_builder_relation(b, RELATION_WAITS, count), 0);
  for (uint32_t i = 0; i < count; i++) {
    char waiter[] = {edges[i].waiter, '\0'}, holder[] = {edges[i].holder, '\0'};
    bool known = edges[i].holder != '?';

    snapshot_builder_ints(b, RELATION_WAITS, WAITS_TARGET_KEY)[i] = 1;
    snapshot_builder_ints(b, RELATION_WAITS, WAITS_WAITER)[i] = edges[i].waiter;
    snapshot_builder_ints(b, RELATION_WAITS, WAITS_WAIT)[i] = i;
    snapshot_builder_ints(b, RELATION_WAITS, WAITS_HOLDER_TARGET_KEY)[i] = known ? 1 : U;
    snapshot_builder_ints(b, RELATION_WAITS, WAITS_HOLDER)[i] = known ? edges[i].holder : U;
    snapshot_builder_ints(b, RELATION_WAITS, WAITS_BLOCKED_MS)[i] = edges[i].blocked_ms;
    snapshot_builder_ints(b, RELATION_WAITS, WAITS_CORE)[i] = edges[i].core;
    snapshot_builder_enums(b, RELATION_WAITS, WAITS_VERDICT)[i] = edges[i].verdict;
    snapshot_builder_texts(b, RELATION_WAITS, WAITS_WAITER_NAME)[i] =
        snapshot_builder_text(b, waiter);
    snapshot_builder_texts(b, RELATION_WAITS, WAITS_HOLDER_NAME)[i] =
        snapshot_builder_text(b, known ? holder : NULL);
  }
  assert_int_equal(snapshot_builder_finish(b, &snapshot), 0);
  return snapshot;
}

/* "core2 [a [b .c ^d" : a ring of a and b, c waits for b, d is expanded elsewhere; +3 = three
 * more. */
static const char *drawing(const struct snapshot *s, struct waittree_limits limits)
{
  static char text[2048];
  struct waittree tree = {0};
  size_t n = 0;

  assert_int_equal(waittree_make(&tree, s, limits), 0);
  text[0] = '\0';
  for (uint32_t i = 0; i < tree.count && n + 64 < sizeof text; i++) {
    const struct waittree_line *line = &tree.lines[i];
    char name = line->actor == U ? '?' : (char)line->actor;

    n += (size_t)sprintf(text + n, i ? " " : "");
    for (unsigned d = 0; d < line->depth; d++)
      n += (size_t)sprintf(text + n, ".");
    if (line->kind == LINE_CORE)
      n += (size_t)sprintf(text + n, "core%u", line->count);
    else if (line->kind == LINE_MORE)
      n += (size_t)sprintf(text + n, "+%u", line->count);
    else
      n += (size_t)sprintf(text + n, "%s%s%c", line->kind == LINE_MEMBER ? "[" : "",
                           line->again ? "^" : "", name);
  }
  waittree_done(&tree);
  return text;
}

#define COUNT(array) (uint32_t)(sizeof(array) / sizeof *(array))

static void trees_stand_under_who_holds_up_most(void **state)
{
  static const struct edge edges[] = {
      {'b', 'a', 10, U, VERDICT_FREE},
      {'c', 'a', 30, U, VERDICT_FREE},
      {'d', 'c', 5, U, VERDICT_FREE},
      {'f', 'e', 99, U, VERDICT_FREE},
  };
  struct snapshot *s = waits(edges, COUNT(edges));

  (void)state;
  assert_string_equal(drawing(s, (struct waittree_limits){0}), "a .c ..d .b e .f");
  assert_string_equal(drawing(s, (struct waittree_limits){.siblings = 1}), "a .c ..d .+1 e .f");
  assert_string_equal(drawing(s, (struct waittree_limits){.lines = 2}), "a .c");
  assert_string_equal(drawing(s, (struct waittree_limits){.word = "F"}), "e .f");
  snapshot_unref(s);
}

static void a_ring_comes_first_with_its_victims(void **state)
{
  static const struct edge edges[] = {
      {'a', 'b', 9, 4, VERDICT_DEADLOCK}, {'b', 'c', 9, 4, VERDICT_DEADLOCK},
      {'c', 'a', 9, 4, VERDICT_DEADLOCK}, {'v', 'b', 5, U, VERDICT_VICTIM},
      {'w', 'v', 4, U, VERDICT_VICTIM},   {'y', 'x', 99, U, VERDICT_FREE},
  };
  struct snapshot *s = waits(edges, COUNT(edges));

  (void)state;
  assert_string_equal(drawing(s, (struct waittree_limits){0}), "core3 [a [b .v ..w [c x .y");
  assert_string_equal(drawing(s, (struct waittree_limits){.bare_rings = true}),
                      "core3 [a [b [c x .y");
  snapshot_unref(s);
}

static void real_deadlocks_stand_before_timed_ones(void **state)
{
  static const struct edge edges[] = {
      {'a', 'b', 9, 0, VERDICT_TIMED},
      {'b', 'a', 9, 0, VERDICT_TIMED},
      {'c', 'c', 9, 1, VERDICT_DEADLOCK},
  };
  struct snapshot *s = waits(edges, COUNT(edges));
  struct waittree tree = {0};

  (void)state;
  assert_string_equal(drawing(s, (struct waittree_limits){0}), "core1 [c core2 [a [b");
  assert_int_equal(waittree_make(&tree, s, (struct waittree_limits){0}), 0);
  assert_int_equal(tree.rings, 1);
  assert_int_equal(tree.timed, 1);
  assert_int_equal(tree.waiters, 3);
  waittree_done(&tree);
  snapshot_unref(s);
}

static void two_rings_that_share_a_member_are_one_core(void **state)
{
  static const struct edge edges[] = {
      {'a', 'b', 9, 0, VERDICT_DEADLOCK},
      {'a', 'c', 9, 0, VERDICT_DEADLOCK},
      {'b', 'a', 9, 0, VERDICT_DEADLOCK},
      {'c', 'a', 9, 0, VERDICT_DEADLOCK},
  };
  struct snapshot *s = waits(edges, COUNT(edges));

  (void)state;
  assert_string_equal(drawing(s, (struct waittree_limits){0}), "core3 [a [b [c");
  snapshot_unref(s);
}

static void who_waits_for_two_is_expanded_once(void **state)
{
  static const struct edge edges[] = {{'c', 'a', 9, U, VERDICT_FREE},
                                      {'c', 'b', 9, U, VERDICT_FREE},
                                      {'d', 'c', 9, U, VERDICT_FREE}};
  struct snapshot *s = waits(edges, COUNT(edges));

  (void)state;
  assert_string_equal(drawing(s, (struct waittree_limits){0}), "a .c ..d b .^c");
  snapshot_unref(s);
}

static void a_circle_that_is_free_still_shows(void **state)
{
  static const struct edge edges[] = {{'a', 'b', 9, U, VERDICT_FREE},
                                      {'b', 'a', 9, U, VERDICT_FREE}};
  struct snapshot *s = waits(edges, COUNT(edges));

  (void)state;
  assert_string_equal(drawing(s, (struct waittree_limits){0}), "a .b ..^a");
  snapshot_unref(s);
}

static void unknown_holders_share_a_root_and_stuck_ones_come_first(void **state)
{
  static const struct edge edges[] = {
      {'b', 'a', 9, U, VERDICT_FREE},  {'c', 'a', 9, U, VERDICT_FREE},
      {'d', '?', 9, U, VERDICT_FREE},  {'e', '?', 9, U, VERDICT_FREE},
      {'f', '?', 9, U, VERDICT_STUCK},
  };
  struct snapshot *s = waits(edges, COUNT(edges));

  (void)state;
  assert_string_equal(drawing(s, (struct waittree_limits){0}), "? .f a .b .c ? .d .e");
  snapshot_unref(s);
}

static void nothing_waits(void **state)
{
  struct snapshot *s = waits(NULL, 0);

  (void)state;
  assert_string_equal(drawing(s, (struct waittree_limits){0}), "");
  snapshot_unref(s);
}

static void of_a_large_ring_the_first_and_the_last_are_listed(void **state)
{
  static const struct edge edges[] = {
      {'a', 'b', 10, 0, VERDICT_DEADLOCK}, {'b', 'c', 10, 0, VERDICT_DEADLOCK},
      {'c', 'd', 10, 0, VERDICT_DEADLOCK}, {'d', 'e', 10, 0, VERDICT_DEADLOCK},
      {'e', 'a', 10, 0, VERDICT_DEADLOCK}, {'x', 'e', 5, U, VERDICT_VICTIM},
      {'y', 'c', 5, U, VERDICT_VICTIM},    {'z', 'y', 5, U, VERDICT_VICTIM},
  };
  struct snapshot *s = waits(edges, COUNT(edges));

  (void)state;
  assert_string_equal(drawing(s, (struct waittree_limits){.members = 3}), "core5 [a [b +2 [e .x");
  assert_string_equal(drawing(s, (struct waittree_limits){.members = 5}),
                      "core5 [a [b [c .y ..z [d [e .x");
  snapshot_unref(s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(trees_stand_under_who_holds_up_most),
      cmocka_unit_test(a_ring_comes_first_with_its_victims),
      cmocka_unit_test(real_deadlocks_stand_before_timed_ones),
      cmocka_unit_test(two_rings_that_share_a_member_are_one_core),
      cmocka_unit_test(who_waits_for_two_is_expanded_once),
      cmocka_unit_test(a_circle_that_is_free_still_shows),
      cmocka_unit_test(unknown_holders_share_a_root_and_stuck_ones_come_first),
      cmocka_unit_test(of_a_large_ring_the_first_and_the_last_are_listed),
      cmocka_unit_test(nothing_waits),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
