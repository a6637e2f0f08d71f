/* recording.c - finding, opening and stepping through the shards of a recording; see
 * recording.h. */
#include "store/recording.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/harmless.h"
#include "store/query.h"
#include "store/query_text.h"
#include "store/recording_shards.h"
#include "store/schema.h"
#include "store/shard.h"

#define OPEN_MAX 8 /* shards that stay open */
#define BUSY_MS 2000

/* --- errors --- */

int recording_complain(struct recording_error *error, int e, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  vsnprintf(error->text, sizeof(error->text), format, args);
  va_end(args);
  harmless_message(error->text);
  return e;
}

int recording_complain_sql(struct recording_error *error, const struct recorded *shard, int result)
{
  int e = shard_errno(shard->sql, result);
  bool said = shard->sql && sqlite3_errcode(shard->sql) == result; /* else it is our own finding */

  return recording_complain(error, e, "%s: %s%s", shard->path,
                            said ? sqlite3_errmsg(shard->sql) : sqlite3_errstr(result),
                            e == -EUCLEAN ? " (the file is damaged)" : "");
}

static int complain_kind(const char *path, enum shard_kind kind, struct recording_error *error)
{
  switch (kind) {
  case SHARD_FOREIGN:
    return recording_complain(error, -EMEDIUMTYPE, "%s: is not a recording of impasse", path);
  case SHARD_NEWER:
    return recording_complain(
        error, -EPROTONOSUPPORT,
        "%s: was written by a newer impasse (this one reads layouts up to %d)", path,
        SCHEMA_VERSION);
  case SHARD_DAMAGED:
    return recording_complain(error, -EUCLEAN, "%s: is damaged: it is not a database", path);
  case SHARD_EMPTY:
  case SHARD_OURS:
    break;
  }
  return 0;
}

/* --- one shard --- */

static void shard_close(struct recorded *shard)
{
  (void)sqlite3_close_v2(shard->sql); /* no statement is open on it: `used` is 0 */
  shard->sql = NULL;
}

static void recorded_free(struct recorded *shard)
{
  if (!shard)
    return;
  shard_close(shard);
  free(shard->path);
  free(shard);
}

/* Which columns of a relation the file has: an older one has fewer, one of a later dictionary
 * more. */
static int read_columns(struct recorded *shard, enum relation relation)
{
  sqlite3_stmt *statement = NULL;
  int result =
      sqlite3_prepare_v2(shard->sql, "SELECT name FROM pragma_table_info(?)", -1, &statement, NULL);

  shard->columns[relation] = 0;
  if (result == SQLITE_OK)
    result = sqlite3_bind_text(statement, 1, relation_info(relation)->name, -1, SQLITE_STATIC);
  while (result == SQLITE_OK || result == SQLITE_ROW) {
    const char *name;

    result = sqlite3_step(statement);
    name = result == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    for (unsigned c = 0; name && c < schema_column_count(relation) && c < 64; c++)
      if (strcmp(schema_column_name(relation, c), name) == 0)
        shard->columns[relation] |= 1ull << c;
  }
  (void)sqlite3_finalize(statement); /* repeats the error of the step */
  return result == SQLITE_DONE ? SQLITE_OK : result;
}

static void close_oldest(struct recording *recording)
{
  struct recorded *oldest = NULL;
  unsigned open = 0;

  for (size_t i = 0; i < recording->count; i++) {
    struct recorded *shard = recording->shards[i];

    if (!shard->sql)
      continue;
    open++;
    if (shard->used == 0 && (!oldest || shard->asked < oldest->asked))
      oldest = shard;
  }
  if (open >= OPEN_MAX && oldest)
    shard_close(oldest);
}

int recorded_open(struct recording *recording, struct recorded *shard,
                  struct recording_error *error)
{
  enum shard_kind kind = SHARD_EMPTY;
  bool wal;
  int e, result;

  shard->asked = ++recording->asked;
  if (shard->sql || shard->vanished)
    return 0;
  close_oldest(recording);
  e = shard_look(shard->path, &kind, &wal);
  shard->vanished = (e == -ENOENT && recording->is_dir) || (e == 0 && kind == SHARD_EMPTY);
  if (shard->vanished)
    return 0;
  if (e)
    return recording_complain(error, e, "%s: %s", shard->path, strerror(-e));
  e = complain_kind(shard->path, kind, error);
  if (e)
    return e;
  result =
      sqlite3_open_v2(shard->path, &shard->sql, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
  if (result == SQLITE_OK)
    result = sqlite3_busy_timeout(shard->sql, BUSY_MS);
  if (result == SQLITE_OK) /* only the recorder may checkpoint: WAL-reset bug, SQLite 3.51.3 */
    result = sqlite3_db_config(shard->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  if (result == SQLITE_OK)
    result = sqlite3_wal_autocheckpoint(shard->sql, 0);
  for (unsigned r = 0; result == SQLITE_OK && r < RELATION_COUNT; r++)
    result = read_columns(shard, (enum relation)r);
  if (result == SQLITE_OK && query_restrict(shard->sql) < 0) /* its views are foreign text */
    result = SQLITE_NOMEM;
  if (result != SQLITE_OK) {
    e = recording_complain_sql(error, shard, result);
    shard_close(shard);
    return e;
  }
  sqlite3_progress_handler(shard->sql, QUERY_STEPS_BETWEEN_LOOKS, query_is_over, NULL);
  return 0;
}

int recorded_range(struct recording *recording, struct recorded *shard, int64_t *ret_first_ms,
                   int64_t *ret_last_ms, struct recording_error *error)
{
  static const char text[] =
      "SELECT (SELECT min(t_ms) FROM tick WHERE t = (SELECT min(t) FROM tick)),"
      " (SELECT max(t_ms) FROM tick WHERE t = (SELECT max(t) FROM tick))";
  bool newest = shard == recording->shards[recording->count - 1];
  sqlite3_stmt *statement = NULL;
  int result, e = 0;

  if (!shard->have_range || newest) {
    shard->first_ms = INT64_MAX;
    shard->last_ms = INT64_MIN;
    e = recorded_open(recording, shard, error);
    if (e)
      return e;
    if (!shard->vanished) {
      result = sqlite3_prepare_v2(shard->sql, text, -1, &statement, NULL);
      if (result == SQLITE_OK)
        result = sqlite3_step(statement);
      if (result == SQLITE_ROW && sqlite3_column_type(statement, 0) == SQLITE_INTEGER) {
        shard->first_ms = sqlite3_column_int64(statement, 0);
        shard->last_ms = sqlite3_column_int64(statement, 1);
      }
      if (result != SQLITE_ROW)
        e = recording_complain_sql(error, shard, result);
      (void)sqlite3_finalize(statement); /* repeats the error of the step */
    }
    shard->have_range = e == 0;
  }
  *ret_first_ms = shard->first_ms;
  *ret_last_ms = shard->last_ms;
  return e;
}

/* --- all of them --- */

static int add(struct recording *recording, const char *path, int64_t day, unsigned number)
{
  struct recorded **more =
      reallocarray(recording->shards, recording->count + 1, sizeof(struct recorded *));
  struct recorded *shard;

  if (!more)
    return -ENOMEM;
  recording->shards = more;
  shard = calloc(1, sizeof(*shard));
  if (!shard)
    return -ENOMEM;
  shard->day = day;
  shard->number = number;
  shard->path = strdup(path);
  if (!shard->path) {
    free(shard);
    return -ENOMEM;
  }
  recording->shards[recording->count++] = shard;
  return 0;
}

static bool is_among(const struct shard *shard, struct recorded *const *known, size_t count,
                     size_t *ret_at)
{
  for (size_t i = 0; i < count; i++) {
    if (known[i] && known[i]->day == shard->day && known[i]->number == shard->number) {
      *ret_at = i;
      return true;
    }
  }
  return false;
}

int recording_refresh(struct recording *recording, struct recording_error *error)
{
  struct shard_list list = {0};
  struct recorded **known = recording->shards;
  size_t known_count = recording->count, at;
  int e;

  if (!recording->is_dir)
    return 0;
  e = shard_list_read(recording->path, &list);
  if (e)
    return recording_complain(error, e, "%s: %s", recording->path, strerror(-e));
  recording->shards = NULL;
  recording->count = 0;
  for (size_t i = 0; e == 0 && i < list.count; i++) {
    e = add(recording, list.shards[i].path, list.shards[i].day, list.shards[i].number);
    if (e == 0 && is_among(&list.shards[i], known, known_count, &at) && !known[at]->vanished) {
      recorded_free(recording->shards[i]);
      recording->shards[i] = known[at];
      known[at] = NULL;
      recording->shards[i]->have_range &= i + 1 < list.count;
    }
  }
  for (size_t i = 0; i < known_count; i++)
    recorded_free(known[i]);
  free(known);
  shard_list_done(&list);
  return e ? recording_complain(error, e, "out of memory") : 0;
}

static int find_shards(struct recording *recording, struct recording_error *error)
{
  struct stat st;
  int e;

  if (stat(recording->path, &st) < 0)
    return recording_complain(error, -errno, "%s: %s", recording->path, strerror(errno));
  recording->is_dir = S_ISDIR(st.st_mode);
  if (!recording->is_dir)
    e = add(recording, recording->path, 0, 0);
  else
    e = recording_refresh(recording, error);
  if (e == 0 && recording->count == 0)
    return recording_complain(error, -ENOENT, "%s: nothing is recorded there", recording->path);
  return e;
}

/* Looks at the first bytes of all, so that a wrong file is told at once; old files are opened when
 * asked for. */
static int check_shards(const struct recording *recording, struct recording_error *error)
{
  int e = 0;

  for (size_t i = 0; e == 0 && i < recording->count; i++) {
    enum shard_kind kind = SHARD_EMPTY;
    bool wal;

    e = shard_look(recording->shards[i]->path, &kind, &wal);
    if (e == 0)
      e = complain_kind(recording->shards[i]->path, kind, error);
    else if (e != -ENOENT || !recording->is_dir)
      recording_complain(error, e, "%s: %s", recording->shards[i]->path, strerror(-e));
    else
      e = 0;
  }
  return e;
}

int recording_open(const char *path, struct recording **ret_recording,
                   struct recording_error *error)
{
  struct recording *recording = calloc(1, sizeof(*recording));
  int e = -ENOMEM;

  if (recording)
    recording->path = strdup(path);
  if (!recording || !recording->path) {
    recording_complain(error, e, "out of memory");
    goto out;
  }
  e = find_shards(recording, error);
  if (e == 0)
    e = check_shards(recording, error);
  if (e == 0)
    e = recorded_open(recording, recording->shards[recording->count - 1], error);
  if (e)
    goto out;
  e = history_make_tables(recording);
  if (e) {
    recording_complain(error, e, "out of memory");
    goto out;
  }
  *ret_recording = recording;
  return 0;
out:
  recording_free(recording);
  return e;
}

void recording_free(struct recording *recording)
{
  if (!recording)
    return;
  (void)sqlite3_close_v2(recording->sql); /* no statement outlives query_run */
  for (size_t i = 0; i < recording->count; i++)
    recorded_free(recording->shards[i]);
  free(recording->shards);
  free(recording->path);
  free(recording);
}

struct sqlite3 *recording_sql(struct recording *recording)
{
  struct recording_error error;

  (void)recording_refresh(recording, &error); /* else the shards that were there before are asked */
  return recording->sql;
}

int recording_range(struct recording *recording, int64_t *ret_first_ms, int64_t *ret_last_ms)
{
  struct recording_error error;
  int64_t first = INT64_MAX, last = INT64_MIN, shard_first, shard_last;
  int e = recording_refresh(recording, &error);

  for (size_t i = 0; e == 0 && i < recording->count; i++) {
    e = recorded_range(recording, recording->shards[i], &shard_first, &shard_last, &error);
    if (e)
      break;
    first = shard_first < first ? shard_first : first;
    last = shard_last > last ? shard_last : last;
  }
  if (e)
    return e;
  if (first > last)
    return -ENODATA;
  *ret_first_ms = first;
  *ret_last_ms = last;
  return 0;
}
