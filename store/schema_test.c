/* schema_test.c - the tables and views that are generated: valid SQL, every column, and plans that
 * search by time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/schema.h"

static sqlite3 *make(void)
{
  sqlite3 *sql = NULL;
  char *text = schema_create(), *error = NULL;

  assert_int_equal(sqlite3_open(":memory:", &sql), SQLITE_OK);
  if (sqlite3_exec(sql, text, NULL, NULL, &error) != SQLITE_OK)
    fail_msg("%s", error);
  free(text);
  /* statistics are read when a database is opened */
  assert_int_equal(sqlite3_exec(sql, "ANALYZE sqlite_schema", NULL, NULL, NULL), SQLITE_OK);
  return sql;
}

static void the_views_have_the_columns_of_the_dictionary(void **state)
{
  sqlite3 *sql = make();

  (void)state;
  for (unsigned r = 0; r < RELATION_COUNT; r++) {
    char text[100];
    sqlite3_stmt *statement = NULL;

    snprintf(text, sizeof(text), "SELECT * FROM %s", relation_info((enum relation)r)->name);
    assert_int_equal(sqlite3_prepare_v2(sql, text, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_column_count(statement), schema_column_count((enum relation)r));
    for (int c = 0; c < sqlite3_column_count(statement); c++)
      assert_string_equal(sqlite3_column_name(statement, c),
                          schema_column_name((enum relation)r, (unsigned)c));
    sqlite3_finalize(statement);
  }
  sqlite3_close(sql);
}

/* The plan as one text. */
static void plan_of(sqlite3 *sql, const char *question, char *ret_plan, size_t room)
{
  char text[600];
  sqlite3_stmt *statement = NULL;
  size_t length = 0;

  snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s", question);
  if (sqlite3_prepare_v2(sql, text, -1, &statement, NULL) != SQLITE_OK)
    fail_msg("%s: %s", question, sqlite3_errmsg(sql));
  ret_plan[0] = '\0';
  while (sqlite3_step(statement) == SQLITE_ROW)
    length += (size_t)snprintf(ret_plan + length, room - length, "%s\n",
                               (const char *)sqlite3_column_text(statement, 3));
  sqlite3_finalize(statement);
}

static void time_bounded_questions_search(void **state)
{
  static const char *const questions[] = {
      "SELECT * FROM %s WHERE t >= 100 AND t < 200",
      "SELECT * FROM %s WHERE t >= 100 ORDER BY t DESC LIMIT 5",
      "SELECT target_key, count(*) FROM %s WHERE t BETWEEN 100 AND 200 GROUP BY target_key",
      "SELECT * FROM %s WHERE t >= 100 AND target_key = 5",
  };
  sqlite3 *sql = make();

  (void)state;
  for (unsigned r = 0; r < RELATION_COUNT; r++)
    for (unsigned i = 0; i < 4; i++) {
      char question[200], plan[4000];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
      snprintf(question, sizeof(question), questions[i], relation_info((enum relation)r)->name);
#pragma GCC diagnostic pop
      plan_of(sql, question, plan, sizeof(plan));
      if (strstr(plan, "SCAN r") || strstr(plan, "SCAN t\n") || !strstr(plan, "tick_t (t"))
        fail_msg("%s:\n%s", question, plan);
    }
  sqlite3_close(sql);
}

static void one_actor_is_found_by_its_key_or_name(void **state)
{
  sqlite3 *sql = make();
  char plan[4000];

  (void)state;
  plan_of(sql, "SELECT t, depth FROM actors WHERE target_key = 1 AND actor = 2 AND t >= 100", plan,
          sizeof(plan));
  assert_non_null(strstr(plan, "actors_by_key"));
  assert_non_null(strstr(plan, "_tick=? AND _id=?"));
  plan_of(sql, "SELECT t, depth FROM actors WHERE name = 'x' AND t BETWEEN 100 AND 200", plan,
          sizeof(plan));
  assert_non_null(strstr(plan, "actors_by_name"));
  assert_non_null(strstr(plan, "_tick=? AND _id=?"));
  sqlite3_close(sql);
}

static void an_instant_is_written_as_iso_8601(void **state)
{
  char at[SCHEMA_AT_BYTES];

  (void)state;
  schema_at(1790000000123, at);
  assert_string_equal(at, "2026-09-21T14:13:20.123Z");
  schema_at(0, at);
  assert_string_equal(at, "1970-01-01T00:00:00.000Z");
  schema_at(INT64_MAX, at); /* beyond what a calendar has: any text, but one that ends */
  assert_true(strlen(at) < SCHEMA_AT_BYTES);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_views_have_the_columns_of_the_dictionary),
      cmocka_unit_test(time_bounded_questions_search),
      cmocka_unit_test(one_actor_is_found_by_its_key_or_name),
      cmocka_unit_test(an_instant_is_written_as_iso_8601),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
