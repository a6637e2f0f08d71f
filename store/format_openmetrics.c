/*
 * format_openmetrics.c - rows as OpenMetrics text
 * (https://github.com/OpenObservability/OpenMetrics, version 1.0).
 *
 * All samples of a family stand together, so the rows are kept until the end: labels as text,
 * values in columns.
 *
 *    of a relation    label: key columns, identity texts, the name      value: every other number
 *    of a free query  label: texts                                      value: numbers
 *
 * Two rows of the same labels would be one series twice: whoever asks for this format asks for the
 * key columns too (query_show.columns = "*"). Not here: the other formats (format.c).
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "store/format_kinds.h"
#include "store/harmless.h"
#include "store/schema.h"

enum role { ROLE_NONE, ROLE_LABEL, ROLE_VALUE, ROLE_BY_TYPE };

struct sample {
  char *labels;
  struct query_value values[]; /* of all columns; texts are not kept */
};

struct metrics {
  uint8_t *roles;
  struct sample **samples;
  size_t count, room;
};

static enum role role_of(int relation, const char *name)
{
  const struct column *column;
  int c;

  if (relation == FORMAT_NO_RELATION)
    return ROLE_BY_TYPE;
  c = relation_column((enum relation)relation, name);
  if (c < 0)
    return ROLE_NONE; /* the times */
  column = &relation_info((enum relation)relation)->columns[c];
  if (!schema_in_key((enum relation)relation, (unsigned)c))
    return column->type == COLUMN_INT || column->type == COLUMN_REAL ? ROLE_VALUE : ROLE_NONE;
  return column->flags & COLUMN_KEY || column->type == COLUMN_TEXT || column->type == COLUMN_ENUM
             ? ROLE_LABEL
             : ROLE_NONE;
}

static int metrics_begin(struct format *f)
{
  struct metrics *m = calloc(1, sizeof(*m));

  if (!m)
    return -ENOMEM;
  f->state = m;
  m->roles = calloc(f->count, sizeof(*m->roles));
  if (!m->roles)
    return -ENOMEM;
  for (unsigned i = 0; i < f->count; i++)
    m->roles[i] = (uint8_t)role_of(f->relation, f->names[i]);
  return 0;
}

static bool is_value(const struct metrics *m, unsigned column, const struct query_value *value)
{
  bool number =
      value->type == QUERY_INTEGER || (value->type == QUERY_REAL && isfinite(value->real));

  return number && (m->roles[column] == ROLE_VALUE || m->roles[column] == ROLE_BY_TYPE);
}

static bool is_label(const struct metrics *m, unsigned column, const struct query_value *value)
{
  if (m->roles[column] == ROLE_BY_TYPE)
    return value->type == QUERY_TEXT;
  return m->roles[column] == ROLE_LABEL && value->type != QUERY_NULL;
}

/* Names take letters, digits and underscores only. */
static void put_name(FILE *out, const char *name)
{
  if (isdigit((unsigned char)*name))
    fputc('_', out);
  for (; *name; name++)
    fputc(isalnum((unsigned char)*name) && (unsigned char)*name < 0x80 ? *name : '_', out);
}

static int put_label(FILE *out, const char *name, const struct query_value *value)
{
  char number[FORMAT_NUMBER_BYTES];
  char *text;

  put_name(out, name);
  fputs("=\"", out);
  if (value->type != QUERY_TEXT) {
    format_number(value, number);
    fputs(number, out);
  } else {
    text = harmless_text(value->text, value->length, true, NULL);
    if (!text)
      return -ENOMEM;
    for (const char *p = text; *p; p++) {
      if (*p == '"' || *p == '\\')
        fputc('\\', out);
      fputc(*p, out);
    }
    free(text);
  }
  fputc('"', out);
  return 0;
}

static int make_labels(const struct format *f, const struct query_value *values, char **ret_labels)
{
  char *text = NULL;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  const char *comma = "";
  int e = out ? 0 : -ENOMEM;

  for (unsigned i = 0; e == 0 && i < f->count; i++) {
    if (!is_label(f->state, i, &values[i]))
      continue;
    fputs(comma, out);
    e = put_label(out, f->names[i], &values[i]);
    comma = ",";
  }
  if (out && fclose(out) != 0 && e == 0)
    e = -ENOMEM;
  if (e) {
    free(text);
    return e;
  }
  *ret_labels = text;
  return 0;
}

static int metrics_row(struct format *f, const struct query_value *values)
{
  struct metrics *m = f->state;
  struct sample *sample;
  int e;

  if (m->count == m->room) {
    size_t room = m->room ? m->room * 2 : 64;
    struct sample **samples = reallocarray(m->samples, room, sizeof(struct sample *));

    if (!samples)
      return -ENOMEM;
    m->samples = samples;
    m->room = room;
  }
  sample = calloc(1, sizeof(*sample) + f->count * sizeof(sample->values[0]));
  if (!sample)
    return -ENOMEM;
  e = make_labels(f, values, &sample->labels);
  if (e) {
    free(sample);
    return e;
  }
  memcpy(sample->values, values, f->count * sizeof(values[0]));
  m->samples[m->count++] = sample;
  return 0;
}

static void put_family_name(const struct format *f, unsigned column)
{
  fputs("impasse_", f->out);
  put_name(f->out, f->relation == FORMAT_NO_RELATION
                       ? "query"
                       : relation_info((enum relation)f->relation)->name);
  fputc('_', f->out);
  put_name(f->out, f->names[column]);
}

static void put_family(const struct format *f, unsigned column)
{
  fputs("# TYPE ", f->out);
  put_family_name(f, column);
  fputs(" gauge\n", f->out);
  if (f->relation == FORMAT_NO_RELATION)
    return;
  fputs("# HELP ", f->out);
  put_family_name(f, column);
  fprintf(f->out, " %s\n",
          relation_info((enum relation)f->relation)
              ->columns[relation_column((enum relation)f->relation, f->names[column])]
              .help);
}

static int metrics_end(struct format *f)
{
  const struct metrics *m = f->state;

  for (unsigned c = 0; c < f->count; c++) {
    bool begun = false;

    for (size_t i = 0; i < m->count; i++) {
      char number[FORMAT_NUMBER_BYTES];

      if (!is_value(m, c, &m->samples[i]->values[c]))
        continue;
      if (!begun)
        put_family(f, c);
      begun = true;
      put_family_name(f, c);
      if (m->samples[i]->labels[0])
        fprintf(f->out, "{%s}", m->samples[i]->labels);
      format_number(&m->samples[i]->values[c], number);
      fprintf(f->out, " %s\n", number);
    }
  }
  fputs("# EOF\n", f->out);
  return 0;
}

static void metrics_done(struct format *f)
{
  struct metrics *m = f->state;

  if (!m)
    return;
  for (size_t i = 0; i < m->count; i++) {
    free(m->samples[i]->labels);
    free(m->samples[i]);
  }
  free(m->samples);
  free(m->roles);
  free(m);
}

const struct format_kind format_openmetrics = {.name = "openmetrics",
                                               .begin = metrics_begin,
                                               .row = metrics_row,
                                               .end = metrics_end,
                                               .done = metrics_done};
