/*
 * paint.h - a canvas onto the terminal by ncurses, with a theme. The only file that knows colours.
 * Not here: taking the terminal (terminal.h), whose functions run before and after these.
 */
#ifndef IMPASSE_TUI_PAINT_H
#define IMPASSE_TUI_PAINT_H

#include <stdbool.h>

#include "tui/canvas.h"

struct paint;

/* After terminal_open. `color` false, or a terminal without colours: bold, dim and reverse only.
 * NULL without memory. */
struct paint *paint_new(bool color);
void paint_free(struct paint *paint);

/* Brings the terminal to what the canvas shows; rows that are as painted last cost nothing. */
void paint_canvas(struct paint *paint, const struct canvas *canvas);

/* What is on the terminal is not known any more: the next paint writes all of it. */
void paint_forget(struct paint *paint);

#endif
