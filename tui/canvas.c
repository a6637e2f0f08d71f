/* canvas.c - the grid of cells. Not here: what is drawn (pane_*.c) and how it reaches a terminal
 * (paint.c). */
#include "tui/canvas.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/glyph.h"

static const struct cell blank = {.code = ' ', .width = 1};

static unsigned at_most(unsigned value, unsigned limit)
{
  return value < limit ? value : limit;
}

struct canvas *canvas_new(unsigned rows, unsigned columns, bool ascii)
{
  struct canvas *canvas = calloc(1, sizeof *canvas);

  if (!canvas)
    return NULL;
  canvas->rows = at_most(rows, CANVAS_SIDE_MAX);
  canvas->columns = at_most(columns, CANVAS_SIDE_MAX);
  canvas->ascii = ascii;
  canvas->cells = calloc((size_t)canvas->rows * canvas->columns + 1, sizeof *canvas->cells);
  if (!canvas->cells) {
    canvas_free(canvas);
    return NULL;
  }
  canvas_clear(canvas);
  return canvas;
}

void canvas_free(struct canvas *canvas)
{
  if (!canvas)
    return;
  free(canvas->cells);
  free(canvas);
}

void canvas_clear(struct canvas *canvas)
{
  for (size_t i = 0; i < (size_t)canvas->rows * canvas->columns; i++)
    canvas->cells[i] = blank;
}

static size_t cell_encode(const struct cell *cell, char *bytes)
{
  size_t n = glyph_encode(cell->code, bytes);

  for (unsigned i = 0; i < CELL_MARKS && cell->marks[i]; i++)
    n += glyph_encode(cell->marks[i], bytes + n);
  return n;
}

size_t canvas_row_text(const struct canvas *canvas, unsigned row, char *buffer, size_t size)
{
  const struct cell *cells = canvas->cells + (size_t)row * canvas->columns;
  size_t length = 0, room = size ? size - 1 : 0;
  unsigned columns = canvas->columns;

  while (columns && cells[columns - 1].code == ' ' && cells[columns - 1].width == 1)
    columns--;
  for (unsigned i = 0; i < columns; i++) {
    char bytes[4 * (1 + CELL_MARKS)];
    size_t n;

    if (!cells[i].width)
      continue;
    n = cell_encode(&cells[i], bytes);
    if (length + n <= room)
      memcpy(buffer + length, bytes, n);
    else
      room = length; /* what follows is only counted, so that the text ends on a whole character */
    length += n;
  }
  if (size)
    buffer[at_most((unsigned)length, (unsigned)room)] = '\0';
  return length;
}

struct canvas_area canvas_whole(struct canvas *canvas)
{
  return (struct canvas_area){canvas, 0, 0, canvas->rows, canvas->columns};
}

struct canvas_area canvas_part(struct canvas_area area, unsigned row, unsigned column,
                               unsigned rows, unsigned columns)
{
  row = at_most(row, area.rows);
  column = at_most(column, area.columns);
  return (struct canvas_area){area.canvas, area.row + row, area.column + column,
                              at_most(rows, area.rows - row),
                              at_most(columns, area.columns - column)};
}

static struct cell *cell_at(struct canvas_area area, unsigned row, unsigned column)
{
  return &area.canvas
              ->cells[(size_t)(area.row + row) * area.canvas->columns + area.column + column];
}

void canvas_restyle(struct canvas_area area, unsigned row, unsigned column, unsigned columns,
                    enum style style)
{
  if (row >= area.rows)
    return;
  for (unsigned i = column; i < area.columns && i - column < columns; i++)
    cell_at(area, row, i)->style = (uint8_t)style;
}

/* A cell is about to be overwritten: the other half of a double-width character must not stay
 * alone. */
static void cell_split(struct canvas_area area, unsigned row, unsigned column)
{
  struct cell *cell = cell_at(area, row, column);

  if (cell->width == 0) {
    cell[-1].code = ' ';
    cell[-1].width = 1;
    memset(cell[-1].marks, 0, sizeof cell->marks);
  } else if (cell->width == 2) {
    cell[1].code = ' ';
    cell[1].width = 1;
  }
}

static void cell_put(struct canvas_area area, unsigned row, unsigned column, enum style style,
                     struct glyph glyph)
{
  for (unsigned i = 0; i < glyph.width; i++) {
    struct cell *cell = cell_at(area, row, column + i);

    cell_split(area, row, column + i);
    *cell = (struct cell){.code = i ? ' ' : glyph.code, .style = (uint8_t)style};
    cell->width = (uint8_t)(i ? 0 : glyph.width);
  }
}

static void cell_mark(struct cell *cell, uint32_t mark)
{
  for (unsigned i = 0; i < CELL_MARKS; i++) {
    if (!cell->marks[i]) {
      cell->marks[i] = mark;
      return;
    }
  }
}

unsigned canvas_text(struct canvas_area area, unsigned row, unsigned column, unsigned columns,
                     enum style style, const char *text)
{
  struct glyph ellipsis = {.code = area.canvas->ascii ? '~' : 0x2026, .width = 1};
  bool cut;
  unsigned used = 0, last = 0;

  if (row >= area.rows || column >= area.columns)
    return 0;
  columns = at_most(columns, area.columns - column);
  if (!columns)
    return 0;
  cut = glyph_text_width(text, area.canvas->ascii) > columns;
  while (*text) {
    struct glyph glyph = glyph_next(text, area.canvas->ascii);

    text += glyph.bytes;
    if (!glyph.width && used) {
      cell_mark(cell_at(area, row, column + last), glyph.code);
      continue;
    }
    if (!glyph.width) /* a mark with no base would change a neighbour's cell */
      glyph = (struct glyph){.code = GLYPH_REPLACEMENT, .width = 1};
    if (used + glyph.width > columns - (cut ? 1 : 0))
      break;
    cell_put(area, row, column + used, style, glyph);
    last = used;
    used += glyph.width;
  }
  if (cut)
    cell_put(area, row, column + used++, style, ellipsis);
  return used;
}

struct canvas_pen canvas_pen(struct canvas_area area, unsigned row, unsigned column)
{
  return (struct canvas_pen){area, row, column, area.columns};
}

unsigned pen_room(const struct canvas_pen *pen)
{
  return pen->column < pen->end ? pen->end - pen->column : 0;
}

void pen_text(struct canvas_pen *pen, enum style style, const char *text)
{
  pen->column += canvas_text(pen->area, pen->row, pen->column, pen_room(pen), style, text);
}

void pen_format(struct canvas_pen *pen, enum style style, const char *format, ...)
{
  char text[1024];
  va_list arguments;

  va_start(arguments, format);
  (void)vsnprintf(text, sizeof text, format, arguments); /* cut: a row has not more room anyway */
  va_end(arguments);
  pen_text(pen, style, text);
}

void pen_skip(struct canvas_pen *pen, unsigned columns)
{
  pen->column += at_most(columns, pen_room(pen));
}

static void pen_blanks(struct canvas_pen *pen, unsigned columns, enum style style)
{
  canvas_restyle(pen->area, pen->row, pen->column, at_most(columns, pen_room(pen)), style);
  pen_skip(pen, columns);
}

void pen_left(struct canvas_pen *pen, unsigned columns, enum style style, const char *text)
{
  unsigned used =
      canvas_text(pen->area, pen->row, pen->column, at_most(columns, pen_room(pen)), style, text);

  pen->column += used;
  if (used < columns)
    pen_blanks(pen, columns - used, style);
}

void pen_right(struct canvas_pen *pen, unsigned columns, enum style style, const char *text)
{
  size_t width = glyph_text_width(text, pen->area.canvas->ascii);

  if (width < columns)
    pen_blanks(pen, columns - (unsigned)width, style);
  pen_left(pen, width < columns ? (unsigned)width : columns, style, text);
}

void pen_at_end(struct canvas_pen *pen, enum style style, const char *text)
{
  size_t width = glyph_text_width(text, pen->area.canvas->ascii);
  struct canvas_pen end = *pen;

  if (width >= pen_room(pen))
    return;
  end.column = pen->end - (unsigned)width;
  pen->end = end.column - 1;
  pen_text(&end, style, text);
}
