/* tui.c - the screen connected to the terminal. Not here: what either of them does. */
#include "tui/tui.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tui/capability.h"
#include "tui/paint.h"
#include "tui/screen.h"
#include "tui/terminal.h"

struct tui {
  struct terminal *terminal;
  struct paint *paint;
  struct screen *screen;
  struct canvas *canvas;
  bool ascii;
  bool owes_paint; /* the terminal took no more when there was something to paint */
  int signal;
};

/* A canvas of the terminal's size. Without memory the former one stays: a screen that is too
 * small is still one. */
static void tui_fit(struct tui *tui)
{
  struct canvas *canvas;
  unsigned rows, columns;

  terminal_size(tui->terminal, &rows, &columns);
  if (tui->canvas && tui->canvas->rows == rows && tui->canvas->columns == columns)
    return;
  canvas = canvas_new(rows, columns, tui->ascii);
  if (!canvas)
    return;
  canvas_free(tui->canvas);
  tui->canvas = canvas;
}

static void tui_paint(struct tui *tui, struct tick_clock now)
{
  tui->owes_paint = !terminal_is_writable(tui->terminal);
  if (tui->owes_paint || !tui->canvas)
    return;
  screen_draw(tui->screen, tui->canvas, now, false);
  paint_canvas(tui->paint, tui->canvas);
}

bool tui_is_possible(void)
{
  return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && capability_is_screen();
}

int tui_open(const struct tui_options *options, struct tui **ret_tui)
{
  const char *no_color = getenv("NO_COLOR");
  bool color = !options->no_color && !(no_color && *no_color);
  struct tui *tui = calloc(1, sizeof *tui);
  int error;

  if (!tui)
    return -ENOMEM;
  (void)setlocale(LC_CTYPE, ""); /* without such a locale: "C", and so ASCII */
  tui->ascii = options->ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
  error = screen_new(options, &tui->screen);
  if (error)
    goto out;
  error = terminal_open(!options->no_mouse, &tui->terminal);
  if (error)
    goto out;
  tui->paint = paint_new(color);
  tui_fit(tui);
  if (!tui->paint || !tui->canvas) {
    error = -ENOMEM;
    goto out;
  }
  tui_paint(tui, (struct tick_clock){0});
out:
  if (error)
    tui_close(tui);
  else
    *ret_tui = tui;
  return error;
}

void tui_close(struct tui *tui)
{
  if (!tui)
    return;
  paint_free(tui->paint);
  terminal_close(tui->terminal);
  screen_free(tui->screen);
  canvas_free(tui->canvas);
  free(tui);
}

int tui_fd(const struct tui *tui)
{
  return terminal_fd(tui->terminal);
}

int tui_signal(const struct tui *tui)
{
  return tui->signal;
}

static void tui_suspend(struct tui *tui)
{
  terminal_suspend(tui->terminal);
  paint_forget(tui->paint);
  tui_fit(tui);
}

static enum tui_action tui_reply(struct tui *tui, enum screen_reply reply)
{
  if (reply == SCREEN_QUIT)
    return TUI_QUIT;
  if (reply == SCREEN_SUSPEND)
    tui_suspend(tui);
  if (reply == SCREEN_REDRAW)
    paint_forget(tui->paint);
  return TUI_CONTINUE;
}

enum tui_action tui_input(struct tui *tui, struct tick_clock now)
{
  enum tui_action action = TUI_CONTINUE;
  struct terminal_event event;

  while (action == TUI_CONTINUE &&
         (event = terminal_next(tui->terminal)).kind != TERMINAL_NOTHING) {
    switch (event.kind) {
    case TERMINAL_KEY:
      action = tui_reply(tui, screen_input(tui->screen, event.input));
      break;
    case TERMINAL_CLICK:
      action = tui_reply(tui, screen_click(tui->screen, event.row, event.column));
      break;
    case TERMINAL_RESIZED:
      paint_forget(tui->paint);
      tui_fit(tui);
      break;
    case TERMINAL_STOP:
      tui_suspend(tui);
      break;
    case TERMINAL_END:
    case TERMINAL_NOTHING:
      tui->signal = event.signal;
      action = TUI_QUIT;
      break;
    }
  }
  if (action == TUI_CONTINUE)
    tui_paint(tui, now);
  return action;
}

void tui_show(struct tui *tui, const struct snapshot *snapshot, struct tick_clock now)
{
  screen_show(tui->screen, snapshot);
  tui_paint(tui, now);
}

void tui_tick(struct tui *tui, struct tick_clock now)
{
  tui_paint(tui, now);
}

void tui_say(struct tui *tui, const char *text)
{
  screen_say(tui->screen, text);
}

bool tui_take_question(struct tui *tui, struct tui_question *ret_question)
{
  return screen_take_question(tui->screen, ret_question);
}

void tui_answer(struct tui *tui, int error, const char *text, struct tick_clock now)
{
  screen_answer(tui->screen, error, text, now);
  tui_paint(tui, now);
}
