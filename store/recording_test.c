/* recording_test.c - what was recorded comes back: replay equals live, one recording over many
 * shards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "store/encode.h"
#include "store/query.h"
#include "store/recording.h"
#include "store/schema.h"
#include "store/test_world.h"
#include "store/writer.h"

#define ACTORS 40

static void record(const char *dir, uint64_t first, uint64_t last)
{
  struct writer_options options = {0};
  struct writer_error error = {""};
  struct writer *writer = NULL;

  if (writer_open(dir, &options, &writer, &error) != 0)
    fail_msg("writer_open: %s", error.text);
  for (uint64_t tick = first; tick < last; tick++) {
    struct snapshot *snapshot = world_snapshot(tick, ACTORS);

    if (writer_put(writer, snapshot, &error) != 0)
      fail_msg("tick %llu: %s", (unsigned long long)tick, error.text);
    snapshot_unref(snapshot);
  }
  writer_close(writer);
}

/* --- replay equals live --- */

static bool near(double got, double wanted, double by)
{
  return (isnan(got) && isnan(wanted)) || fabs(got - wanted) <= by;
}

/* Whether a replayed number is the recorded one within what encode.h states. */
static bool same_int(const struct encode_column *column, int64_t got, int64_t wanted)
{
  if (got == wanted)
    return true;
  if (got == VALUE_UNKNOWN || wanted == VALUE_UNKNOWN)
    return false;
  if (column->soft)
    return got < wanted && got + SCHEMA_KEYFRAME_TICKS >= wanted;
  if (column->rule == ENCODE_AGE)
    return llabs(got - wanted) <= 1;
  if (column->rule == ENCODE_READ)
    return llabs(got - wanted) <= 1;
  return false;
}

static bool same_cell(const struct encode_column *column, struct value got, struct value wanted)
{
  if (got.type == COLUMN_INT)
    return same_int(column, got.integer, wanted.integer);
  if (got.type == COLUMN_REAL)
    return near(got.real, wanted.real, 0.005001) || (wanted.real > 1e13 && got.real > 1e13);
  if (got.known != wanted.known)
    return false;
  if (column->soft && got.type == COLUMN_TEXT)
    return true;
  return !got.known || strcmp(got.text, wanted.text) == 0;
}

static void assert_column(const struct snapshot *got, const struct snapshot *wanted,
                          enum relation relation, const struct encode_column *column)
{
  const struct relation_info *info = relation_info(relation);

  for (uint32_t row = 0; row < snapshot_rows(wanted, relation); row++) {
    struct value g = snapshot_value(got, relation, column->column, row);
    struct value w = snapshot_value(wanted, relation, column->column, row);

    if (!same_cell(column, g, w))
      fail_msg("tick %llu, %s row %u, %s: got %lld %g %s, wanted %lld %g %s",
               (unsigned long long)snapshot_about(wanted).tick, info->name, row,
               info->columns[column->column].name, (long long)g.integer, g.real,
               g.text ? g.text : "NULL", (long long)w.integer, w.real, w.text ? w.text : "NULL");
  }
}

static void assert_same(const struct snapshot *got, const struct snapshot *wanted)
{
  struct snapshot_about a = snapshot_about(got), b = snapshot_about(wanted);

  assert_int_equal(a.now.wall_ms, b.now.wall_ms);
  assert_int_equal(a.now.mono_ns, b.now.mono_ns);
  assert_int_equal(a.tick, b.tick);
  assert_string_equal(a.host, b.host);
  assert_string_equal(a.boot_id, b.boot_id);
  for (unsigned r = 0; r < RELATION_COUNT; r++) {
    struct encode_plan plan;

    if (snapshot_rows(got, (enum relation)r) != snapshot_rows(wanted, (enum relation)r))
      fail_msg("tick %llu, %s: got %u rows, wanted %u", (unsigned long long)b.tick,
               relation_info((enum relation)r)->name, snapshot_rows(got, (enum relation)r),
               snapshot_rows(wanted, (enum relation)r));
    encode_plan_init(&plan, (enum relation)r);
    for (unsigned k = 0; k < plan.key_count; k++)
      assert_column(got, wanted, (enum relation)r, &plan.key[k]);
    for (unsigned c = 0; c < plan.row_count; c++)
      assert_column(got, wanted, (enum relation)r, &plan.row[c]);
  }
}

static struct recording *open_it(const char *path)
{
  struct recording *recording = NULL;
  struct recording_error error = {""};

  if (recording_open(path, &recording, &error) != 0)
    fail_msg("%s: %s", path, error.text);
  return recording;
}

static void assert_replays(struct recording *recording, uint64_t first, uint64_t last)
{
  for (uint64_t tick = first; tick < last; tick++) {
    struct snapshot *wanted = world_snapshot(tick, ACTORS), *got = NULL;
    struct recording_error error = {""};

    if (recording_snapshot(recording, world_clock(tick).wall_ms + 400, &got, &error) != 0)
      fail_msg("tick %llu: %s", (unsigned long long)tick, error.text);
    assert_same(got, wanted);
    snapshot_unref(got);
    snapshot_unref(wanted);
  }
}

static void a_replay_is_what_was_recorded(void **state)
{
  char *dir = world_dir();
  struct recording *recording;

  (void)state;
  record(dir, 0, 260);
  recording = open_it(dir);
  assert_replays(recording, 0, 260);
  recording_free(recording);
  world_remove_dir(dir);
}

static void a_replay_goes_over_a_restart_of_the_recorder(void **state)
{
  char *dir = world_dir();
  struct recording *recording;

  (void)state;
  record(dir, 0, 70);
  record(dir, 70, 100);
  recording = open_it(dir);
  assert_replays(recording, 60, 100);
  recording_free(recording);
  world_remove_dir(dir);
}

/* --- over days --- */

#define DAY 86400

struct count_sink {
  struct query_sink sink;
  int64_t rows, integer;
};

static int count_begin(struct query_sink *sink, const char *const *names, unsigned count)
{
  (void)sink;
  (void)names;
  (void)count;
  return 0;
}

static int count_row(struct query_sink *sink, const struct query_value *values, unsigned count)
{
  struct count_sink *counted = (struct count_sink *)sink;

  (void)count;
  counted->rows++;
  counted->integer = values[0].integer;
  return 0;
}

static int count_end(struct query_sink *sink)
{
  (void)sink;
  return 0;
}

/* The integer in the first column of the last row. */
static int64_t ask(struct recording *recording, const char *sql)
{
  struct count_sink sink = {.sink = {count_begin, count_row, count_end}};
  struct query_error error = {""};

  if (query_run(recording_sql(recording), sql, NULL, &sink.sink, &error) != 0)
    fail_msg("%s: %s", sql, error.text);
  return sink.integer;
}

static void shards_are_asked_as_one(void **state)
{
  char *dir = world_dir(), sql[200];
  struct recording *recording;
  int64_t first_ms, last_ms, at;

  (void)state;
  for (uint64_t day = 0; day < 12; day++) /* more than SQLite can attach */
    record(dir, day * DAY, day * DAY + 3);
  recording = open_it(dir);
  assert_int_equal(recording_range(recording, &first_ms, &last_ms), 0);
  assert_int_equal(first_ms, world_clock(0).wall_ms);
  assert_int_equal(last_ms, world_clock(11 * DAY + 2).wall_ms);
  assert_int_equal(ask(recording, "SELECT count(DISTINCT t) FROM actors"), 36);
  assert_int_equal(
      ask(recording, "SELECT count(DISTINCT a.t) FROM actors a JOIN actors b USING(t)"), 36);
  snprintf(sql, sizeof(sql), "SELECT count(DISTINCT t) FROM actors WHERE t >= %lld AND t < %lld",
           (long long)world_clock(3 * DAY).wall_ms / 1000,
           (long long)world_clock(5 * DAY).wall_ms / 1000);
  assert_int_equal(ask(recording, sql), 6);
  assert_replays(recording, 5 * DAY + 1, 5 * DAY + 3); /* the first tick has the gap before it */
  /* steps go from shard to shard and stop at the ends */
  assert_int_equal(recording_step(recording, world_clock(2).wall_ms, 1, &at), 0);
  assert_int_equal(at, world_clock(DAY).wall_ms);
  assert_int_equal(recording_step(recording, world_clock(DAY + 1).wall_ms, -5, &at), 0);
  assert_int_equal(at, world_clock(0).wall_ms);
  assert_int_equal(recording_step(recording, world_clock(0).wall_ms, 7, &at), 0);
  assert_int_equal(at, world_clock(2 * DAY + 1).wall_ms);
  assert_int_equal(recording_step(recording, world_clock(11 * DAY).wall_ms, 99, &at), 0);
  assert_int_equal(at, last_ms);
  recording_free(recording);
  world_remove_dir(dir);
}

static void conditions_mean_the_same_when_they_are_handed_on(void **state)
{
  char *dir = world_dir();
  struct recording *recording;

  (void)state;
  record(dir, 0, 20);
  recording = open_it(dir);
  assert_int_equal(
      ask(recording, "SELECT count(*) > 0 FROM actors WHERE name = 'WORKER-1' COLLATE NOCASE"), 1);
  assert_int_equal(ask(recording, "SELECT count(*) FROM actors WHERE name = 'WORKER-1'"), 0);
  assert_int_equal(ask(recording, "SELECT count(*) > 0 FROM actors WHERE t = '1790000000'"), 1);
  assert_int_equal(ask(recording, "SELECT count(*) > 0 FROM actors WHERE depth >= 2.5"), 1);
  assert_int_equal(ask(recording, "SELECT count(*) FROM actors WHERE depth = NULL"), 0);
  assert_int_equal(ask(recording, "SELECT count(*) > 0 FROM actors WHERE state = 'receive'"), 1);
  assert_int_equal(ask(recording, "SELECT count(*) > 0 FROM deadlocks"), 1);
  assert_int_equal(ask(recording, "SELECT count(*) > 0 FROM worst_waits"), 1);
  recording_free(recording);
  world_remove_dir(dir);
}

static void what_is_not_recorded_is_said_so(void **state)
{
  char *dir = world_dir();
  struct recording *recording = NULL;
  struct recording_error error = {""};
  struct snapshot *snapshot = NULL;

  (void)state;
  assert_int_equal(recording_open(dir, &recording, &error), -ENOENT);
  assert_non_null(strstr(error.text, "nothing is recorded"));
  assert_int_equal(recording_open("/nonexistent/x", &recording, &error), -ENOENT);
  record(dir, 10, 12);
  recording = open_it(dir);
  assert_int_equal(recording_snapshot(recording, world_clock(9).wall_ms, &snapshot, &error),
                   -ENODATA);
  recording_free(recording);
  world_remove_dir(dir);
}

/* --- foreign, newer and damaged files --- */

static void write_file(const char *path, const char *bytes, size_t length, off_t at)
{
  int fd = open(path, O_WRONLY | O_CREAT, 0600);

  assert_true(fd >= 0);
  assert_int_equal(pwrite(fd, bytes, length, at), length);
  close(fd);
}

static void assert_refused(const char *path, int wanted)
{
  struct recording *recording = NULL;
  struct recording_error error = {""};
  int e = recording_open(path, &recording, &error);

  if (e != wanted)
    fail_msg("%s: got %d (%s), wanted %d", path, e, error.text, wanted);
  assert_non_null(strstr(error.text, path));
}

static void files_of_others_are_refused(void **state)
{
  char *dir = world_dir(), path[300];

  (void)state;
  snprintf(path, sizeof(path), "%s/notes.txt", dir);
  write_file(path, "hello", 5, 0);
  assert_refused(path, -EMEDIUMTYPE);
  record(dir, 0, 2);
  snprintf(path, sizeof(path), "%s/impasse-20260921-1.db", dir);
  write_file(path, "\0\0\0\x63", 4, 60); /* user_version */
  assert_refused(path, -EPROTONOSUPPORT);
  write_file(path, "\0\0\0\1XXXX\0\0\0\0", 12, 60); /* and application_id */
  assert_refused(path, -EMEDIUMTYPE);
  write_file(path, "rubbish", 7, 0);
  assert_refused(path, -EUCLEAN);
  world_remove_dir(dir);
}

/* A page in the middle is rubbish: a query and a replay end with one line, and nothing crashes. */
static void a_damaged_page_is_an_error_and_no_crash(void **state)
{
  char *dir = world_dir(), path[300], rubbish[8192];
  int bad = 0;

  (void)state;
  record(dir, 0, 200);
  snprintf(path, sizeof(path), "%s/impasse-20260921-1.db", dir);
  for (size_t i = 0; i < sizeof(rubbish); i++)
    rubbish[i] = (char)world_random(i, 1);
  for (int page = 2; page < 40; page++) {
    struct recording *recording = NULL;
    struct recording_error error = {""};
    struct snapshot *snapshot = NULL;
    char saved[8192];
    int fd = open(path, O_RDONLY);

    assert_int_equal(pread(fd, saved, sizeof(saved), page * 8192), sizeof(saved));
    close(fd);
    write_file(path, rubbish, sizeof(rubbish), page * 8192);
    if (recording_open(path, &recording, &error) != 0) {
      bad++;
    } else {
      if (recording_snapshot(recording, world_clock(190).wall_ms, &snapshot, &error) != 0)
        bad++;
      snapshot_unref(snapshot);
      recording_free(recording);
    }
    write_file(path, saved, sizeof(saved), page * 8192);
  }
  assert_true(bad > 0);
  world_remove_dir(dir);
}

/* A shard of an older dictionary lacks a column: it is unknown there, and everything else is
 * read. */
static void an_older_shard_is_read(void **state)
{
  char *dir = world_dir(), path[300];
  sqlite3 *sql = NULL;
  struct recording *recording;
  struct snapshot *snapshot = NULL;
  struct recording_error error = {""};
  int64_t all;

  (void)state;
  record(dir, 0, 20);
  recording = open_it(dir);
  all = ask(recording, "SELECT count(*) FROM tables");
  recording_free(recording);
  snprintf(path, sizeof(path), "%s/impasse-20260921-1.db", dir);
  assert_int_equal(sqlite3_open(path, &sql), SQLITE_OK);
  assert_int_equal(
      sqlite3_exec(sql,
                   "DROP VIEW deadlocks; DROP VIEW worst_waits; DROP VIEW tables;"
                   "ALTER TABLE tables_row DROP COLUMN wait_permille;"
                   "CREATE VIEW tables AS SELECT k.target_key, k.table_key, t.t AS t FROM tick t"
                   " JOIN tables_row r ON r._tick = t.n JOIN tables_key k ON k._id = r._id",
                   NULL, NULL, NULL),
      SQLITE_OK);
  sqlite3_close(sql);
  recording = open_it(dir);
  assert_int_equal(ask(recording, "SELECT count(*) FROM tables WHERE wait_permille IS NULL"), all);
  assert_int_equal(ask(recording, "SELECT count(*) FROM tables WHERE wait_permille >= 0"), 0);
  assert_int_equal(recording_snapshot(recording, world_clock(15).wall_ms, &snapshot, &error), 0);
  assert_int_equal(snapshot_rows(snapshot, RELATION_TABLES), 2);
  assert_int_equal(snapshot_int(snapshot, RELATION_TABLES, TABLES_WAIT_PERMILLE, 0), VALUE_UNKNOWN);
  snapshot_unref(snapshot);
  recording_free(recording);
  world_remove_dir(dir);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_replay_is_what_was_recorded),
      cmocka_unit_test(a_replay_goes_over_a_restart_of_the_recorder),
      cmocka_unit_test(shards_are_asked_as_one),
      cmocka_unit_test(conditions_mean_the_same_when_they_are_handed_on),
      cmocka_unit_test(what_is_not_recorded_is_said_so),
      cmocka_unit_test(files_of_others_are_refused),
      cmocka_unit_test(a_damaged_page_is_an_error_and_no_crash),
      cmocka_unit_test(an_older_shard_is_read),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
