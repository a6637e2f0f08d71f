/* query_text.h - an SQL text and which options of the command line its parts came from, so that an error names the
 * option and the column in it. Shared by query.c and show.c; nobody else includes it. */
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

/* Puts one harmless line into *error and returns e. */
int query_complain(struct query_error *error, int e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
