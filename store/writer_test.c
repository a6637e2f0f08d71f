/* writer_test.c - the recorder's pen on real files: what a stock sqlite3 sees, what a kill, a
 * second writer, a full disk and strange files do to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#include "store/recording.h"
#include "store/test_sqlite3.h"
#include "store/test_world.h"
#include "store/writer.h"

#define SHARD "impasse-20260921-1.db"
#define ACTORS 40

static struct writer *open_in(const char *dir, struct writer_options options)
{
  struct writer_error error = {""};
  struct writer *writer = NULL;

  if (writer_open(dir, &options, &writer, &error) != 0)
    fail_msg("%s: %s", dir, error.text);
  return writer;
}

static int put_actors(struct writer *writer, uint64_t tick, unsigned actors,
                      struct writer_error *error)
{
  struct snapshot *snapshot = world_snapshot(tick, actors);
  int e = writer_put(writer, snapshot, error);

  snapshot_unref(snapshot);
  return e;
}

static void put(struct writer *writer, uint64_t first, uint64_t last)
{
  struct writer_error error = {""};

  for (uint64_t tick = first; tick < last; tick++)
    if (put_actors(writer, tick, ACTORS, &error) != 0)
      fail_msg("tick %llu: %s", (unsigned long long)tick, error.text);
}

static char *path_in(const char *dir, const char *name)
{
  char *path = NULL;

  assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
  return path;
}

/* What the stock program answers, without the last line end. */
static char *ask_stock(const char *dir, const char *shard, const char *sql)
{
  char *path = path_in(dir, shard), *output = malloc(SQLITE3_OUTPUT);
  int status = sqlite3_run(path, sql, 0, 0, output);

  if (status != 0)
    fail_msg("sqlite3 %s: exit %d: %s", path, status, output);
  output[strcspn(output, "\n")] = '\0';
  free(path);
  return output;
}

static void assert_stock(const char *dir, const char *sql, const char *wanted)
{
  char *got = ask_stock(dir, SHARD, sql);

  if (strcmp(got, wanted) != 0)
    fail_msg("%s: got %s, wanted %s", sql, got, wanted);
  free(got);
}

static void need_sqlite3(void)
{
  if (!sqlite3_is_installed()) {
    print_message("skipped: no /usr/bin/sqlite3\n");
    skip();
  }
}

static bool exists(const char *dir, const char *name)
{
  char *path = path_in(dir, name);
  bool there = access(path, F_OK) == 0;

  free(path);
  return there;
}

/* --- the stock program --- */

static void a_stock_sqlite3_reads_while_recording_and_after(void **state)
{
  char *dir = world_dir();
  struct writer *writer;

  (void)state;
  need_sqlite3();
  writer = open_in(dir, (struct writer_options){0});
  put(writer, 0, 30);
  assert_stock(dir, "SELECT count(*) FROM tick", "30");
  assert_stock(dir, "SELECT count(*) > 30 FROM actors", "1");
  put(writer, 30, 40);
  assert_stock(dir, "SELECT max(t) - min(t) FROM actors", "39");
  writer_close(writer);
  assert_false(exists(dir, SHARD "-wal")); /* sealed */
  assert_stock(dir, "PRAGMA journal_mode", "delete");
  assert_stock(dir, "PRAGMA quick_check", "ok");
  assert_stock(dir, "SELECT max(depth) > 0, count(DISTINCT name) > 10 FROM actors", "1|1");
  world_remove_dir(dir);
}

/* As a user who may only read: live and after a kill (the -shm belongs to another), and sealed. */
static void another_user_of_the_group_reads_it(void **state)
{
  const uid_t uid = 65534;
  const gid_t gid = 65534;
  char *dir = world_dir(), *path = path_in(dir, SHARD), *output = malloc(SQLITE3_OUTPUT);
  const char *companions[] = {"", "-wal", "-shm"};
  struct writer *writer;
  struct stat st;

  (void)state;
  need_sqlite3();
  if (getuid() != 0) {
    print_message("skipped: needs root to become another user\n");
    skip();
  }
  writer = open_in(dir, (struct writer_options){0});
  put(writer, 0, 5);
  for (int i = 0; i < 3; i++) { /* as if there were a group impasse and the user in it */
    char *name = NULL;

    assert_true(asprintf(&name, "%s%s", path, companions[i]) > 0);
    assert_int_equal(stat(name, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(chown(name, 0, gid), 0);
    free(name);
  }
  assert_int_equal(chown(dir, 0, gid), 0);
  assert_int_equal(chmod(dir, 0750), 0);
  assert_int_equal(sqlite3_run(path, "SELECT count(*) FROM tick", uid, gid, output), 0);
  assert_string_equal(output, "5\n");
  writer_close(writer);
  assert_int_equal(sqlite3_run(path, "SELECT count(*) FROM tick", uid, gid, output), 0);
  assert_string_equal(output, "5\n");
  free(output);
  free(path);
  world_remove_dir(dir);
}

/* --- readers beside the recorder --- */

struct beside {
  const char *dir;
  atomic_bool over;
  atomic_int errors;
  atomic_int snapshots;
};

/* Opens, replays the newest and asks, as long as the recorder writes. */
static void *read_beside(void *context)
{
  struct beside *beside = context;
  int64_t last = 0;

  while (!atomic_load(&beside->over)) {
    struct recording *recording = NULL;
    struct recording_error error = {""};
    struct snapshot *snapshot = NULL;
    int64_t first_ms, last_ms = 0;

    int e = recording_open(beside->dir, &recording, &error);

    if (e == 0)
      e = recording_range(recording, &first_ms, &last_ms);
    if (e == 0)
      e = recording_snapshot(recording, INT64_MAX, &snapshot, &error);
    if (e || last_ms < last || snapshot_about(snapshot).now.wall_ms < last_ms) {
      print_message("a reader: %d %s, %lld after %lld\n", e, error.text, (long long)last_ms,
                    (long long)last);
      atomic_fetch_add(&beside->errors, 1);
      atomic_store(&beside->over, true);
    } else {
      atomic_fetch_add(&beside->snapshots, 1);
    }
    last = last_ms;
    snapshot_unref(snapshot);
    recording_free(recording);
  }
  return NULL;
}

static void readers_beside_the_recorder_see_no_error(void **state)
{
  char *dir = world_dir();
  struct beside beside = {.dir = dir};
  struct writer *writer = open_in(dir, (struct writer_options){0});
  pthread_t threads[3];
  uint64_t tick = 1;

  (void)state;
  put(writer, 0, 1);
  for (int i = 0; i < 3; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, read_beside, &beside), 0);
  for (; !atomic_load(&beside.over) && (tick < 150 || atomic_load(&beside.snapshots) < 20); tick++)
    put(writer, tick, tick + 1);
  put(writer, 86400, 86403); /* a shard is sealed under them */
  atomic_store(&beside.over, true);
  for (int i = 0; i < 3; i++)
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  assert_int_equal(atomic_load(&beside.errors), 0);
  writer_close(writer);
  world_remove_dir(dir);
}

/* --- kill -9 --- */

/* Records from `tick` on until it is killed. */
static pid_t start_child(const char *dir, uint64_t tick)
{
  pid_t pid = fork();

  if (pid != 0)
    return pid;
  {
    struct writer *writer = NULL;
    struct writer_error error;
    struct writer_options options = {0};

    if (writer_open(dir, &options, &writer, &error) != 0)
      _exit(1);
    for (;; tick++)
      if (put_actors(writer, tick, ACTORS, &error) != 0)
        _exit(2);
  }
}

static void wait_for(const char *dir, const char *sql, long least)
{
  struct timespec pause = {.tv_nsec = 2000000};

  for (int i = 0; i < 5000; i++) { /* ten seconds */
    char *path = path_in(dir, SHARD), *output = malloc(SQLITE3_OUTPUT);
    int status = sqlite3_run(path, sql, 0, 0, output);
    bool there = status == 0 && atol(output) >= least;

    free(path);
    free(output);
    if (there)
      return;
    nanosleep(&pause, NULL);
  }
  fail_msg("%s: not %ld within ten seconds", sql, least);
}

static void a_killed_recorder_loses_nothing_that_was_committed(void **state)
{
  char *dir = world_dir();
  struct writer *writer;
  uint64_t tick = 0;

  (void)state;
  need_sqlite3();
  for (int round = 0; round < 8; round++) {
    pid_t pid = start_child(dir, tick);
    char *output;
    uint64_t ticks;
    int status;

    assert_true(pid > 0);
    wait_for(dir, "SELECT count(*) FROM tick", (long)tick + 20 + round * 7);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_stock(dir, "PRAGMA quick_check", "ok");
    output = ask_stock(dir, SHARD, "SELECT count(*), max(n) FROM tick"); /* none is missing */
    ticks = strtoull(output, NULL, 10);
    assert_int_equal(ticks, strtoull(strchr(output, '|') + 1, NULL, 10));
    assert_true(ticks >= tick + 20);
    free(output);
    tick = ticks;
  }
  writer = open_in(dir, (struct writer_options){0});
  put(writer, tick, tick + 5);
  writer_close(writer);
  assert_stock(dir,
               "SELECT count(*) FROM waits_row WHERE _last IS NULL AND _tick < (SELECT max(n) FROM "
               "tick) - 200",
               "0");
  assert_stock(dir, "PRAGMA quick_check", "ok");
  world_remove_dir(dir);
}

/* --- others in the directory --- */

static void a_second_recorder_is_refused_by_pid(void **state)
{
  char *dir = world_dir(), pid[32];
  struct writer *writer = open_in(dir, (struct writer_options){0}), *second = NULL;
  struct writer_options options = {0};
  struct writer_error error = {""};

  (void)state;
  assert_int_equal(writer_open(dir, &options, &second, &error), -EBUSY);
  snprintf(pid, sizeof(pid), "pid %d", (int)getpid());
  assert_non_null(strstr(error.text, pid));
  assert_non_null(strstr(error.text, dir));
  writer_close(writer);
  assert_int_equal(writer_open(dir, &options, &second, &error), 0);
  writer_close(second);
  world_remove_dir(dir);
}

static void write_file(const char *dir, const char *name, const char *bytes, size_t length,
                       off_t at)
{
  char *path = path_in(dir, name);
  int fd = open(path, O_WRONLY | O_CREAT, 0600);

  assert_true(fd >= 0);
  assert_int_equal(pwrite(fd, bytes, length, at), length);
  (void)close(fd);
  free(path);
}

static void a_foreign_file_is_refused_and_untouched(void **state)
{
  char *dir = world_dir(), header[100] = "SQLite format 3";
  struct writer *writer = NULL;
  struct writer_options options = {0};
  struct writer_error error = {""};

  (void)state;
  write_file(dir, SHARD, header, sizeof(header), 0);
  assert_int_equal(writer_open(dir, &options, &writer, &error), -EMEDIUMTYPE);
  assert_non_null(strstr(error.text, SHARD));
  assert_true(exists(dir, SHARD));
  world_remove_dir(dir);
}

static void a_newer_shard_is_left_alone_and_another_begun(void **state)
{
  char *dir = world_dir(), *before, *after;
  struct writer *writer = open_in(dir, (struct writer_options){0});

  (void)state;
  need_sqlite3();
  put(writer, 0, 3);
  writer_close(writer);
  write_file(dir, SHARD, "\0\0\0\x63", 4, 60); /* user_version */
  before = ask_stock(dir, SHARD, "SELECT count(*) FROM tick");
  writer = open_in(dir, (struct writer_options){0});
  put(writer, 3, 6);
  assert_non_null(strstr(writer_stats(writer).shard, "-2.db"));
  writer_close(writer);
  after = ask_stock(dir, SHARD, "SELECT count(*) FROM tick");
  assert_string_equal(before, after);
  free(before);
  free(after);
  world_remove_dir(dir);
}

static void a_shard_of_another_dictionary_is_left_alone_and_another_begun(void **state)
{
  char *dir = world_dir(), *path = path_in(dir, SHARD), output[SQLITE3_OUTPUT];
  struct writer *writer = open_in(dir, (struct writer_options){0});
  char *const argv[] = {"sqlite3", path, "UPDATE meta SET value = 'x' WHERE key = 'fingerprint'",
                        NULL};
  pid_t pid;
  int status;

  (void)state;
  (void)output;
  need_sqlite3();
  put(writer, 0, 3);
  writer_close(writer);
  pid = fork();
  if (pid == 0) {
    execv("/usr/bin/sqlite3", argv);
    _exit(127);
  }
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
  writer = open_in(dir, (struct writer_options){0});
  put(writer, 3, 6);
  assert_non_null(strstr(writer_stats(writer).shard, "-2.db"));
  writer_close(writer);
  assert_stock(dir, "SELECT count(*) FROM tick", "3");
  free(path);
  world_remove_dir(dir);
}

static void a_damaged_shard_is_set_aside_and_kept(void **state)
{
  char *dir = world_dir(), *answer;
  struct writer *writer = open_in(dir, (struct writer_options){0});

  (void)state;
  need_sqlite3();
  put(writer, 0, 3);
  writer_close(writer);
  write_file(dir, SHARD, "rubbish", 7, 0);
  writer = open_in(dir, (struct writer_options){0});
  put(writer, 3, 5);
  writer_close(writer);
  assert_true(exists(dir, SHARD ".damaged-1"));
  answer = ask_stock(dir, "impasse-20260921-2.db",
                     "SELECT count(*) FROM gaps WHERE reason LIKE '%damaged%'");
  assert_string_equal(answer, "1");
  free(answer);
  world_remove_dir(dir);
}

/* Neither was made by us: an empty file, and one that has our marks but no table. */
static void a_shard_without_tables_is_left_alone_and_another_begun(void **state)
{
  char *dir = world_dir(), *path = path_in(dir, SHARD), *answer;
  sqlite3 *sql = NULL;
  struct writer *writer;

  (void)state;
  need_sqlite3();
  assert_int_equal(sqlite3_open(path, &sql), SQLITE_OK);
  assert_int_equal(
      sqlite3_exec(sql, "PRAGMA application_id = 0x494d5053; PRAGMA user_version = 1; VACUUM", NULL,
                   NULL, NULL),
      SQLITE_OK);
  assert_int_equal(sqlite3_close(sql), SQLITE_OK);
  write_file(dir, "impasse-20260921-2.db", "", 0, 0);
  writer = open_in(dir, (struct writer_options){0});
  put(writer, 0, 3);
  writer_close(writer);
  answer = ask_stock(dir, "impasse-20260921-3.db", "SELECT count(*) FROM tick");
  assert_string_equal(answer, "3");
  free(answer);
  free(path);
  world_remove_dir(dir);
}

/* Damage is found while writing: the snapshot goes to a new shard. */
static void damage_that_is_found_while_recording_costs_no_snapshot(void **state)
{
  char *dir = world_dir(), rubbish[8192], *answer;
  struct writer *writer = open_in(dir, (struct writer_options){0});
  long page;

  (void)state;
  need_sqlite3();
  put(writer, 0, 30);
  writer_close(writer);
  answer = ask_stock(dir, SHARD, "SELECT rootpage FROM sqlite_schema WHERE name = 'tick'");
  page = strtol(answer, NULL, 10);
  free(answer);
  assert_stock(dir, "PRAGMA page_size", "8192");
  memset(rubbish, 0x55, sizeof(rubbish));
  write_file(dir, SHARD, rubbish, sizeof(rubbish), (page - 1) * 8192); /* opening reads others */
  writer = open_in(dir, (struct writer_options){0});
  put(writer, 30, 33);
  assert_int_equal(writer_stats(writer).ticks, 3);
  assert_int_equal(writer_stats(writer).failed, 0); /* its second try did not */
  writer_close(writer);
  assert_true(exists(dir, SHARD ".damaged-1"));
  assert_stock(dir, "SELECT count(*) FROM tick", "3");
  world_remove_dir(dir);
}

/* --- a full disk --- */

static void a_full_disk_loses_nothing_and_leaves_a_gap(void **state)
{
  char *dir = world_dir(), *ballast;
  struct writer *writer;
  struct writer_error error = {""};
  uint64_t tick = 0, recorded = 0, failed = 0;
  char wanted[64], *gap;
  int e = 0;

  (void)state;
  need_sqlite3();
  if (getuid() != 0 || mount("none", dir, "tmpfs", 0, "size=6m") < 0) {
    print_message("skipped: needs root to mount a small file system\n");
    world_remove_dir(dir);
    skip();
  }
  writer = open_in(dir, (struct writer_options){0});
  put(writer, 0, 10);
  recorded = tick = 10;
  ballast = calloc(1, 5 << 20);
  {
    char *path = path_in(dir, "ballast");
    int fd = open(path, O_WRONLY | O_CREAT, 0600);

    while (write(fd, ballast, 4096) > 0)
      ;
    (void)close(fd);
    free(ballast);
    for (; tick < 2000; tick++) {
      e = put_actors(writer, tick, ACTORS, &error);
      if (e) {
        assert_int_equal(e, -ENOSPC);
        assert_non_null(strstr(error.text, SHARD));
        if (++failed == 20)
          break;
      } else {
        recorded++;
      }
    }
    assert_int_equal(failed, 20);
    assert_int_equal(unlink(path), 0);
    free(path);
  }
  put(writer, tick + 1, tick + 6);
  writer_close(writer);
  snprintf(wanted, sizeof(wanted), "%llu", (unsigned long long)recorded + 5);
  assert_stock(dir, "SELECT count(*) FROM tick", wanted);
  assert_stock(dir, "PRAGMA integrity_check", "ok");
  gap = ask_stock(dir, SHARD,
                  "SELECT sum(count) FROM gaps WHERE reason LIKE 'recording failed: No space%'");
  assert_string_equal(gap, "20");
  free(gap);
  assert_int_equal(umount(dir), 0);
  world_remove_dir(dir);
}

/* --- days and bytes --- */

static void old_days_and_too_many_bytes_are_forgotten(void **state)
{
  char *dir = world_dir();
  struct writer *writer = open_in(dir, (struct writer_options){.keep_days = 2});
  uint64_t rows = 0;

  (void)state;
  for (uint64_t day = 0; day < 5; day++) {
    put(writer, day * 86400, day * 86400 + 2);
    assert_true(writer_stats(writer).rows > rows); /* of all shards since it was opened */
    rows = writer_stats(writer).rows;
  }
  writer_close(writer);
  assert_false(exists(dir, "impasse-20260921-1.db"));
  assert_false(exists(dir, "impasse-20260922-1.db"));
  assert_true(exists(dir, "impasse-20260923-1.db"));
  assert_true(exists(dir, "impasse-20260925-1.db"));
  writer = open_in(dir, (struct writer_options){.keep_bytes = 1});
  put(writer, 4 * 86400 + 2, 4 * 86400 + 3);
  assert_false(exists(dir, "impasse-20260924-1.db"));
  assert_true(exists(dir, "impasse-20260925-1.db")); /* the one that is written stays */
  writer_close(writer);
  world_remove_dir(dir);
}

/* --- texts of targets --- */

static void names_are_data_and_nothing_else(void **state)
{
  static const char *const names[] = {
      "'; DROP TABLE actors_row; --", "a\nb\x1b[2J", "\xff\xfe", "%s%n", "\"", ""};
  char *dir = world_dir();
  struct writer *writer = open_in(dir, (struct writer_options){0});
  struct snapshot_builder *b = snapshot_builder_new(world_clock(0), 0, "h'x", "b\"y");
  struct snapshot *snapshot = NULL, *got = NULL;
  struct recording *recording = NULL;
  struct recording_error recording_error = {""};
  struct writer_error error = {""};

  (void)state;
  assert_int_equal(snapshot_builder_relation(b, RELATION_ACTORS, 6), 0);
  for (uint32_t row = 0; row < 6; row++) {
    snapshot_builder_ints(b, RELATION_ACTORS, ACTORS_TARGET_KEY)[row] = 1;
    snapshot_builder_ints(b, RELATION_ACTORS, ACTORS_ACTOR)[row] = row;
    snapshot_builder_texts(b, RELATION_ACTORS, ACTORS_NAME)[row] =
        snapshot_builder_text(b, names[row]);
    snapshot_builder_texts(b, RELATION_ACTORS, ACTORS_FUNCTION)[row] =
        snapshot_builder_text(b, names[5 - row]);
  }
  assert_int_equal(snapshot_builder_finish(b, &snapshot), 0);
  assert_int_equal(writer_put(writer, snapshot, &error), 0);
  snapshot_unref(snapshot);
  writer_close(writer);
  assert_int_equal(recording_open(dir, &recording, &recording_error), 0);
  assert_int_equal(recording_snapshot(recording, INT64_MAX, &got, &recording_error), 0);
  for (uint32_t row = 0; row < 6; row++) {
    assert_string_equal(snapshot_text(got, RELATION_ACTORS, ACTORS_NAME, row), names[row]);
    assert_string_equal(snapshot_text(got, RELATION_ACTORS, ACTORS_FUNCTION, row), names[5 - row]);
  }
  snapshot_unref(got);
  recording_free(recording);
  world_remove_dir(dir);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_stock_sqlite3_reads_while_recording_and_after),
      cmocka_unit_test(another_user_of_the_group_reads_it),
      cmocka_unit_test(readers_beside_the_recorder_see_no_error),
      cmocka_unit_test(a_killed_recorder_loses_nothing_that_was_committed),
      cmocka_unit_test(a_second_recorder_is_refused_by_pid),
      cmocka_unit_test(a_foreign_file_is_refused_and_untouched),
      cmocka_unit_test(a_newer_shard_is_left_alone_and_another_begun),
      cmocka_unit_test(a_shard_of_another_dictionary_is_left_alone_and_another_begun),
      cmocka_unit_test(a_damaged_shard_is_set_aside_and_kept),
      cmocka_unit_test(a_shard_without_tables_is_left_alone_and_another_begun),
      cmocka_unit_test(damage_that_is_found_while_recording_costs_no_snapshot),
      cmocka_unit_test(a_full_disk_loses_nothing_and_leaves_a_gap),
      cmocka_unit_test(old_days_and_too_many_bytes_are_forgotten),
      cmocka_unit_test(names_are_data_and_nothing_else),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
