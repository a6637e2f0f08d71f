/*
 * store.c - how fast and how densely the history is written, and how fast it answers.
 *
 *    workload   2,000 actors, 10 values each that may change; each actor is busy for a tenth of the time, in bursts of ten
 *               ticks; 240 ticks are the 4.8 million values of the promise, 5,000 ticks are 10^8
 *    baseline   the same values in one row each, PRIMARY KEY (series, t) WITHOUT ROWID, one transaction a tick, for the
 *               first ticks only: it is slow, and gets slower as it grows
 *
 * usage: bench_store [TICKS]   (240 where none are given; 5000 for the figures of 10^8 values)
 */
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "model/snapshot.h"
#include "store/query.h"
#include "store/recording.h"
#include "store/writer.h"

#define ACTORS 2000u
#define VALUES 10u
#define TICKS_OF_PROMISE 240u
#define SECONDS_OF_BASELINE 4
#define WALL_MS 1790000000000 /* 2026-09-21, 14:13:20 UTC */

static double seconds(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint32_t hash(uint64_t a, uint64_t b)
{
  uint64_t x = a * 0x9e3779b97f4a7c15ull + b * 0xbf58476d1ce4e5b9ull + 1;

  x ^= x >> 31;
  x *= 0x94d049bb133111ebull;
  return (uint32_t)(x >> 32);
}

static bool is_busy(uint64_t tick, uint32_t actor)
{
  return hash(actor, (tick + actor) / 10) % 10 == 0;
}

/* The values of one actor in one tick, in the order in which both layouts take them. */
struct row {
  int64_t state, depth, trend, memory, behind;
  double growth, in, out, work;
  const char *function;
};

static struct row make_row(uint64_t tick, uint32_t actor)
{
  struct row row = {.state = ACTOR_RECEIVE, .memory = 2048, .function = "gen_server:loop/7"};

  if (is_busy(tick, actor)) {
    row.state = ACTOR_RUNNING;
    row.depth = hash(tick, actor) % 500;
    row.trend = row.depth;
    row.growth = (double)(hash(tick, actor + 1) % 2000) - 1000;
    row.in = hash(tick, actor + 2) % 10000 / 1.001;
    row.out = hash(tick, actor + 3) % 10000 / 1.001;
    row.work = hash(tick, actor + 4) % 100000;
    row.memory = 2048 + row.depth * 100;
    row.function = hash(tick, actor + 5) % 2 ? "handler:handle_call/3" : "handler:work/2";
  }
  return row;
}

static void fill_actor(struct snapshot_builder *b, uint64_t tick, uint32_t i, uint32_t host,
                       uint32_t target)
{
  enum relation R = RELATION_ACTORS;
  struct row row = make_row(tick, i);
  char name[32];

  snprintf(name, sizeof(name), "worker-%u", i);
  snapshot_builder_ints(b, R, ACTORS_TARGET_KEY)[i] = 1;
  snapshot_builder_ints(b, R, ACTORS_ACTOR)[i] = i;
  snapshot_builder_texts(b, R, ACTORS_HOST)[i] = host;
  snapshot_builder_texts(b, R, ACTORS_TARGET)[i] = target;
  snapshot_builder_texts(b, R, ACTORS_NAME)[i] = snapshot_builder_text(b, name);
  snapshot_builder_enums(b, R, ACTORS_KIND)[i] = ACTOR_KIND_ACTOR;
  snapshot_builder_enums(b, R, ACTORS_STATE)[i] = (uint8_t)row.state;
  snapshot_builder_texts(b, R, ACTORS_FUNCTION)[i] = snapshot_builder_intern(b, row.function);
  snapshot_builder_ints(b, R, ACTORS_DEPTH)[i] = row.depth;
  snapshot_builder_ints(b, R, ACTORS_DEPTH_TREND)[i] = row.trend;
  snapshot_builder_reals(b, R, ACTORS_GROWTH_PER_S)[i] = row.growth;
  snapshot_builder_reals(b, R, ACTORS_IN_PER_S)[i] = row.in;
  snapshot_builder_reals(b, R, ACTORS_OUT_PER_S)[i] = row.out;
  snapshot_builder_reals(b, R, ACTORS_WORK_PER_S)[i] = row.work;
  snapshot_builder_ints(b, R, ACTORS_MEMORY_BYTES)[i] = row.memory;
  snapshot_builder_ints(b, R, ACTORS_BEHIND)[i] = row.behind;
}

static struct snapshot *make_snapshot(uint64_t tick)
{
  struct tick_clock now = {.mono_ns = (tick + 1) * 1000000000,
                           .wall_ms = WALL_MS + (int64_t)tick * 1000};
  struct snapshot_builder *b = snapshot_builder_new(now, tick, "bench", "boot");
  struct snapshot *snapshot = NULL;

  if (!b || snapshot_builder_relation(b, RELATION_ACTORS, ACTORS) < 0)
    exit(1);
  for (uint32_t i = 0; i < ACTORS; i++)
    fill_actor(b, tick, i, snapshot_builder_intern(b, "bench"),
               snapshot_builder_intern(b, "demo:1"));
  if (snapshot_builder_finish(b, &snapshot) < 0)
    exit(1);
  return snapshot;
}

/* --- ours --- */

static void print_rate(const char *what, double values, double took, double bytes)
{
  printf("store %-34s %11.3g values  %9.3g values/s  %6.3f bytes/value\n", what, values,
         values / took, bytes / values);
}

/* Returns values/s over the ticks of the promise. */
static double record(const char *dir, uint64_t ticks)
{
  struct writer_options options = {0};
  struct writer_error error;
  struct writer *writer = NULL;
  double took = 0, rate = 0, begun;
  struct writer_stats stats;

  if (writer_open(dir, &options, &writer, &error) < 0) {
    fprintf(stderr, "%s\n", error.text);
    exit(1);
  }
  for (uint64_t tick = 0; tick < ticks; tick++) {
    struct snapshot *snapshot = make_snapshot(tick);

    begun = seconds();
    if (writer_put(writer, snapshot, &error) < 0) {
      fprintf(stderr, "%s\n", error.text);
      exit(1);
    }
    took += seconds() - begun;
    snapshot_unref(snapshot);
    if (tick + 1 == TICKS_OF_PROMISE)
      rate = (double)ACTORS * VALUES * TICKS_OF_PROMISE / took;
  }
  stats = writer_stats(writer);
  begun = seconds();
  writer_close(writer);
  took += seconds() - begun;
  printf("store rows written %" PRIu64 " of %" PRIu64 "\n", stats.rows, ticks * ACTORS);
  return rate ? rate : (double)ACTORS * VALUES * (double)ticks / took;
}

static int64_t add_bytes;

static int add_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
  (void)at;
  if (type == FTW_F && strstr(path, ".db"))
    add_bytes += st->st_size;
  return 0;
}

static double bytes_in(const char *dir)
{
  add_bytes = 0;
  (void)nftw(dir, add_one, 8, FTW_PHYS);
  return (double)add_bytes;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
  (void)st;
  (void)type;
  (void)at;
  return remove(path);
}

/* --- the baseline --- */

static void check(int result, sqlite3 *sql)
{
  if (result != SQLITE_OK && result != SQLITE_DONE) {
    fprintf(stderr, "baseline: %s\n", sqlite3_errmsg(sql));
    exit(1);
  }
}

static void put_value(sqlite3_stmt *insert, int64_t series, int64_t t, int64_t integer, double real,
                      const char *text)
{
  sqlite3_bind_int64(insert, 1, series);
  sqlite3_bind_int64(insert, 2, t);
  if (text)
    sqlite3_bind_text(insert, 3, text, -1, SQLITE_STATIC);
  else if (real != 0)
    sqlite3_bind_double(insert, 3, real);
  else
    sqlite3_bind_int64(insert, 3, integer);
  check(sqlite3_step(insert), sqlite3_db_handle(insert));
  sqlite3_reset(insert);
}

static void put_row(sqlite3_stmt *insert, uint64_t tick, uint32_t actor)
{
  struct row row = make_row(tick, actor);
  int64_t series = (int64_t)actor * VALUES, t = WALL_MS / 1000 + (int64_t)tick;

  put_value(insert, series, t, row.state, 0, NULL);
  put_value(insert, series + 1, t, 0, 0, row.function);
  put_value(insert, series + 2, t, row.depth, 0, NULL);
  put_value(insert, series + 3, t, row.trend, 0, NULL);
  put_value(insert, series + 4, t, 0, row.growth, NULL);
  put_value(insert, series + 5, t, 0, row.in, NULL);
  put_value(insert, series + 6, t, 0, row.out, NULL);
  put_value(insert, series + 7, t, 0, row.work, NULL);
  put_value(insert, series + 8, t, row.memory, 0, NULL);
  put_value(insert, series + 9, t, row.behind, 0, NULL);
}

static double baseline(const char *dir)
{
  char path[300];
  sqlite3 *sql = NULL;
  sqlite3_stmt *insert = NULL;
  double begun, took = 0, values = 0;

  snprintf(path, sizeof(path), "%s/narrow.db", dir);
  check(sqlite3_open(path, &sql), sql);
  check(sqlite3_exec(sql,
                     "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                     "CREATE TABLE v(series INTEGER, t INTEGER, value, PRIMARY KEY(series, t))"
                     " WITHOUT ROWID",
                     NULL, NULL, NULL),
        sql);
  check(sqlite3_prepare_v2(sql, "INSERT INTO v VALUES(?, ?, ?)", -1, &insert, NULL), sql);
  begun = seconds();
  for (uint64_t tick = 0; tick < TICKS_OF_PROMISE && took < SECONDS_OF_BASELINE; tick++) {
    check(sqlite3_exec(sql, "BEGIN", NULL, NULL, NULL), sql);
    for (uint32_t actor = 0; actor < ACTORS; actor++)
      put_row(insert, tick, actor);
    check(sqlite3_exec(sql, "COMMIT", NULL, NULL, NULL), sql);
    took = seconds() - begun;
    values += (double)ACTORS * VALUES;
  }
  sqlite3_finalize(insert);
  check(sqlite3_exec(sql, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL), sql);
  sqlite3_close(sql);
  print_rate("baseline, a row a value", values, took, bytes_in(dir));
  return values / took;
}

/* --- questions --- */

static int count_begin(struct query_sink *sink, const char *const *names, unsigned count)
{
  (void)sink;
  (void)names;
  (void)count;
  return 0;
}

static unsigned rows_seen;

static int count_row(struct query_sink *sink, const struct query_value *values, unsigned count)
{
  (void)sink;
  (void)values;
  (void)count;
  rows_seen++;
  return 0;
}

static int count_end(struct query_sink *sink)
{
  (void)sink;
  return 0;
}

/* The fastest of three, in milliseconds: the machine may be busy with others. */
static void ask(struct recording *recording, const char *what, const char *sql)
{
  struct query_sink sink = {count_begin, count_row, count_end};
  struct query_error error;
  double best = 1e9;

  for (int i = 0; i < 3; i++) {
    double begun = seconds(), took;

    rows_seen = 0;
    if (query_run(recording_sql(recording), sql, NULL, &sink, &error) < 0) {
      fprintf(stderr, "%s\n", error.text);
      exit(1);
    }
    took = (seconds() - begun) * 1e3;
    best = took < best ? took : best;
  }
  printf("store %-34s %8.2f ms  %u rows\n", what, best, rows_seen);
}

static void ask_all(const char *dir, uint64_t ticks)
{
  struct recording *recording = NULL;
  struct recording_error error;
  struct snapshot *snapshot = NULL;
  int64_t last = WALL_MS / 1000 + (int64_t)ticks - 1, first = last - 3599;
  char sql[300];
  double begun;

  if (recording_open(dir, &recording, &error) < 0) {
    fprintf(stderr, "%s\n", error.text);
    exit(1);
  }
  snprintf(sql, sizeof(sql),
           "SELECT t, depth FROM actors WHERE target_key = 1 AND actor = 77 AND t BETWEEN %" PRId64
           " AND %" PRId64,
           first, last);
  ask(recording, "last hour of one actor, by key", sql);
  snprintf(sql, sizeof(sql),
           "SELECT t, depth FROM actors WHERE name = 'worker-77' AND t BETWEEN %" PRId64
           " AND %" PRId64,
           first, last);
  ask(recording, "last hour of one actor, by name", sql);
  snprintf(sql, sizeof(sql),
           "SELECT name, max(depth) AS depth FROM actors WHERE t BETWEEN %" PRId64 " AND %" PRId64
           " GROUP BY name ORDER BY 2 DESC LIMIT 10",
           first, last);
  ask(recording, "top 10 mailboxes of the last hour", sql);
  begun = seconds();
  if (recording_snapshot(recording, WALL_MS + (int64_t)ticks * 500, &snapshot, &error) < 0) {
    fprintf(stderr, "%s\n", error.text);
    exit(1);
  }
  printf("store %-34s %8.2f ms  %u rows\n", "snapshot of an instant", (seconds() - begun) * 1e3,
         snapshot_rows(snapshot, RELATION_ACTORS));
  snapshot_unref(snapshot);
  recording_free(recording);
}

int main(int argc, char **argv)
{
  uint64_t ticks = argc > 1 ? strtoull(argv[1], NULL, 10) : TICKS_OF_PROMISE;
  char dir[] = "/tmp/impasse-bench-XXXXXX", ours[64], narrow[64];
  double rate, base;

  if (ticks == 0 || !mkdtemp(dir))
    return 1;
  snprintf(ours, sizeof(ours), "%s/ours", dir);
  snprintf(narrow, sizeof(narrow), "%s/narrow", dir);
  if (mkdir(narrow, 0700) < 0)
    return 1;
  rate = record(ours, ticks);
  print_rate("history", (double)ACTORS * VALUES * (double)ticks,
             (double)ACTORS * VALUES * (double)ticks / rate, bytes_in(ours));
  base = baseline(narrow);
  printf("store ratio to the baseline %.1f; promised 5e6 values/s and at most 2 bytes/value\n",
         rate / base);
  ask_all(ours, ticks);
  (void)nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
  return 0;
}
