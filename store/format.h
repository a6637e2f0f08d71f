/*
 * format.h - rows as text: table, json, ndjson, csv, tsv, openmetrics.
 *
 *    name         unknown   texts
 *    table        -         aligned by display width; what a terminal obeys and broken UTF-8 as ?
 *    json         null      an array of objects; texts as model/jsontext.h writes them
 *    ndjson       null      one object a line, flushed with each row
 *    csv          empty     RFC 4180: CRLF, quotes doubled
 *    tsv          empty     \t \n \r \\ escaped, other control bytes as \xHH
 *    openmetrics  left out  one family a numeric column, labels from keys and names
 *
 * csv and tsv hold the bytes as they are, unless `out` is a terminal. Numbers have no units;
 * `table` rounds them to six digits, the others give all.
 *
 * A sink writes to any FILE: open_memstream() where a text in memory is wanted. Not here: where
 * rows come from (query.h).
 */
#ifndef IMPASSE_STORE_FORMAT_H
#define IMPASSE_STORE_FORMAT_H

#include <stdbool.h>
#include <stdio.h>

#include "model/dictionary.h"
#include "store/query.h"

#define FORMAT_NO_RELATION (-1)

/* The names of all formats, NULL-terminated, for help texts. */
extern const char *const format_names[];

/* A sink that prints to `out`, which stays the caller's; free with format_free. `relation` (enum
 * relation, or FORMAT_NO_RELATION for a free query) gives openmetrics its help texts and tells
 * labels from values. -EINVAL where there is no format of that name, -ENOMEM. A row that cannot be
 * written ends the query with -errno (-EPIPE ...). */
int format_new(const char *name, FILE *out, int relation, struct query_sink **ret_sink);
void format_free(struct query_sink *sink);

#endif
