/*
 * query_text.h - what query.c shares with the other files of this folder; nobody else includes it.
 *
 * An SQL text knows which options of the command line its parts came from, so that an error names
 * the option and the column in it.
 */
#ifndef IMPASSE_STORE_QUERY_TEXT_H
#define IMPASSE_STORE_QUERY_TEXT_H

#include <stddef.h>

#include "store/query.h"

struct query_part {
  const char *name; /* "--where" */
  size_t start, length;
};

struct query_text {
  const char *sql;
  const char *whole; /* what an error outside of all parts is said to be in: "SQL", "show actors" */
  struct query_part parts[4];
  size_t part_count;
};

int query_text_run(struct sqlite3 *sql, const struct query_text *text,
                   const struct query_limits *limits, struct query_sink *sink,
                   struct query_error *error);

/* For sqlite3_progress_handler on further connections: whether the query that runs on this thread
 * has to end. */
#define QUERY_STEPS_BETWEEN_LOOKS 2000 /* of SQLite's machine: about 0.1 ms */
int query_is_over(void *unused);

/* query_protect without relations of its own: for the file behind one. */
int query_restrict(struct sqlite3 *sql);

/* Puts one harmless line into *error and returns e. */
int query_complain(struct query_error *error, int e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
