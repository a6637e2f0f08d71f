/*
 * format_table.c - rows as aligned columns for people.
 *
 * Widths come from the names and the first ROWS_KEPT rows; rows behind them are printed as they
 * come, so that a long answer needs no memory. Not here: the other formats (format.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/format_kinds.h"
#include "store/harmless.h"

#define ROWS_KEPT 1000

struct cell {
  char *text;
  unsigned width;
  bool number;
};

struct table {
  unsigned *widths;
  bool *right;        /* columns with a number among the kept rows */
  struct cell *cells; /* of the rows that are kept, count each */
  unsigned kept;
  bool flowing; /* widths are fixed and the kept rows are printed */
  bool utf8;
};

static int make_cell(const struct table *t, const struct query_value *value, struct cell *ret_cell)
{
  struct cell cell = {.number = value->type == QUERY_INTEGER || value->type == QUERY_REAL};
  char number[FORMAT_NUMBER_BYTES];

  switch (value->type) {
  case QUERY_TEXT:
    cell.text = harmless_text(value->text, value->length, t->utf8, &cell.width);
    break;
  case QUERY_INTEGER:
    format_number(value, number);
    cell.text = strdup(number);
    break;
  case QUERY_REAL:
    snprintf(number, sizeof(number), "%.6g", value->real);
    cell.text = strdup(number);
    break;
  case QUERY_NULL:
    cell.text = strdup("-");
    break;
  }
  if (!cell.text)
    return -ENOMEM;
  if (value->type != QUERY_TEXT)
    cell.width = (unsigned)strlen(cell.text);
  *ret_cell = cell;
  return 0;
}

static void free_cells(struct cell *cells, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    free(cells[i].text);
    cells[i].text = NULL;
  }
}

static void pad(FILE *out, unsigned count)
{
  while (count--)
    fputc(' ', out);
}

static void print_row(struct format *f, const struct cell *cells)
{
  const struct table *t = f->state;

  for (unsigned i = 0; i < f->count; i++) {
    unsigned room = t->widths[i] > cells[i].width ? t->widths[i] - cells[i].width : 0;

    if (t->right[i])
      pad(f->out, room);
    fputs(cells[i].text, f->out);
    if (i + 1 == f->count)
      break;
    if (!t->right[i])
      pad(f->out, room);
    fputs("  ", f->out);
  }
  fputc('\n', f->out);
}

static int print_names(struct format *f)
{
  const struct table *t = f->state;
  struct cell *cells = calloc(f->count, sizeof(*cells));
  int e = cells ? 0 : -ENOMEM;

  for (unsigned i = 0; e == 0 && i < f->count; i++) {
    cells[i].text = harmless_text(f->names[i], strlen(f->names[i]), t->utf8, &cells[i].width);
    if (!cells[i].text)
      e = -ENOMEM;
    if (t->widths[i] < cells[i].width)
      t->widths[i] = cells[i].width;
  }
  if (e == 0)
    print_row(f, cells);
  if (cells)
    free_cells(cells, f->count);
  free(cells);
  return e;
}

static int flow(struct format *f)
{
  struct table *t = f->state;
  int e = print_names(f);

  for (unsigned row = 0; e == 0 && row < t->kept; row++)
    print_row(f, t->cells + row * f->count);
  free_cells(t->cells, (size_t)t->kept * f->count);
  t->kept = 0;
  t->flowing = true;
  return e;
}

static int table_begin(struct format *f)
{
  struct table *t = calloc(1, sizeof(*t));

  if (!t)
    return -ENOMEM;
  f->state = t;
  t->utf8 = harmless_locale_is_utf8();
  t->widths = calloc(f->count, sizeof(*t->widths));
  t->right = calloc(f->count, sizeof(*t->right));
  t->cells = calloc((size_t)f->count * ROWS_KEPT, sizeof(*t->cells));
  return t->widths && t->right && t->cells ? 0 : -ENOMEM;
}

static int table_row(struct format *f, const struct query_value *values)
{
  struct table *t = f->state;
  struct cell *cells = t->cells + (size_t)t->kept * f->count;

  for (unsigned i = 0; i < f->count; i++) {
    if (make_cell(t, &values[i], &cells[i]) < 0) {
      free_cells(cells, i);
      return -ENOMEM;
    }
    if (t->flowing)
      continue;
    t->right[i] |= cells[i].number;
    if (t->widths[i] < cells[i].width)
      t->widths[i] = cells[i].width;
  }
  if (t->flowing) {
    print_row(f, cells);
    free_cells(cells, f->count);
    return 0;
  }
  return ++t->kept == ROWS_KEPT ? flow(f) : 0;
}

static int table_end(struct format *f)
{
  return ((struct table *)f->state)->flowing ? 0 : flow(f);
}

static void table_done(struct format *f)
{
  struct table *t = f->state;

  if (!t)
    return;
  if (t->cells)
    free_cells(t->cells, (size_t)t->kept * f->count);
  free(t->cells);
  free(t->widths);
  free(t->right);
  free(t);
}

const struct format_kind format_table = {
    .name = "table", .begin = table_begin, .row = table_row, .end = table_end, .done = table_done};
