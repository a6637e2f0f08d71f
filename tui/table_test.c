/* table_test.c - the cursor follows its row, order, filter and search; what is drawn is a window
 * of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tui/table.h"

static const struct table_spec spec = {
    .relation = RELATION_ACTORS,
    .columns = {ACTORS_NAME, ACTORS_DEPTH, ACTORS_STATE},
    .column_count = 3,
    .sort = ACTORS_DEPTH,
};

/* Actor i + 1 is called name#i and has depths[i] messages. */
static struct snapshot *actors(const int64_t *depths, uint32_t count)
{
  struct snapshot_builder *b = snapshot_builder_new((struct tick_clock){1, 1}, 1, "host", "boot");
  struct snapshot *snapshot = NULL;

  assert_non_null(b);
  assert_int_equal(snapshot_builder_relation(b, RELATION_ACTORS, count), 0);
  for (uint32_t i = 0; i < count; i++) {
    char name[32];

    (void)snprintf(name, sizeof name, "name#%u", i);
    snapshot_builder_ints(b, RELATION_ACTORS, ACTORS_TARGET_KEY)[i] = 1;
    snapshot_builder_ints(b, RELATION_ACTORS, ACTORS_ACTOR)[i] = i + 1;
    snapshot_builder_ints(b, RELATION_ACTORS, ACTORS_DEPTH)[i] = depths[i];
    snapshot_builder_texts(b, RELATION_ACTORS, ACTORS_NAME)[i] = snapshot_builder_text(b, name);
    snapshot_builder_enums(b, RELATION_ACTORS, ACTORS_STATE)[i] =
        i % 2 ? ACTOR_BLOCKED : ACTOR_RECEIVE;
  }
  assert_int_equal(snapshot_builder_finish(b, &snapshot), 0);
  return snapshot;
}

static uint32_t selected(struct table *table, const struct snapshot *s)
{
  uint32_t row;

  assert_true(table_selected(table, s, &row));
  return row;
}

static const char *drawn(struct table *table, const struct snapshot *s, unsigned line,
                         unsigned rows)
{
  static char text[256];
  struct canvas *canvas = canvas_new(rows, 40, true);

  assert_non_null(canvas);
  table_draw(table, s, canvas_whole(canvas));
  (void)canvas_row_text(canvas, line, text, sizeof text);
  canvas_free(canvas);
  return text;
}

static void the_deepest_is_first_and_arrows_move(void **state)
{
  struct snapshot *s = actors((const int64_t[]){5, 50, 20, 1}, 4);
  struct table table;

  (void)state;
  table_init(&table, &spec);
  assert_int_equal(selected(&table, s), 1);
  assert_non_null(strstr(drawn(&table, s, 1, 5), "name#1"));
  assert_true(table_command(&table, s, COMMAND_DOWN));
  assert_int_equal(selected(&table, s), 2);
  assert_true(table_command(&table, s, COMMAND_END));
  assert_int_equal(selected(&table, s), 3);
  assert_true(table_command(&table, s, COMMAND_DOWN)); /* no further */
  assert_int_equal(selected(&table, s), 3);
  assert_true(table_command(&table, s, COMMAND_HOME));
  assert_int_equal(selected(&table, s), 1);
  assert_false(table_command(&table, s, COMMAND_QUIT));
  table_done(&table);
  snapshot_unref(s);
}

static void the_cursor_stays_on_its_row_when_the_order_changes(void **state)
{
  struct snapshot *before = actors((const int64_t[]){5, 50, 20, 1}, 4);
  struct snapshot *after = actors((const int64_t[]){5, 50, 2, 100, 7}, 5);
  struct snapshot *gone = actors((const int64_t[]){5, 50}, 2);
  struct table table;

  (void)state;
  table_init(&table, &spec);
  (void)table_command(&table, before, COMMAND_DOWN);
  assert_int_equal(selected(&table, before), 2);
  table_renew(&table);
  assert_int_equal(selected(&table, after), 2);
  assert_int_equal(table.cursor, 4); /* now the last */
  table_renew(&table);
  assert_int_equal(selected(&table, gone), 0); /* it is gone: what stands nearest to its place */
  table_done(&table);
  snapshot_unref(before);
  snapshot_unref(after);
  snapshot_unref(gone);
}

static void any_column_sorts_both_ways(void **state)
{
  struct snapshot *s = actors((const int64_t[]){5, 50, 20, 1}, 4);
  struct table table;

  (void)state;
  table_init(&table, &spec);
  (void)table_command(&table, s, COMMAND_INVERT);
  assert_int_equal(selected(&table, s), 3);
  (void)table_command(&table, s,
                      COMMAND_SORT_PREVIOUS); /* by name, from the beginning of the alphabet */
  assert_int_equal(selected(&table, s), 0);
  assert_non_null(strstr(drawn(&table, s, 0, 5), "name^"));
  (void)table_command(&table, s, COMMAND_INVERT);
  assert_non_null(strstr(drawn(&table, s, 0, 5), "namev"));
  assert_non_null(strstr(drawn(&table, s, 1, 5), "name#3"));
  table_done(&table);
  snapshot_unref(s);
}

static void a_filter_takes_any_text_whatever_its_case(void **state)
{
  struct snapshot *s = actors((const int64_t[]){5, 50, 20, 1}, 4);
  struct table table;
  uint32_t row;

  (void)state;
  table_init(&table, &spec);
  table_set_filter(&table, "NAME#2");
  assert_int_equal(selected(&table, s), 2);
  assert_int_equal(table.ranking.count, 1);
  table_set_filter(&table, "blocked"); /* the word of an enumerated column */
  assert_int_equal(selected(&table, s), 1);
  assert_int_equal(table.ranking.count, 2);
  table_set_filter(&table, "nowhere");
  assert_false(table_selected(&table, s, &row));
  assert_string_equal(drawn(&table, s, 1, 5), "nothing matches the filter");
  (void)table_command(&table, s, COMMAND_DOWN);
  table_set_filter(&table, "");
  assert_int_equal(selected(&table, s), 1);
  table_done(&table);
  snapshot_unref(s);
}

static void a_search_goes_on_and_round(void **state)
{
  struct snapshot *s = actors((const int64_t[]){5, 50, 20, 1}, 4); /* order: 1 2 0 3 */
  struct table table;

  (void)state;
  table_init(&table, &spec);
  assert_true(table_search(&table, s, "receive", false));
  assert_int_equal(selected(&table, s), 2);
  assert_true(table_search(&table, s, "receive", false)); /* is there already */
  assert_int_equal(selected(&table, s), 2);
  assert_true(table_search(&table, s, "receive", true));
  assert_int_equal(selected(&table, s), 0);
  assert_true(table_search(&table, s, "receive", true));
  assert_int_equal(selected(&table, s), 2);
  assert_false(table_search(&table, s, "nowhere", true));
  assert_int_equal(selected(&table, s), 2);
  table_done(&table);
  snapshot_unref(s);
}

static void the_window_follows_the_cursor(void **state)
{
  int64_t depths[100];
  struct snapshot *s;
  struct table table;

  (void)state;
  for (int i = 0; i < 100; i++)
    depths[i] = 100 - i;
  s = actors(depths, 100);
  table_init(&table, &spec);
  assert_non_null(strstr(drawn(&table, s, 10, 11), "name#9"));
  (void)table_command(&table, s, COMMAND_PAGE_DOWN);
  assert_int_equal(selected(&table, s), 10);
  assert_non_null(strstr(drawn(&table, s, 10, 11), "name#10"));
  (void)table_command(&table, s, COMMAND_END);
  assert_non_null(strstr(drawn(&table, s, 10, 11), "name#99"));
  assert_non_null(strstr(drawn(&table, s, 1, 11), "name#90"));
  table_select_line(&table, s, 3);
  assert_int_equal(selected(&table, s), 92);
  (void)drawn(&table, s, 0, 1); /* no room for any row */
  (void)drawn(&table, s, 0, 200);
  assert_int_equal(table.top, 0);
  table_done(&table);
  snapshot_unref(s);
}

static void an_empty_table_is_harmless(void **state)
{
  struct snapshot *s = actors(NULL, 0);
  struct table table;
  uint32_t row;

  (void)state;
  table_init(&table, &spec);
  for (enum command c = COMMAND_NONE; c <= COMMAND_QUIT; c++)
    (void)table_command(&table, s, c);
  assert_true(table_search(&table, s, "x", true));
  table_select_line(&table, s, 1);
  assert_false(table_selected(&table, s, &row));
  assert_string_equal(drawn(&table, s, 1, 5), "nothing here");
  table_done(&table);
  snapshot_unref(s);
}

static void an_optional_column_without_values_takes_no_room(void **state)
{
  static const struct table_spec optional = {
      .relation = RELATION_ACTORS,
      .columns = {ACTORS_NAME, ACTORS_CAPACITY, ACTORS_DEPTH, ACTORS_STATE},
      .column_count = 4,
      .sort = ACTORS_DEPTH,
      .optional = {ACTORS_CAPACITY, ACTORS_DEPTH},
  };
  struct snapshot *s = actors((const int64_t[]){5, 50}, 2);
  struct table table;

  (void)state;
  table_init(&table, &optional);
  assert_null(strstr(drawn(&table, s, 0, 5), "capacity"));
  assert_non_null(strstr(drawn(&table, s, 0, 5), "depth"));
  assert_true(table_command(&table, s, COMMAND_RIGHT)); /* over both: depth is scrolled out */
  assert_null(strstr(drawn(&table, s, 0, 5), "depth"));
  assert_true(table_command(&table, s, COMMAND_LEFT));
  assert_non_null(strstr(drawn(&table, s, 0, 5), "depth"));
  assert_true(table_command(&table, s, COMMAND_SORT_PREVIOUS)); /* not by what is not there */
  assert_int_equal(table.sort, ACTORS_NAME);
  table_done(&table);
  snapshot_unref(s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_deepest_is_first_and_arrows_move),
      cmocka_unit_test(the_cursor_stays_on_its_row_when_the_order_changes),
      cmocka_unit_test(any_column_sorts_both_ways),
      cmocka_unit_test(a_filter_takes_any_text_whatever_its_case),
      cmocka_unit_test(a_search_goes_on_and_round),
      cmocka_unit_test(the_window_follows_the_cursor),
      cmocka_unit_test(an_empty_table_is_harmless),
      cmocka_unit_test(an_optional_column_without_values_takes_no_room),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
