/*
 * canvas.h - a grid of cells with text and style, and the areas and pens through which panes write
 * on it.
 *
 *    canvas 80 x 24
 *    +-----------------+
 *    |  area +------+  |   area: a window of the canvas; nothing is ever drawn outside of it
 *    |       | pen->|  |   pen:  writes along one row of an area and knows what room is left
 *    |       +------+  |
 *    +-----------------+
 *
 * Text is made harmless (glyph.h) and cut with an ellipsis where it does not fit. A double-width
 * character takes a cell and its right half; half of one is never left standing. Combining marks
 * sit in the cell of their base, two at most.
 *
 * Pure: memory only. Not here: the terminal (paint.h).
 */
#ifndef IMPASSE_TUI_CANVAS_H
#define IMPASSE_TUI_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a cell means; how that looks is the theme's business (paint.c). */
enum style {
  STYLE_NORMAL,
  STYLE_DIM,      /* details, units, what is not alarming */
  STYLE_STRONG,   /* names, figures that matter */
  STYLE_TITLE,    /* the title of a panel */
  STYLE_BAR,      /* header line and function-key labels */
  STYLE_HEADING,  /* column headings */
  STYLE_SORTED,   /* the heading that the rows are sorted by */
  STYLE_SELECTED, /* the row under the cursor */
  STYLE_GOOD,
  STYLE_INFO,
  STYLE_WARNING,
  STYLE_CRITICAL,
  STYLE_BADGE_INFO, /* the letter of a severity, on its colour */
  STYLE_BADGE_WARNING,
  STYLE_BADGE_CRITICAL,
  STYLE_GRAPH, /* sparklines */
  STYLE_LINE,  /* tree and ring lines */
  STYLE_MATCH, /* what a search found */
  STYLE_COUNT
};

#define CELL_MARKS 2

struct cell {
  uint32_t code;
  uint32_t marks[CELL_MARKS]; /* combining marks, 0 = none */
  uint8_t width;              /* 1, 2, or 0: the right half of the cell before it */
  uint8_t style;              /* enum style */
  uint16_t zero;              /* no padding: rows are compared as bytes */
};

struct canvas {
  unsigned rows, columns;
  bool ascii;
  struct cell *cells; /* rows * columns, row by row */
};

/* A blank canvas; NULL without memory. At most CANVAS_SIDE_MAX on a side, larger ones are cut. */
#define CANVAS_SIDE_MAX 2000u
struct canvas *canvas_new(unsigned rows, unsigned columns, bool ascii);
void canvas_free(struct canvas *canvas);
void canvas_clear(struct canvas *canvas);

/* Row `row` as UTF-8 without trailing blanks; returns the length, as snprintf does. */
size_t canvas_row_text(const struct canvas *canvas, unsigned row, char *buffer, size_t size);

/* A window of a canvas. Coordinates within it start at 0. Areas with no rows or columns are
 * fine: nothing is drawn. */
struct canvas_area {
  struct canvas *canvas;
  unsigned row, column, rows, columns;
};

struct canvas_area canvas_whole(struct canvas *canvas);
/* A part of an area, cut to it. */
struct canvas_area canvas_part(struct canvas_area area, unsigned row, unsigned column,
                               unsigned rows, unsigned columns);

/* Gives a run of cells another style, keeping their text. */
void canvas_restyle(struct canvas_area area, unsigned row, unsigned column, unsigned columns,
                    enum style style);

/* Draws text in `columns` cells at most, padding none. Returns the cells used. */
unsigned canvas_text(struct canvas_area area, unsigned row, unsigned column, unsigned columns,
                     enum style style, const char *text);

struct canvas_pen {
  struct canvas_area area;
  unsigned row, column;
  unsigned end; /* column that it may not reach; the area's width at first */
};

struct canvas_pen canvas_pen(struct canvas_area area, unsigned row, unsigned column);
unsigned pen_room(const struct canvas_pen *pen);
void pen_text(struct canvas_pen *pen, enum style style, const char *text);
void pen_format(struct canvas_pen *pen, enum style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Text in exactly `columns` cells (fewer where no room is left), to the left or to the right. */
void pen_left(struct canvas_pen *pen, unsigned columns, enum style style, const char *text);
void pen_right(struct canvas_pen *pen, unsigned columns, enum style style, const char *text);
void pen_skip(struct canvas_pen *pen, unsigned columns);
/* Text that ends where the row ends; shortens the pen's room to what stands before it. */
void pen_at_end(struct canvas_pen *pen, enum style style, const char *text);

#endif
