/*
 * screen.h - the whole screen without a terminal: which pane is shown, the prompt, pause; keys in,
 * cells out.
 *
 * Everything that a person can do is testable here: tui.c only connects it to a terminal. Time
 * comes with each call.
 */
#ifndef IMPASSE_TUI_SCREEN_H
#define IMPASSE_TUI_SCREEN_H

#include "model/snapshot.h"
#include "tui/canvas.h"
#include "tui/tui.h"

struct screen;

enum screen_reply { SCREEN_CONTINUE, SCREEN_QUIT, SCREEN_SUSPEND, SCREEN_REDRAW };

/* -ENOENT for an unknown first pane, -ENOMEM. Strings of the options must outlive the screen. */
int screen_new(const struct tui_options *options, struct screen **ret_screen);
void screen_free(struct screen *screen);

/* Takes a reference of its own. */
void screen_show(struct screen *screen, const struct snapshot *snapshot);
void screen_say(struct screen *screen, const char *text);

/* See tui.h. */
bool screen_take_question(struct screen *screen, struct tui_question *ret_question);
void screen_answer(struct screen *screen, int error, const char *text, struct tick_clock now);

/* One key, see keys.h. */
enum screen_reply screen_input(struct screen *screen, uint32_t input);

/* A click on a cell of the canvas that was drawn last. */
enum screen_reply screen_click(struct screen *screen, unsigned row, unsigned column);

/* Draws everything. `bare`: without the prompt and the line of function keys (for print). */
void screen_draw(struct screen *screen, struct canvas *canvas, struct tick_clock now, bool bare);

#endif
