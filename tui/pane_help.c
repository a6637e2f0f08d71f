/* pane_help.c - keys, signs and panes, from the tables that make them work. */
#include <stdio.h>
#include <stdlib.h>

#include "tui/lines.h"
#include "tui/pane.h"

struct memory {
  uint32_t scroll;
};

static void draw_keys(struct lines *lines)
{
  unsigned width = lines->area.columns >= 60 ? 22 : 12;

  lines_title(lines, "Keys");
  for (size_t i = 0; i < keys_count; i++) {
    char names[KEY_NAMES_SIZE];
    struct canvas_pen pen;

    if (!lines_next(lines, &pen))
      continue;
    pen_left(&pen, width, STYLE_STRONG, key_names(&keys[i], names));
    pen_skip(&pen, 1);
    pen_text(&pen, STYLE_NORMAL, keys[i].help);
  }
}

static void draw_signs(struct lines *lines)
{
  static const struct {
    enum style style;
    const char *sign, *meaning;
  } signs[] = {
      {STYLE_BADGE_CRITICAL, "C", "critical: it will not go away by itself"},
      {STYLE_BADGE_WARNING, "W", "warning: it is getting worse, or only a timeout ends it"},
      {STYLE_BADGE_INFO, "I", "information"},
      {STYLE_CRITICAL, "\u256d\u25b6 \u2502 \u2570\u2500",
       "the ring of a deadlock: each waits for the next"},
      {STYLE_LINE, "\u251c\u2500 \u2514\u2500", "waits for the one above"},
      {STYLE_GRAPH, "\u2581\u2582\u2584\u2588",
       "the newest at the right; of a mailbox each step up is a doubling"},
      {STYLE_DIM, "-", "not known; never shown as 0"},
      {STYLE_NORMAL, "k M G", "thousands, millions ...; K M G of memory are powers of 1024"},
      {STYLE_DIM, "suspected",
       "read once; confirmed: twice, nobody moved; proven: nobody else can end it"},
  };

  lines_title(lines, "Signs");
  for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
    struct canvas_pen pen;

    if (!lines_next(lines, &pen))
      continue;
    pen_text(&pen, signs[i].style, signs[i].sign);
    pen_skip(&pen, pen.column < 12 ? 12 - pen.column : 1);
    pen_text(&pen, STYLE_NORMAL, signs[i].meaning);
  }
}

static void draw_panes(struct lines *lines)
{
  lines_title(lines, "Panes");
  for (unsigned i = 0; panes[i]; i++) {
    char name[64];
    int number = panes[i]->unlisted ? 0 : snprintf(name, sizeof name, "%u ", i + 1);

    (void)snprintf(name + number, sizeof name - (size_t)number, "%s", panes[i]->title);
    lines_fact(lines, 12, name, STYLE_NORMAL, panes[i]->help);
  }
}

static void draw(struct pane_instance *self, const struct view *view, struct canvas_area area)
{
  struct memory *m = self->memory;
  struct lines lines = lines_begin(area, m->scroll);

  (void)view;
  draw_keys(&lines);
  draw_signs(&lines);
  draw_panes(&lines);
  m->scroll = lines_end(&lines);
}

static enum pane_reply command(struct pane_instance *self, struct view *view, enum command command)
{
  struct memory *m = self->memory;

  (void)view;
  return lines_command(&m->scroll, command) ? PANE_DONE : PANE_IGNORED;
}

const struct pane pane_help = {
    .name = "help",
    .title = "Help",
    .help = "This page.",
    .unlisted = true,
    .memory_bytes = sizeof(struct memory),
    .draw = draw,
    .command = command,
};
