/* query.c - one statement, its limits and its rows; see query.h. Not here: the SELECT of `show`
 * (show.c). */
#include "store/query.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "store/harmless.h"
#include "store/query_text.h"
#include "store/shard.h"

/* --- what a connection refuses --- */

static int authorize(void *unused, int action, const char *a, const char *b, const char *database,
                     const char *trigger)
{
  (void)unused;
  (void)a;
  (void)database;
  (void)trigger;
  switch (action) {
  case SQLITE_SELECT:
  case SQLITE_READ:
  case SQLITE_RECURSIVE:
    return SQLITE_OK;
  case SQLITE_FUNCTION:
    return b && strcasecmp(b, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
  default:
    return SQLITE_DENY;
  }
}

/* A virtual table is declared when it is first named, by a CREATE TABLE that the authorizer would
 * refuse. */
static int declare_all(struct sqlite3 *sql)
{
  int result = SQLITE_OK;

  for (unsigned r = 0; result == SQLITE_OK && r < RELATION_COUNT; r++) {
    char *text = sqlite3_mprintf("SELECT 1 FROM %s", relation_info((enum relation)r)->name);
    sqlite3_stmt *statement = NULL;

    result = text ? sqlite3_prepare_v2(sql, text, -1, &statement, NULL) : SQLITE_NOMEM;
    (void)sqlite3_finalize(statement); /* never run */
    sqlite3_free(text);
  }
  return result;
}

int query_protect(struct sqlite3 *sql)
{
  int result = declare_all(sql);

  return result == SQLITE_OK ? query_restrict(sql) : -ENOMEM;
}

int query_restrict(struct sqlite3 *sql)
{
  static const struct {
    int limit, value;
  } limits[] = {
      {SQLITE_LIMIT_LENGTH, 64 << 20}, {SQLITE_LIMIT_SQL_LENGTH, 256 << 10},
      {SQLITE_LIMIT_EXPR_DEPTH, 200},  {SQLITE_LIMIT_COMPOUND_SELECT, 64},
      {SQLITE_LIMIT_ATTACHED, 0},      {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000},
      {SQLITE_LIMIT_TRIGGER_DEPTH, 0}, {SQLITE_LIMIT_WORKER_THREADS, 0},
  };

  for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
    (void)sqlite3_limit(sql, limits[i].limit, limits[i].value); /* returns the former one */
  if (sqlite3_db_config(sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
      sqlite3_db_config(sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK ||
      sqlite3_set_authorizer(sql, authorize, NULL) != SQLITE_OK)
    return -ENOMEM;
  return 0;
}

/* --- deadline and cancel --- */

static int is_over(const struct query_limits *limits)
{
  struct timespec now;

  if (limits->cancel && atomic_load_explicit(limits->cancel, memory_order_relaxed))
    return -ECANCELED;
  if (limits->deadline_ns == 0)
    return 0;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if ((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec >= limits->deadline_ns)
    return -ETIMEDOUT;
  return 0;
}

/* The limits of the query that runs on this thread: a recording has connections of its own behind
 * the one that is asked, and those have to end with it. */
static _Thread_local const struct query_limits *running;

int query_is_over(void *unused)
{
  (void)unused;
  return running && is_over(running) != 0;
}

/* --- errors --- */

int query_complain(struct query_error *error, int e, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  vsnprintf(error->text, sizeof(error->text), format, args);
  va_end(args);
  harmless_message(error->text);
  return e;
}

/* "--where, column 12": the part of the text that the place is in, and where in it. */
static void place_name(const struct query_text *text, int offset, char *ret_name, size_t room)
{
  size_t at = offset < 0 ? 0 : (size_t)offset;

  if (offset < 0) {
    snprintf(ret_name, room, "%s", text->whole);
    return;
  }
  for (size_t i = 0; i < text->part_count; i++) {
    const struct query_part *part = &text->parts[i];

    if (at >= part->start && at < part->start + part->length) {
      snprintf(ret_name, room, "%s, column %zu", part->name, at - part->start + 1);
      return;
    }
    if (at >= part->start + part->length && at <= part->start + part->length + 2) {
      snprintf(ret_name, room, "%s, at its end", part->name);
      return;
    }
  }
  snprintf(ret_name, room, "%s, column %zu", text->whole, at + 1);
}

static int complain_sql(struct sqlite3 *sql, int result, const struct query_text *text,
                        const struct query_limits *limits, struct query_error *error)
{
  char place[64];
  int e;

  if (result == SQLITE_INTERRUPT) {
    e = is_over(limits);
    return query_complain(error, e ? e : -ECANCELED, "%s: %s", text->whole,
                          e == -ETIMEDOUT ? "it took too long and was ended" : "it was ended");
  }
  place_name(text, sqlite3_error_offset(sql), place, sizeof(place));
  if (result == SQLITE_AUTH)
    return query_complain(error, -EACCES, "%s: %s (only questions are answered: SELECT)", place,
                          sqlite3_errmsg(sql));
  return query_complain(error, shard_errno(sql, result), "%s: %s", place, sqlite3_errmsg(sql));
}

/* --- running --- */

static int prepare(struct sqlite3 *sql, const struct query_text *text,
                   const struct query_limits *limits, sqlite3_stmt **ret_statement,
                   struct query_error *error)
{
  sqlite3_stmt *statement = NULL, *second = NULL;
  const char *tail = NULL;
  int result = sqlite3_prepare_v2(sql, text->sql, -1, &statement, &tail);

  if (result != SQLITE_OK)
    return complain_sql(sql, result, text, limits, error);
  if (!statement)
    return query_complain(error, -EINVAL, "%s: there is no statement in it", text->whole);
  if (tail && *tail && (sqlite3_prepare_v2(sql, tail, -1, &second, NULL) != SQLITE_OK || second)) {
    (void)sqlite3_finalize(second); /* never run */
    (void)sqlite3_finalize(statement);
    return query_complain(error, -EINVAL, "%s, column %zu: one statement at a time", text->whole,
                          (size_t)(tail - text->sql) + 1);
  }
  if (!sqlite3_stmt_readonly(statement) || sqlite3_column_count(statement) == 0) {
    (void)sqlite3_finalize(statement); /* never run */
    return query_complain(error, -EACCES, "%s: only questions are answered: SELECT", text->whole);
  }
  *ret_statement = statement;
  return 0;
}

static struct query_value cell(sqlite3_stmt *statement, int column)
{
  struct query_value value = {.type = QUERY_NULL};

  switch (sqlite3_column_type(statement, column)) {
  case SQLITE_INTEGER:
    value.type = QUERY_INTEGER;
    value.integer = sqlite3_column_int64(statement, column);
    break;
  case SQLITE_FLOAT:
    value.type = QUERY_REAL;
    value.real = sqlite3_column_double(statement, column);
    break;
  case SQLITE_TEXT:
  case SQLITE_BLOB: /* _text adds the NUL that a BLOB has not */
    value.type = QUERY_TEXT;
    value.text = (const char *)sqlite3_column_text(statement, column);
    value.length = (size_t)sqlite3_column_bytes(statement, column);
    if (!value.text)
      value.text = "";
    break;
  default:
    break;
  }
  return value;
}

static int begin(struct query_sink *sink, sqlite3_stmt *statement, unsigned count)
{
  const char **names = calloc(count, sizeof(*names));
  int e = -ENOMEM;

  if (!names)
    return e;
  for (unsigned i = 0; i < count; i++) {
    names[i] = sqlite3_column_name(statement, (int)i);
    if (!names[i])
      goto out;
  }
  e = sink->begin(sink, names, count);
out:
  free(names);
  return e;
}

/* Hands all rows over. Returns an SQLite result; *ret_error is the sink's. */
static int step_all(struct query_sink *sink, sqlite3_stmt *statement, int *ret_error)
{
  unsigned count = (unsigned)sqlite3_column_count(statement);
  struct query_value *values = calloc(count, sizeof(*values));
  int result = SQLITE_NOMEM, e;

  if (!values)
    return result;
  e = begin(sink, statement, count);
  while (e == 0 && (result = sqlite3_step(statement)) == SQLITE_ROW) {
    for (unsigned i = 0; i < count; i++)
      values[i] = cell(statement, (int)i);
    e = sink->row(sink, values, count);
  }
  if (e == 0 && result == SQLITE_DONE)
    e = sink->end(sink);
  free(values);
  *ret_error = e;
  return result;
}

int query_text_run(struct sqlite3 *sql, const struct query_text *text,
                   const struct query_limits *limits, struct query_sink *sink,
                   struct query_error *error)
{
  struct query_limits none = {0};
  const struct query_limits *seen = limits ? limits : &none, *outer = running;
  sqlite3_stmt *statement = NULL;
  int result, e;

  running = seen;
  sqlite3_progress_handler(sql, QUERY_STEPS_BETWEEN_LOOKS, query_is_over, NULL);
  e = prepare(sql, text, seen, &statement, error);
  if (e)
    goto out;
  result = step_all(sink, statement, &e);
  if (e)
    query_complain(error, e, "%s: the rows could not be delivered: %s", text->whole, strerror(-e));
  else if (result != SQLITE_DONE)
    e = complain_sql(sql, result, text, seen, error);
out:
  (void)sqlite3_finalize(statement); /* repeats the error of the step */
  sqlite3_progress_handler(sql, 0, NULL, NULL);
  running = outer;
  return e;
}

int query_run(struct sqlite3 *sql, const char *text, const struct query_limits *limits,
              struct query_sink *sink, struct query_error *error)
{
  struct query_text whole = {.sql = text, .whole = "SQL"};

  return query_text_run(sql, &whole, limits, sink, error);
}
