/*
 * query.h - runs one SQL text on the live snapshot or on a recording and hands the rows to a sink.
 *
 *    struct sqlite3 *                               row sink
 *    (live_sql, recording_sql) --> query_run -->    (format.h prints; panes and tests collect)
 *
 * Reading only: statements that write, ATTACH, DETACH, PRAGMA and load_extension are refused before
 * they run, lengths are limited, and a deadline or another thread can end a statement at any time.
 *
 * Not here: what the relations mean (model/dictionary.h, schema.h) and how rows are printed
 * (format.h). Threads: a handle serves one thread at a time; only `cancel` may be set by others.
 */
#ifndef IMPASSE_STORE_QUERY_H
#define IMPASSE_STORE_QUERY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/dictionary.h"

struct sqlite3;

enum query_type { QUERY_NULL, QUERY_INTEGER, QUERY_REAL, QUERY_TEXT };

/* One cell. Text is untrusted bytes, NUL-terminated at text[length] (and may hold NUL before); it
 * lives until the sink's row function returns. */
struct query_value {
  enum query_type type;
  int64_t integer;
  double real;
  const char *text;
  size_t length;
};

/* Where rows go. Each function returns 0 to go on or -errno to end the query with that error.
 * `begin` comes once, also where no row follows; `end` comes once after the last row, and not after
 * an error. */
struct query_sink {
  int (*begin)(struct query_sink *sink, const char *const *names, unsigned count);
  int (*row)(struct query_sink *sink, const struct query_value *values, unsigned count);
  int (*end)(struct query_sink *sink);
};

/* All zero: no limit. */
struct query_limits {
  uint64_t deadline_ns;      /* CLOCK_MONOTONIC, 0 = none: -ETIMEDOUT after it */
  const atomic_bool *cancel; /* NULL = never: -ECANCELED once it is true */
};

/* One line for people: what and where. Untrusted text in it has been made harmless. */
struct query_error {
  char text[512];
};

/* Runs one statement. Returns 0; -EINVAL where the SQL is wrong, -EACCES where it is not a mere
 * question, -ETIMEDOUT, -ECANCELED, -E2BIG, -ENOMEM, -EIO, or what the sink returned; then *error
 * says it in words. */
int query_run(struct sqlite3 *sql, const char *text, const struct query_limits *limits,
              struct query_sink *sink, struct query_error *error);

/* --- the SELECT behind `show RELATION` --- */

#define QUERY_NO_TIME INT64_MIN

struct query_show {
  enum relation relation;
  /* comma-separated names or expressions, "*" = all; NULL = those not COLUMN_HIDDEN */
  const char *columns;
  const char *where;          /* expression over the columns, NULL = none */
  const char *order;          /* order terms ("depth DESC, name"), NULL = none */
  int64_t limit;              /* < 0 = none */
  const char *const *targets; /* name, name without its pid, or pid: a row of any of them */
  size_t target_count;
  bool history; /* the handle is a recording: t and at come first where no columns are named */
  /* Unix ms; QUERY_NO_TIME = open. Intervals count where they overlap, states where they begin;
   * without effect on the live snapshot */
  int64_t since_ms, until_ms;
};

/* Like query_run for the SELECT that `show` describes. Errors name the option and the column in it:
 * "--where, column 12, near "dpth": no such column: dpth". */
int query_show_run(struct sqlite3 *sql, const struct query_show *show,
                   const struct query_limits *limits, struct query_sink *sink,
                   struct query_error *error);

/* --- for live.c and recording.c --- */

/* Refuses on this connection, whose relations are declared first, everything but questions. 0 or
 * -ENOMEM. */
int query_protect(struct sqlite3 *sql);

#endif
