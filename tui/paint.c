/* paint.c - a canvas onto the terminal. Not here: what stands on the canvas. */
#include "tui/paint.h"

#include <curses.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

struct look {
  short ink, ground; /* -1 = the terminal's own */
  attr_t color_attributes, mono_attributes;
};

/* Letters tell severities apart where colours do not. */
static const struct look looks[STYLE_COUNT] = {
    [STYLE_NORMAL] = {-1, -1, A_NORMAL, A_NORMAL},
    [STYLE_DIM] = {-1, -1, A_DIM, A_NORMAL},
    [STYLE_STRONG] = {-1, -1, A_BOLD, A_BOLD},
    [STYLE_TITLE] = {COLOR_CYAN, -1, A_BOLD, A_BOLD | A_UNDERLINE},
    [STYLE_BAR] = {COLOR_BLACK, COLOR_CYAN, A_NORMAL, A_REVERSE},
    [STYLE_HEADING] = {COLOR_BLACK, COLOR_GREEN, A_NORMAL, A_REVERSE},
    [STYLE_SORTED] = {COLOR_BLACK, COLOR_CYAN, A_NORMAL, A_REVERSE | A_BOLD},
    [STYLE_SELECTED] = {COLOR_BLACK, COLOR_CYAN, A_NORMAL, A_REVERSE},
    [STYLE_GOOD] = {COLOR_GREEN, -1, A_NORMAL, A_NORMAL},
    [STYLE_INFO] = {COLOR_CYAN, -1, A_NORMAL, A_NORMAL},
    [STYLE_WARNING] = {COLOR_YELLOW, -1, A_NORMAL, A_BOLD},
    [STYLE_CRITICAL] = {COLOR_RED, -1, A_BOLD, A_BOLD},
    [STYLE_BADGE_INFO] = {COLOR_BLACK, COLOR_CYAN, A_NORMAL, A_REVERSE},
    [STYLE_BADGE_WARNING] = {COLOR_BLACK, COLOR_YELLOW, A_NORMAL, A_REVERSE},
    [STYLE_BADGE_CRITICAL] = {COLOR_WHITE, COLOR_RED, A_BOLD, A_REVERSE | A_BOLD},
    [STYLE_GRAPH] = {COLOR_GREEN, -1, A_NORMAL, A_NORMAL},
    [STYLE_LINE] = {-1, -1, A_DIM, A_NORMAL},
    [STYLE_MATCH] = {COLOR_BLACK, COLOR_YELLOW, A_NORMAL, A_UNDERLINE},
};

struct paint {
  bool color;
  unsigned rows, columns; /* of `painted` */
  struct cell *painted;   /* what is on the terminal; NULL = not known */
};

struct paint *paint_new(bool color)
{
  struct paint *paint = calloc(1, sizeof *paint);

  if (!paint)
    return NULL;
  paint->color = color && has_colors() && start_color() == OK;
  if (paint->color) {
    bool own = use_default_colors() == OK;

    for (short i = 0; i < STYLE_COUNT; i++)
      (void)init_pair((short)(i + 1), own || looks[i].ink >= 0 ? looks[i].ink : COLOR_WHITE,
                      own || looks[i].ground >= 0 ? looks[i].ground : COLOR_BLACK);
  }
  return paint;
}

void paint_free(struct paint *paint)
{
  if (!paint)
    return;
  free(paint->painted);
  free(paint);
}

void paint_forget(struct paint *paint)
{
  free(paint->painted);
  paint->painted = NULL;
  (void)clearok(stdscr, TRUE);
}

static void paint_cell(const struct paint *paint, unsigned row, unsigned column,
                       const struct cell *cell)
{
  const struct look *look = &looks[cell->style < STYLE_COUNT ? cell->style : STYLE_NORMAL];
  wchar_t text[2 + CELL_MARKS] = {(wchar_t)cell->code};
  short pair = paint->color ? (short)(cell->style + 1) : 0;
  cchar_t glyph;

  for (unsigned i = 0; i < CELL_MARKS; i++)
    text[1 + i] = (wchar_t)cell->marks[i];
  if (setcchar(&glyph, text, paint->color ? look->color_attributes : look->mono_attributes, pair,
               NULL) == OK)
    (void)mvadd_wch((int)row, (int)column,
                    &glyph); /* ERR in the last cell of the screen, which is painted all the same */
}

/* Whether the row must be painted; without memory for a copy, always. */
static bool is_row_new(struct paint *paint, const struct canvas *canvas, unsigned row)
{
  size_t at = (size_t)row * canvas->columns, bytes = canvas->columns * sizeof(struct cell);

  if (!paint->painted)
    return true;
  if (memcmp(paint->painted + at, canvas->cells + at, bytes) == 0)
    return false;
  memcpy(paint->painted + at, canvas->cells + at, bytes);
  return true;
}

void paint_canvas(struct paint *paint, const struct canvas *canvas)
{
  bool fresh = !paint->painted || paint->rows != canvas->rows || paint->columns != canvas->columns;

  if (fresh) {
    free(paint->painted);
    paint->rows = canvas->rows;
    paint->columns = canvas->columns;
    paint->painted = calloc((size_t)canvas->rows * canvas->columns, sizeof *paint->painted);
    (void)erase();
  }
  for (unsigned row = 0; row < canvas->rows; row++) {
    const struct cell *cells = canvas->cells + (size_t)row * canvas->columns;

    if (!is_row_new(paint, canvas, row))
      continue;
    for (unsigned column = 0; column < canvas->columns; column++)
      if (cells[column].width)
        paint_cell(paint, row, column, &cells[column]);
  }
  (void)refresh();
}
