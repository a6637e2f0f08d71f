/* format_kinds.h - what the files behind format.h share; nobody else includes it. */
#ifndef IMPASSE_STORE_FORMAT_KINDS_H
#define IMPASSE_STORE_FORMAT_KINDS_H

#include <stdbool.h>
#include <stdio.h>

#include "store/format.h"
#include "store/query.h"

/* One sink, begun by the functions of its kind; `state` is the kind's own. */
struct format {
  struct query_sink sink; /* first: the sink is the format */
  const struct format_kind *kind;
  FILE *out;
  int relation;
  bool terminal; /* out is one: bytes that it would obey are taken out of every format */
  char **names;
  unsigned count;
  bool any; /* a row was printed */
  void *state;
};

struct format_kind {
  const char *name;
  int (*begin)(struct format *format); /* names and count are set; NULL = nothing to do */
  int (*row)(struct format *format, const struct query_value *values);
  int (*end)(struct format *format);   /* NULL = nothing to do */
  void (*done)(struct format *format); /* frees state; NULL = there is none */
};

extern const struct format_kind format_table, format_openmetrics;

/* A number as text. */
#define FORMAT_NUMBER_BYTES 32
void format_number(const struct query_value *value, char ret_text[FORMAT_NUMBER_BYTES]);

/* 0, or -errno of the last write to a FILE that has an error. */
int format_written(struct format *format);

#endif
