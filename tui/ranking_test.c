/* ranking_test.c - windows of an order are what sorting all of it would give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tui/ranking.h"

/* `count` actors; shape 0: random depths with many equal, 1: rising, 2: all equal, 3: falling. */
static struct snapshot *actors(uint32_t count, unsigned shape)
{
  struct snapshot_builder *b = snapshot_builder_new((struct tick_clock){1, 1}, 1, "host", "boot");
  struct snapshot *snapshot = NULL;
  unsigned seed = 7;

  assert_non_null(b);
  assert_int_equal(snapshot_builder_relation(b, RELATION_ACTORS, count), 0);
  for (uint32_t i = 0; i < count; i++) {
    char name[32];

    seed = seed * 1103515245u + 12345u;
    snapshot_builder_ints(b, RELATION_ACTORS, ACTORS_TARGET_KEY)[i] = 1;
    snapshot_builder_ints(b, RELATION_ACTORS, ACTORS_ACTOR)[i] = i + 1;
    snapshot_builder_ints(b, RELATION_ACTORS, ACTORS_DEPTH)[i] =
        shape == 0   ? ((seed >> 16) % 7 ? (int64_t)((seed >> 16) % 500) - 100 : VALUE_UNKNOWN)
        : shape == 1 ? i
        : shape == 2 ? 5
                     : (int64_t)count - i;
    snapshot_builder_reals(b, RELATION_ACTORS, ACTORS_GROWTH_PER_S)[i] =
        i % 5 ? ((double)(seed >> 16) - 30000) / 7 : NAN;
    (void)snprintf(name, sizeof name, "a common beginning %u", (seed >> 16) % 97);
    snapshot_builder_texts(b, RELATION_ACTORS, ACTORS_NAME)[i] =
        i % 9 ? snapshot_builder_text(b, name) : 0;
  }
  assert_int_equal(snapshot_builder_finish(b, &snapshot), 0);
  return snapshot;
}

static const struct ranking *sorting;

static int by_ranking(const void *a, const void *b)
{
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

  return x == y ? 0 : ranking_before(sorting, x, y) ? -1 : 1;
}

static void assert_windows(struct ranking *ranking)
{
  uint32_t *sorted = malloc(sizeof *sorted * ranking->count);

  assert_non_null(sorted);
  for (uint32_t i = 0; i < ranking->count; i++)
    sorted[i] = ranking->rows[i];
  sorting = ranking;
  qsort(sorted, ranking->count, sizeof *sorted, by_ranking);
  for (uint32_t step = 0; step < 60; step++) {
    uint32_t first = step * 7919 % (ranking->count + 3), count = step % 25;

    ranking_window(ranking, first, count);
    for (uint32_t i = first; i < first + count && i < ranking->count; i++) {
      assert_int_equal(ranking->rows[i], sorted[i]);
      assert_int_equal(ranking_place(ranking, sorted[i]), i);
    }
  }
  free(sorted);
}

static void windows_are_those_of_a_full_sort(void **state)
{
  static const unsigned columns[] = {ACTORS_DEPTH, ACTORS_GROWTH_PER_S, ACTORS_NAME};
  struct ranking ranking = {0};

  (void)state;
  for (unsigned shape = 0; shape < 4; shape++) {
    for (uint32_t count = 1; count < 3000; count = count * 3 + 1) {
      struct snapshot *s = actors(count, shape);

      for (unsigned c = 0; c < 6; c++) {
        struct ranking_order by = {RELATION_ACTORS, columns[c % 3], c >= 3, NULL};

        assert_int_equal(ranking_make(&ranking, s, by, NULL, NULL), 0);
        assert_int_equal(ranking.count, count);
        assert_windows(&ranking);
      }
      snapshot_unref(s);
    }
  }
  ranking_done(&ranking);
}

static void the_order_is_that_of_the_values_and_unknown_is_last(void **state)
{
  struct snapshot *s = actors(500, 0);
  struct ranking ranking = {0};

  (void)state;
  for (unsigned descending = 0; descending < 2; descending++) {
    const int64_t *depths = snapshot_ints(s, RELATION_ACTORS, ACTORS_DEPTH);
    struct ranking_order by = {RELATION_ACTORS, ACTORS_DEPTH, descending, NULL};

    assert_int_equal(ranking_make(&ranking, s, by, NULL, NULL), 0);
    ranking_window(&ranking, 0, 500);
    for (uint32_t i = 1; i < 500; i++) {
      int64_t a = depths[ranking.rows[i - 1]], b = depths[ranking.rows[i]];

      if (b != VALUE_UNKNOWN)
        assert_true(a != VALUE_UNKNOWN && (descending ? a >= b : a <= b));
    }
    assert_int_equal(depths[ranking.rows[499]], VALUE_UNKNOWN);
  }
  ranking_done(&ranking);
  snapshot_unref(s);
}

static bool accept_even(void *context, const struct snapshot *s, uint32_t row)
{
  (void)context;
  (void)s;
  return row % 2 == 0;
}

static void only_accepted_rows_are_ranked(void **state)
{
  struct snapshot *s = actors(101, 0);
  struct ranking ranking = {0};

  (void)state;
  assert_int_equal(ranking_make(&ranking, s,
                                (struct ranking_order){RELATION_ACTORS, ACTORS_DEPTH, true, NULL},
                                accept_even, NULL),
                   0);
  assert_int_equal(ranking.count, 51);
  assert_windows(&ranking);
  ranking_done(&ranking);
  snapshot_unref(s);
}

static int64_t depth_score(const struct snapshot *s, uint32_t row)
{
  int64_t depth = snapshot_int(s, RELATION_ACTORS, ACTORS_DEPTH, row);

  return depth == VALUE_UNKNOWN ? 0 : depth;
}

static void the_top_is_the_beginning_of_the_order(void **state)
{
  (void)state;
  for (unsigned shape = 0; shape < 4; shape++) {
    struct snapshot *s = actors(1000, shape);
    struct ranking ranking = {0};
    uint32_t top[20], count = ranking_top(s, RELATION_ACTORS, depth_score, top, 20);

    assert_int_equal(count, 20);
    assert_int_equal(ranking_make(&ranking, s,
                                  (struct ranking_order){RELATION_ACTORS, ACTORS_DEPTH, true, NULL},
                                  NULL, NULL),
                     0);
    ranking_window(&ranking, 0, 20);
    for (uint32_t i = 0; i < count; i++)
      assert_int_equal(top[i], ranking.rows[i]);
    ranking_done(&ranking);
    snapshot_unref(s);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(windows_are_those_of_a_full_sort),
      cmocka_unit_test(the_order_is_that_of_the_values_and_unknown_is_last),
      cmocka_unit_test(only_accepted_rows_are_ranked),
      cmocka_unit_test(the_top_is_the_beginning_of_the_order),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
