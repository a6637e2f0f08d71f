/*
 * writer.c - opening, rotating, sealing and forgetting shards, and one transaction a snapshot; see
 * writer.h.
 *
 *              first put                 new day, full, close
 *    no shard ------------------> open ------------------------> sealed
 *       ^                         | ^ |
 *       |     damaged: set aside  | | | put; a failed one is rolled back, and
 *       `-------------------------' `-' all series restart with the next
 *
 * Not here: what of a snapshot is written (series.c), the tables (schema.c), names of files
 * (shard.c).
 */
#include "store/writer.h"

#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/claim.h"
#include "store/encode.h"
#include "store/intern.h"
#include "store/schema.h"
#include "store/series.h"
#include "store/shard.h"
#include "store/shard_make.h"

#define SHARD_BYTES_MIN (4 << 20)
#define SHARDS_IN_BUDGET 8 /* of the bytes to keep, so that the oldest can go */
#define BUDGET_TICKS 60    /* between two looks at days and bytes */
#define SILENCE_MS 10000   /* a longer time without a recorder is a gap */

struct writer {
  char *dir;
  int lock_fd;
  struct writer_options options;
  struct writer_stats stats;

  /* the open shard */
  struct sqlite3 *sql;
  char *path;
  int64_t day;
  unsigned number;
  struct intern *intern;
  struct series *series[RELATION_COUNT];
  sqlite3_stmt *begin, *commit, *rollback, *write_tick;
  uint64_t tick;               /* the last one in it */
  const struct snapshot *last; /* as it was put; NULL = everything is to be begun anew */
  uint64_t last_mono_ns;

  /* what could not be recorded */
  int64_t recorded_until_ms; /* VALUE_UNKNOWN = nothing was recorded before */
  int64_t missed;            /* snapshots since then */
  char reason[128];
};

static int complain(struct writer_error *error, int e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int complain(struct writer_error *error, int e, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  vsnprintf(error->text, sizeof(error->text), format, args);
  va_end(args);
  return e;
}

/* --- looking at what is there --- */

/* Refuses foreign files, seals what a crash left open, and finds out until when there are data. */
static int look_around(struct writer *w, struct writer_error *error)
{
  struct shard_list list = {0};
  int e = shard_list_read(w->dir, &list);

  if (e)
    return complain(error, e, "%s: %s", w->dir, strerror(-e));
  for (size_t i = 0; i < list.count && e == 0; i++) {
    enum shard_kind kind;
    bool wal;

    e = shard_look(list.shards[i].path, &kind, &wal);
    if (e)
      complain(error, e, "%s: %s", list.shards[i].path, strerror(-e));
    else if (kind == SHARD_FOREIGN)
      e = complain(error, -EMEDIUMTYPE,
                   "%s: has the name of a recording but is not one; move it away or use another "
                   "directory",
                   list.shards[i].path);
    else if (kind == SHARD_OURS && wal && i + 1 < list.count)
      (void)shard_seal(list.shards[i].path); /* with a reader in it: next time */
    else if (kind == SHARD_OURS && i + 1 == list.count)
      (void)shard_last_ms(list.shards[i].path, &w->recorded_until_ms); /* only for `gaps` */
  }
  shard_list_done(&list);
  return e;
}

int writer_open(const char *dir, const struct writer_options *options, struct writer **ret_writer,
                struct writer_error *error)
{
  struct writer *w = calloc(1, sizeof(*w));
  int e;

  if (!w)
    return complain(error, -ENOMEM, "out of memory");
  w->lock_fd = -1;
  w->options = *options;
  w->recorded_until_ms = VALUE_UNKNOWN;
  w->dir = strdup(dir);
  e = w->dir ? claim_take(dir, &w->lock_fd, error->text, sizeof(error->text))
             : complain(error, -ENOMEM, "out of memory");
  if (e == 0)
    e = look_around(w, error);
  if (e) {
    writer_close(w);
    return e;
  }
  *ret_writer = w;
  return 0;
}

/* --- the open shard --- */

static int complain_sql(const struct writer *w, int result, struct writer_error *error)
{
  int e = shard_errno(w->sql, result);

  return complain(error, e, "%s: %s", w->path ? w->path : w->dir,
                  w->sql ? sqlite3_errmsg(w->sql) : sqlite3_errstr(result));
}

static void end_series(struct writer *w)
{
  for (unsigned r = 0; r < RELATION_COUNT; r++) {
    w->stats.rows += w->series[r] ? series_rows(w->series[r]) : 0;
    series_free(w->series[r]);
    w->series[r] = NULL;
  }
  intern_free(w->intern);
  w->intern = NULL;
}

/* Lets go of the shard as it is. */
static void shard_drop(struct writer *w)
{
  end_series(w);
  (void)sqlite3_finalize(w->begin); /* repeat the errors of the last steps */
  (void)sqlite3_finalize(w->commit);
  (void)sqlite3_finalize(w->rollback);
  (void)sqlite3_finalize(w->write_tick);
  w->begin = w->commit = w->rollback = w->write_tick = NULL;
  (void)sqlite3_close_v2(w->sql); /* nothing is open on it any more */
  w->sql = NULL;
  free(w->path);
  w->path = NULL;
  snapshot_unref(w->last);
  w->last = NULL;
}

static int run(sqlite3_stmt *statement)
{
  int result = sqlite3_step(statement);

  (void)sqlite3_reset(statement); /* repeats the error of the step */
  return result == SQLITE_DONE || result == SQLITE_ROW ? SQLITE_OK : result;
}

/* Whether we may add to this shard: it was made for exactly this dictionary. (SQLITE_ERROR: it has
 * no such table.) */
static int is_same_schema(struct writer *w, bool *ret_same)
{
  sqlite3_stmt *statement = NULL;
  char fingerprint[20];
  int result = sqlite3_prepare_v2(w->sql, "SELECT value FROM meta WHERE key = 'fingerprint'", -1,
                                  &statement, NULL);

  if (result == SQLITE_OK)
    result = sqlite3_step(statement);
  *ret_same = false;
  if (result == SQLITE_ROW) {
    const char *value = (const char *)sqlite3_column_text(statement, 0);

    snprintf(fingerprint, sizeof(fingerprint), "%016" PRIx64, schema_fingerprint());
    *ret_same = value && strcmp(value, fingerprint) == 0;
  }
  (void)sqlite3_finalize(statement); /* repeats the error of the step */
  return result == SQLITE_ROW || result == SQLITE_DONE || result == SQLITE_ERROR ? SQLITE_OK
                                                                                 : result;
}

static int prepare_all(struct writer *w)
{
  static const char *const texts[] = {
      "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK",
      "INSERT INTO tick(n, t_ms, mono_ns, number, host, boot) VALUES(?, ?, ?, ?, ?, ?)"};
  sqlite3_stmt **statements[] = {&w->begin, &w->commit, &w->rollback, &w->write_tick};
  int result = SQLITE_OK, e = 0;

  for (unsigned i = 0; result == SQLITE_OK && i < 4; i++)
    result =
        sqlite3_prepare_v3(w->sql, texts[i], -1, SQLITE_PREPARE_PERSISTENT, statements[i], NULL);
  if (result != SQLITE_OK)
    return shard_errno(w->sql, result);
  e = intern_new(w->sql, &w->intern);
  for (unsigned r = 0; e == 0 && r < RELATION_COUNT; r++)
    e = series_new((enum relation)r, w->sql, w->intern, &w->series[r]);
  return e;
}

static int sql_open(struct writer *w)
{
  int result = sqlite3_open_v2(w->path, &w->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
  int persist = 1;

  if (result == SQLITE_OK)
    result = sqlite3_busy_timeout(w->sql, 2000);
  if (result == SQLITE_OK) /* others can read a live file only while its -wal is there */
    result = sqlite3_file_control(w->sql, NULL, SQLITE_FCNTL_PERSIST_WAL, &persist);
  return result;
}

/* Opens the file at w->path and gets ready to write. *ret_fits false: another schema, it was let go
 * again. */
static int shard_open(struct writer *w, bool *ret_fits)
{
  int result = sql_open(w);

  *ret_fits = true;
  if (result == SQLITE_OK)
    result = is_same_schema(w, ret_fits);
  if (result == SQLITE_OK && !*ret_fits)
    return 0;
  if (result == SQLITE_OK)
    result = sqlite3_exec(w->sql,
                          "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                          "PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 1000",
                          NULL, NULL, NULL);
  if (result != SQLITE_OK)
    return shard_errno(w->sql, result);
  return prepare_all(w);
}

static int64_t shard_limit(const struct writer *w)
{
  int64_t limit = w->options.keep_bytes / SHARDS_IN_BUDGET;

  if (w->options.keep_bytes == 0)
    return INT64_MAX;
  return limit < SHARD_BYTES_MIN ? SHARD_BYTES_MIN : limit;
}

/* The newest number of a day, 0 = none. */
static int newest_number(const struct writer *w, int64_t day, unsigned *ret_number)
{
  struct shard_list list = {0};
  int e = shard_list_read(w->dir, &list);

  *ret_number = 0;
  for (size_t i = 0; e == 0 && i < list.count; i++)
    if (list.shards[i].day == day)
      *ret_number = list.shards[i].number;
  shard_list_done(&list);
  return e;
}

/* A damaged shard keeps its data for whoever can save them, under another name. */
static int set_aside(struct writer *w, struct writer_error *error)
{
  char *path = w->path ? strdup(w->path) : NULL;
  int e;

  shard_drop(w);
  e = path ? shard_set_aside(path) : -ENOMEM;
  if (e)
    complain(error, e, "%s: is damaged and cannot be set aside: %s", path ? path : w->dir,
             strerror(-e));
  snprintf(w->reason, sizeof(w->reason), "the recording was damaged and was set aside");
  free(path);
  return e;
}

/* Opens this number of the day. Returns 1 where the next number is to be tried. */
static int try_number(struct writer *w, int64_t day, unsigned number, struct writer_error *error)
{
  enum shard_kind kind = SHARD_EMPTY;
  bool wal, fits = false;
  int e;

  w->path = shard_path(w->dir, day, number);
  if (!w->path)
    return complain(error, -ENOMEM, "out of memory");
  e = shard_look(w->path, &kind, &wal);
  if (e == -ENOENT) {
    e = shard_make(w->path);
    kind = SHARD_OURS;
  }
  if (e == 0 && kind == SHARD_FOREIGN)
    e = -EMEDIUMTYPE;
  if (e == 0 && kind == SHARD_OURS && shard_bytes(w->path) < shard_limit(w))
    e = shard_open(w, &fits);
  if (e == 0 && kind == SHARD_DAMAGED)
    e = -EUCLEAN;
  if (e == 0 && fits) {
    w->day = day;
    w->number = number;
    return 0;
  }
  if (e && e != -EUCLEAN)
    complain(error, e, "%s: %s", w->path,
             e == -EMEDIUMTYPE ? "has the name of a recording but is not one"
             : w->sql          ? sqlite3_errmsg(w->sql)
                               : strerror(-e));
  if (e == -EUCLEAN)
    e = set_aside(w, error);
  shard_drop(w);
  return e ? e : 1;
}

static int shard_begin(struct writer *w, int64_t day, struct writer_error *error)
{
  unsigned number;
  int e = newest_number(w, day, &number);

  if (e)
    return complain(error, e, "%s: %s", w->dir, strerror(-e));
  if (number == 0)
    number = 1;
  do
    e = try_number(w, day, number++, error);
  while (e == 1 && number < 10000);
  if (e == 1)
    return complain(error, -ENOSPC, "%s: too many shards of one day", w->dir);
  return e;
}

/* Soft columns that wait for a keyframe are written before a shard is closed. */
static void flush(struct writer *w)
{
  struct encode_now now = {.tick = w->tick,
                           .mono_ns = w->last_mono_ns,
                           .last_mono_ns = w->last_mono_ns,
                           .target_age_ms = VALUE_UNKNOWN,
                           .target_swept_ms = VALUE_UNKNOWN};
  int result;

  if (!w->last || run(w->begin) != SQLITE_OK)
    return;
  result = SQLITE_OK;
  for (unsigned r = 0; result == SQLITE_OK && r < RELATION_COUNT; r++)
    if (schema_is_interval((enum relation)r))
      result = series_put(w->series[r], w->last, w->last, &now, true);
  if (result == SQLITE_OK)
    result = run(w->commit);
  if (result != SQLITE_OK)
    (void)run(w->rollback); /* they stay a keyframe behind */
}

static void shard_end(struct writer *w)
{
  if (!w->sql)
    return;
  flush(w);
  end_series(w);                 /* a running statement would forbid sealing */
  (void)shard_seal_open(w->sql); /* with a reader in it: when the directory is opened next */
  shard_drop(w);
}

/* --- the budget --- */

static int64_t oldest_day(const struct writer *w, int64_t wall_ms)
{
  return shard_day(wall_ms - (int64_t)w->options.keep_days * 24 * 3600 * 1000);
}

static void keep_budget(struct writer *w, int64_t wall_ms)
{
  struct shard_list list = {0};
  int64_t bytes = 0;

  if (shard_list_read(w->dir, &list) < 0)
    return; /* tried again in a minute */
  for (size_t i = 0; i < list.count; i++)
    bytes += shard_bytes(list.shards[i].path);
  for (size_t i = 0; i < list.count; i++) {
    const struct shard *shard = &list.shards[i];
    int64_t size = shard_bytes(shard->path);
    bool old = w->options.keep_days && shard->day < oldest_day(w, wall_ms);
    bool much = w->options.keep_bytes && bytes > w->options.keep_bytes;

    if ((!old && !much) || (w->path && strcmp(shard->path, w->path) == 0))
      continue;
    if (shard_remove(shard->path) == 0)
      bytes -= size;
  }
  shard_list_done(&list);
}

/* --- putting --- */

static int last_tick(struct writer *w, int64_t *ret_t_ms)
{
  sqlite3_stmt *statement = NULL;
  int result = sqlite3_prepare_v2(w->sql, "SELECT n, t_ms FROM tick ORDER BY n DESC LIMIT 1", -1,
                                  &statement, NULL);

  w->tick = 0;
  if (result == SQLITE_OK)
    result = sqlite3_step(statement);
  if (result == SQLITE_ROW) {
    w->tick = (uint64_t)sqlite3_column_int64(statement, 0);
    *ret_t_ms = sqlite3_column_int64(statement, 1);
  }
  (void)sqlite3_finalize(statement); /* repeats the error of the step */
  return result == SQLITE_ROW || result == SQLITE_DONE ? SQLITE_OK : result;
}

static int restart(struct writer *w)
{
  int result = last_tick(w, &w->recorded_until_ms);

  intern_forget(w->intern);
  for (unsigned r = 0; result == SQLITE_OK && r < RELATION_COUNT; r++)
    result = series_restart(w->series[r], w->tick);
  return result;
}

static int write_tick(struct writer *w, struct snapshot_about about)
{
  int64_t host, boot;
  int result = intern_number(w->intern, about.host, &host);

  if (result == SQLITE_OK)
    result = intern_number(w->intern, about.boot_id, &boot);
  if (result != SQLITE_OK)
    return result;
  (void)sqlite3_bind_int64(w->write_tick, 1, (int64_t)w->tick + 1); /* ours: cannot fail */
  (void)sqlite3_bind_int64(w->write_tick, 2, about.now.wall_ms);
  (void)sqlite3_bind_int64(w->write_tick, 3, (int64_t)about.now.mono_ns);
  (void)sqlite3_bind_int64(w->write_tick, 4, (int64_t)about.tick);
  (void)sqlite3_bind_int64(w->write_tick, 5, host);
  (void)sqlite3_bind_int64(w->write_tick, 6, boot);
  return run(w->write_tick);
}

/* The writer's own row of `gaps`. */
static int write_gap(struct writer *w, struct snapshot_about about)
{
  int64_t values[GAPS_COLUMN_COUNT];
  int result;

  for (unsigned c = 0; c < GAPS_COLUMN_COUNT; c++)
    values[c] = ENCODE_NULL;
  if (w->recorded_until_ms != VALUE_UNKNOWN)
    values[GAPS_SINCE] = w->recorded_until_ms / 1000;
  values[GAPS_UNTIL] = about.now.wall_ms / 1000;
  if (w->missed)
    values[GAPS_COUNT] = w->missed;
  result = intern_number(w->intern, w->reason, &values[GAPS_REASON]);
  if (result == SQLITE_OK)
    result = intern_number(w->intern, about.host, &values[GAPS_HOST]);
  return result == SQLITE_OK ? series_add(w->series[RELATION_GAPS], w->tick + 1, values) : result;
}

/* Whether something is missing between what is recorded and this snapshot, and why. */
static bool has_gap(struct writer *w, struct snapshot_about about)
{
  if (w->reason[0])
    return true;
  if (w->recorded_until_ms == VALUE_UNKNOWN || w->last ||
      about.now.wall_ms - w->recorded_until_ms < SILENCE_MS)
    return false;
  snprintf(w->reason, sizeof(w->reason), "no recorder was running");
  return true;
}

static int put_all(struct writer *w, const struct snapshot *snapshot)
{
  struct snapshot_about about = snapshot_about(snapshot);
  struct encode_now now = {.tick = w->tick + 1,
                           .mono_ns = about.now.mono_ns,
                           .last_mono_ns = w->last ? w->last_mono_ns : 0,
                           .target_age_ms = VALUE_UNKNOWN,
                           .target_swept_ms = VALUE_UNKNOWN};
  int result = write_tick(w, about);

  if (result == SQLITE_OK && has_gap(w, about))
    result = write_gap(w, about);
  for (unsigned r = 0; result == SQLITE_OK && r < RELATION_COUNT; r++)
    result = series_put(w->series[r], w->last, snapshot, &now, false);
  return result;
}

/* One snapshot, one transaction. */
static int put(struct writer *w, const struct snapshot *snapshot)
{
  int result = run(w->begin);

  if (result != SQLITE_OK)
    return result;
  if (!w->last)
    result = restart(w);
  if (result == SQLITE_OK)
    result = put_all(w, snapshot);
  if (result == SQLITE_OK)
    result = run(w->commit);
  return result;
}

/* What the series remember is not in the file: they begin anew with the next snapshot. */
static void give_up(struct writer *w, int e)
{
  if (w->sql && !sqlite3_get_autocommit(w->sql))
    (void)run(w->rollback); /* SQLite has done so already after some errors */
  snapshot_unref(w->last);
  w->last = NULL;
  w->stats.failed++;
  w->missed++;
  if (!w->reason[0])
    snprintf(w->reason, sizeof(w->reason), "recording failed: %s", strerror(-e));
}

static void note(struct writer *w, const struct snapshot *snapshot)
{
  struct snapshot_about about = snapshot_about(snapshot);

  snapshot_unref(w->last);
  w->last = snapshot_ref(snapshot);
  w->last_mono_ns = about.now.mono_ns;
  w->recorded_until_ms = about.now.wall_ms;
  w->missed = 0;
  w->reason[0] = '\0';
  w->tick++;
  w->stats.ticks++;
}

/* Makes sure that the right shard for this instant is open. */
static int turn_page(struct writer *w, int64_t wall_ms, struct writer_error *error)
{
  int64_t day = shard_day(wall_ms);
  bool look = w->stats.ticks % BUDGET_TICKS == 0;

  if (w->sql && (day > w->day || (look && shard_bytes(w->path) >= shard_limit(w))))
    shard_end(w);
  if (!w->sql) {
    int e = shard_begin(w, day, error);

    if (e) {
      give_up(w, e);
      shard_drop(w);
      return e;
    }
    look = true;
  }
  if (look)
    keep_budget(w, wall_ms);
  return 0;
}

int writer_put(struct writer *w, const struct snapshot *snapshot, struct writer_error *error)
{
  int64_t wall_ms = snapshot_about(snapshot).now.wall_ms;
  bool again = true;

  for (;;) {
    int result, e = turn_page(w, wall_ms, error);

    if (e)
      return e;
    result = put(w, snapshot);
    if (result == SQLITE_OK)
      break;
    e = complain_sql(w, result, error);
    give_up(w, e);
    if (e != -EUCLEAN || !again)
      return e;
    w->missed--; /* not lost yet: it goes to a new shard */
    w->stats.failed--;
    again = false;
    e = set_aside(w, error);
    if (e)
      return e;
  }
  note(w, snapshot);
  return 0;
}

struct writer_stats writer_stats(const struct writer *w)
{
  struct writer_stats stats = w->stats;

  for (unsigned r = 0; r < RELATION_COUNT; r++)
    stats.rows += w->series[r] ? series_rows(w->series[r]) : 0;
  stats.shard = w->path ? w->path : "";
  stats.shard_bytes = w->path ? shard_bytes(w->path) : 0;
  return stats;
}

void writer_close(struct writer *w)
{
  if (!w)
    return;
  shard_end(w);
  shard_drop(w);
  if (w->lock_fd >= 0)
    (void)close(w->lock_fd); /* lets the lock go */
  free(w->dir);
  free(w);
}
