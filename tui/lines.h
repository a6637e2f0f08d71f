/*
 * lines.h - a page of lines that scrolls: whoever draws it says all of its lines, and those in
 * sight are drawn. Not here: tables of a relation (table.h).
 */
#ifndef IMPASSE_TUI_LINES_H
#define IMPASSE_TUI_LINES_H

#include <stdbool.h>
#include <stdint.h>

#include "tui/canvas.h"
#include "tui/keys.h"

struct lines {
  struct canvas_area area;
  uint32_t scroll; /* lines above the area */
  uint32_t count;  /* lines said so far */
};

struct lines lines_begin(struct canvas_area area, uint32_t scroll);

/* The next line. False where it is out of sight; then nothing needs to be drawn. */
bool lines_next(struct lines *lines, struct canvas_pen *ret_pen);

/* A title, with an empty line before it unless it is the first. */
void lines_title(struct lines *lines, const char *title);

/* "name   text", the text broken at blanks over as many lines as it needs. */
void lines_fact(struct lines *lines, unsigned name_columns, const char *name, enum style style,
                const char *text);

/* The scroll that the page really has: not beyond its end. */
uint32_t lines_end(const struct lines *lines);

/* Moves by a command; false where the command does not scroll. What goes beyond the end is put
 * right by lines_end. */
bool lines_command(uint32_t *scroll, enum command command);

#endif
