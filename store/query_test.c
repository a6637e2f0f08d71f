/* query_test.c - questions on the live snapshot: what is answered, what is refused, and where an
 * error is said to be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/format.h"
#include "store/live.h"
#include "store/query.h"
#include "store/schema.h"
#include "store/test_world.h"

#define ACTORS 30

static struct live *show_world(uint64_t tick)
{
  struct live *live = NULL;
  struct snapshot *snapshot = world_snapshot(tick, ACTORS);

  assert_int_equal(live_new(&live), 0);
  live_show(live, snapshot);
  snapshot_unref(snapshot);
  return live;
}

/* The answer as csv, or the error after "error ". */
static char *ask(struct live *live, const char *sql, const struct query_limits *limits,
                 int *ret_error)
{
  char *text = NULL;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  struct query_sink *sink = NULL;
  struct query_error error = {""};

  assert_int_equal(format_new("csv", out, FORMAT_NO_RELATION, &sink), 0);
  *ret_error = query_run(live_sql(live), sql, limits, sink, &error);
  format_free(sink);
  fclose(out);
  if (*ret_error == 0)
    return text;
  free(text);
  return strdup(error.text);
}

static void assert_answer(struct live *live, const char *sql, const char *wanted)
{
  int e;
  char *got = ask(live, sql, NULL, &e);

  if (e || strcmp(got, wanted) != 0)
    fail_msg("%s: got %d %s, wanted %s", sql, e, got, wanted);
  free(got);
}

static void assert_refused(struct live *live, const char *sql, int wanted, const char *part)
{
  int e;
  char *got = ask(live, sql, NULL, &e);

  if (e != wanted || !strstr(got, part))
    fail_msg("%s: got %d %s, wanted %d %s", sql, e, got, wanted, part);
  free(got);
}

static void every_relation_answers(void **state)
{
  struct live *live = show_world(7);

  (void)state;
  assert_answer(live, "SELECT count(*) AS n FROM targets", "n\r\n3\r\n");
  assert_answer(
      live, "SELECT target, t, t_ms, at FROM targets WHERE target_key = 4194304100",
      "target,t,t_ms,at\r\ndemo0:100,1790000007,1790000007123,2026-09-21T14:13:27.123Z\r\n");
  assert_answer(live, "SELECT count(*) > 0 AS n FROM worst_waits", "n\r\n1\r\n");
  for (unsigned r = 0; r < RELATION_COUNT; r++) {
    char sql[100];
    int e;

    snprintf(sql, sizeof(sql), "SELECT * FROM %s", relation_info((enum relation)r)->name);
    free(ask(live, sql, NULL, &e));
    assert_int_equal(e, 0);
  }
  live_show(live, NULL);
  assert_answer(live, "SELECT count(*) AS n FROM actors", "n\r\n0\r\n");
  live_free(live);
}

/* The search by key finds what a scan finds, whatever the value is. */
static void a_search_by_key_is_a_scan_made_short(void **state)
{
  static const char *const values[] = {"144115188075855877",
                                       "'144115188075855877'",
                                       "144115188075855877.0",
                                       "NULL",
                                       "0",
                                       "-1",
                                       "'x'",
                                       "9223372036854775807"};
  struct live *live = show_world(11);

  (void)state;
  for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
    char fast[200], slow[200], *a, *b;
    int e;

    snprintf(fast, sizeof(fast),
             "SELECT count(*) FROM actors WHERE target_key = 4198498405 AND actor = %s", values[i]);
    snprintf(slow, sizeof(slow),
             "SELECT count(*) FROM actors WHERE +target_key = 4198498405 AND +actor = %s",
             values[i]);
    a = ask(live, fast, NULL, &e);
    assert_int_equal(e, 0);
    b = ask(live, slow, NULL, &e);
    assert_int_equal(e, 0);
    /* a unary plus takes the column's affinity away: only then do texts differ */
    if (values[i][0] != '\'')
      assert_string_equal(a, b);
    free(a);
    free(b);
  }
  assert_answer(live,
                "SELECT count(*) AS n FROM actors WHERE target_key = 4198498405 AND actor = "
                "144115188075855877",
                "n\r\n1\r\n");
  assert_answer(live,
                "SELECT count(*) AS n FROM actors WHERE target_key = 4198498405 AND actor = "
                "'144115188075855877'",
                "n\r\n1\r\n");
  assert_answer(live,
                "SELECT count(*) AS n FROM actors a JOIN waits w ON a.target_key = w.target_key "
                "AND a.actor = w.waiter",
                "n\r\n6\r\n");
  live_free(live);
}

static void only_questions_are_answered(void **state)
{
  static const char *const refused[] = {"DELETE FROM actors",
                                        "INSERT INTO actors(actor) VALUES(1)",
                                        "CREATE TABLE x(y)",
                                        "CREATE TEMP TABLE x(y)",
                                        "ATTACH '/tmp/x' AS y",
                                        "DETACH main",
                                        "PRAGMA user_version",
                                        "PRAGMA user_version = 3",
                                        "BEGIN",
                                        "VACUUM",
                                        "VACUUM INTO '/tmp/impasse-stolen'",
                                        "DROP VIEW deadlocks",
                                        "REINDEX",
                                        "ANALYZE",
                                        "SAVEPOINT x",
                                        "SELECT name FROM pragma_table_info('actors')"};
  struct live *live = show_world(7);

  (void)state;
  for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
    int e;
    char *got = ask(live, refused[i], NULL, &e);

    if (e != -EACCES && e != -EINVAL)
      fail_msg("%s: got %d %s", refused[i], e, got);
    free(got);
  }
  assert_int_not_equal(access("/tmp/impasse-stolen", F_OK), 0);
  assert_refused(live, "SELECT load_extension('/tmp/x')", -EINVAL, "load_extension");
  assert_refused(live, "", -EINVAL, "no statement");
  assert_refused(live, "SELECT 1; SELECT 2", -EINVAL, "one statement");
  assert_answer(live, "SELECT 1 AS a; -- and no more", "a\r\n1\r\n");
  live_free(live);
}

static void an_error_says_what_and_where(void **state)
{
  struct live *live = show_world(7);

  (void)state;
  assert_refused(live, "SELECT nme FROM actors", -EINVAL, "SQL, column 8: no such column: nme");
  assert_refused(live, "SELEC 1", -EINVAL, "SQL, column 1: near \"SELEC\"");
  assert_refused(live, "SELECT \x1b[2J FROM x", -EINVAL, "?");
  live_free(live);
}

/* --- show --- */

static int show(struct live *live, const struct query_show *show, char **ret_text)
{
  size_t length;
  FILE *out = open_memstream(ret_text, &length);
  struct query_sink *sink = NULL;
  struct query_error error = {""};
  int e;

  assert_int_equal(format_new("csv", out, (int)show->relation, &sink), 0);
  e = query_show_run(live_sql(live), show, NULL, sink, &error);
  format_free(sink);
  fclose(out);
  if (e) {
    free(*ret_text);
    *ret_text = strdup(error.text);
  }
  return e;
}

static struct query_show show_actors(void)
{
  return (struct query_show){.relation = RELATION_ACTORS,
                             .limit = -1,
                             .since_ms = QUERY_NO_TIME,
                             .until_ms = QUERY_NO_TIME};
}

static void assert_shown(struct live *live, struct query_show what, int wanted_error,
                         const char *wanted)
{
  char *got = NULL;
  int e = show(live, &what, &got);

  if (e != wanted_error || !strstr(got, wanted))
    fail_msg("got %d %s, wanted %d %s", e, got, wanted_error, wanted);
  free(got);
}

static void a_show_takes_its_options(void **state)
{
  struct live *live = show_world(7);
  struct query_show what = show_actors();

  (void)state;
  assert_shown(live, what, 0, "target,name,state,function,depth,growth_per_s");
  what.columns = "name";
  what.where = "depth = 3 -- a comment";
  what.order = "name DESC";
  what.limit = 1;
  assert_shown(live, what, 0, "name\r\nworker-7\r\n");
  what.where = "depth > ";
  assert_shown(live, what, -EINVAL, "--where, at its end: ");
  what.where = "depth > 1 AND\ndpth > 1";
  assert_shown(live, what, -EINVAL, "--where, column 15: no such column: dpth");
  what.where = "1); DELETE FROM actors; --";
  assert_shown(live, what, -EINVAL, "actors, column");
  what.where = NULL;
  what.order = "nope";
  assert_shown(live, what, -EINVAL, "--order, column 1: no such column: nope");
  what.order = NULL;
  what.columns = "name, bad(1)";
  assert_shown(live, what, -EINVAL, "--columns");
  live_free(live);
}

static void a_target_is_its_name_or_its_pid(void **state)
{
  static const struct {
    const char *target, *wanted;
  } cases[] = {{"demo1:101", "n\r\n1\r\n"}, {"demo1", "n\r\n1\r\n"}, {"101", "n\r\n1\r\n"},
               {"demo", "n\r\n0\r\n"},      {"1", "n\r\n0\r\n"},     {"x' OR '1'='1", "n\r\n0\r\n"},
               {"", "n\r\n0\r\n"}};
  struct live *live = show_world(7);

  (void)state;
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    const char *targets[] = {cases[i].target};
    struct query_show what = show_actors();

    what.relation = RELATION_TARGETS;
    what.columns = "count(*) AS n";
    what.targets = targets;
    what.target_count = 1;
    assert_shown(live, what, 0, cases[i].wanted);
  }
  live_free(live);
}

/* --- ends --- */

#define ENDLESS                                                                                    \
  "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c"

static void a_query_ends_at_its_deadline_or_when_it_is_told_to(void **state)
{
  struct live *live = show_world(7);
  atomic_bool cancel = true;
  struct timespec now;
  struct query_limits limits = {0};
  int e;

  (void)state;
  clock_gettime(CLOCK_MONOTONIC, &now);
  limits.deadline_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec + 20000000;
  free(ask(live, ENDLESS, &limits, &e));
  assert_int_equal(e, -ETIMEDOUT);
  limits = (struct query_limits){.cancel = &cancel};
  free(ask(live, ENDLESS, &limits, &e));
  assert_int_equal(e, -ECANCELED);
  assert_answer(live, "SELECT 1 AS a", "a\r\n1\r\n"); /* and goes on as before */
  live_free(live);
}

static int sink_begin(struct query_sink *sink, const char *const *names, unsigned count)
{
  (void)sink;
  (void)names;
  (void)count;
  return 0;
}

static int sink_row(struct query_sink *sink, const struct query_value *values, unsigned count)
{
  (void)sink;
  (void)values;
  (void)count;
  return -EPIPE;
}

static int sink_end(struct query_sink *sink)
{
  (void)sink;
  fail_msg("end after an error");
  return 0;
}

static void an_error_of_the_sink_ends_the_query(void **state)
{
  struct live *live = show_world(7);
  struct query_sink sink = {sink_begin, sink_row, sink_end};
  struct query_error error = {""};

  (void)state;
  assert_int_equal(query_run(live_sql(live), "SELECT 1", NULL, &sink, &error), -EPIPE);
  assert_true(error.text[0]);
  live_free(live);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_relation_answers),
      cmocka_unit_test(a_search_by_key_is_a_scan_made_short),
      cmocka_unit_test(only_questions_are_answered),
      cmocka_unit_test(an_error_says_what_and_where),
      cmocka_unit_test(a_show_takes_its_options),
      cmocka_unit_test(a_target_is_its_name_or_its_pid),
      cmocka_unit_test(a_query_ends_at_its_deadline_or_when_it_is_told_to),
      cmocka_unit_test(an_error_of_the_sink_ends_the_query),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
