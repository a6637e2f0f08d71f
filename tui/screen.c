/* screen.c - which pane is shown, the prompt, pause. Not here: the terminal (tui.c), the panes
 * (pane_*.c). */
#include "tui/screen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/addressee.h"
#include "model/maker.h"
#include "tui/glyph.h"
#include "tui/keys.h"
#include "tui/mailbox.h"
#include "tui/pane.h"
#include "tui/status.h"

#define ROWS_MIN 3u
#define COLUMNS_MIN 12u
#define ROWS_WITH_RULES 5u  /* from here on the detectors have a line */
#define ROWS_WITH_PANES 16u /* from here on the panes have one */
#define BACK_MAX 16

enum prompt { PROMPT_NONE, PROMPT_SEARCH, PROMPT_FILTER };

struct screen {
  struct view view;
  const struct snapshot *shown, *newest; /* references; the same unless paused */
  uint64_t first_mono_ns;                /* time of the first snapshot, 0 before it */
  struct pane_instance instances[PANES_MAX];
  unsigned current;
  unsigned back[BACK_MAX], back_count;
  bool paused;
  enum prompt prompt;
  char word[TABLE_WORD_SIZE];
  char message[256];
  struct canvas_area body; /* where the pane was drawn last */
  unsigned rows;           /* of the canvas drawn last */
};

int screen_new(const struct tui_options *options, struct screen **ret_screen)
{
  struct screen *screen = calloc(1, sizeof *screen);
  int pane = pane_by_name(options->pane ? options->pane : "overview"), error = 0;

  if (!screen)
    return -ENOMEM;
  if (pane < 0) {
    error = -ENOENT;
    goto out;
  }
  screen->view.options = *options;
  screen->view.focus_target = screen->view.focus_actor = VALUE_UNKNOWN;
  screen->current = (unsigned)pane;
  for (unsigned i = 0; panes[i] && !error; i++)
    error = pane_init(&screen->instances[i], panes[i]);
out:
  if (error)
    screen_free(screen);
  else
    *ret_screen = screen;
  return error;
}

void screen_free(struct screen *screen)
{
  if (!screen)
    return;
  for (unsigned i = 0; i < PANES_MAX; i++)
    if (screen->instances[i].pane)
      pane_done(&screen->instances[i]);
  inquiry_done(&screen->view.inquiry);
  snapshot_unref(screen->shown);
  snapshot_unref(screen->newest);
  free(screen);
}

/* --- snapshots --- */

static void history_push(int64_t *values, int64_t value)
{
  memmove(values, values + 1, sizeof *values * (VIEW_HISTORY - 1));
  values[VIEW_HISTORY - 1] = value;
}

static int64_t column_sum(const struct snapshot *s, enum relation relation, unsigned column)
{
  uint32_t rows = snapshot_rows(s, relation);
  const int64_t *values = rows ? snapshot_ints(s, relation, column) : NULL;
  int64_t sum = 0;

  for (uint32_t i = 0; i < rows; i++)
    if (values[i] > 0 && values[i] < INT64_MAX / 2 - sum)
      sum += values[i];
  return sum;
}

static void screen_renew(struct screen *screen)
{
  struct view *view = &screen->view;

  if (screen->shown == screen->newest)
    return;
  snapshot_unref(screen->shown);
  screen->shown = snapshot_ref(screen->newest);
  view->snapshot = screen->shown;
  view->generation++;
  history_push(view->blocked, column_sum(view->snapshot, RELATION_TARGETS, TARGETS_BLOCKED));
  history_push(view->queued, mailbox_messages(view->snapshot));
  view->history_count += view->history_count < VIEW_HISTORY;
  for (unsigned i = 0; panes[i]; i++)
    table_renew(&screen->instances[i].table);
}

/* For how long whoever made the snapshot had been running: it watches itself, and the identity
 * of a process holds when it started. Ticks of a clock since boot; CLOCK_MONOTONIC, which leaves
 * suspended time out, says rather less. */
static int64_t maker_age_ms(const struct snapshot *s)
{
  int64_t now_ms = (int64_t)(snapshot_about(s).now.mono_ns / 1000000);
  long ticks_per_s = sysconf(_SC_CLK_TCK);
  int64_t start;
  uint32_t row;

  if (ticks_per_s <= 0 || maker_find(s, &row) < 0)
    return 0;
  start = snapshot_int(s, RELATION_TARGETS, TARGETS_TARGET_KEY, row) >> 22;
  return now_ms - (int64_t)((double)start / (double)ticks_per_s * 1000);
}

static int64_t watched_ms(const struct screen *screen, const struct snapshot *snapshot)
{
  uint64_t now = snapshot_about(snapshot).now.mono_ns;
  int64_t shown_ms =
      now > screen->first_mono_ns ? (int64_t)((now - screen->first_mono_ns) / 1000000) : 0;
  int64_t maker_ms = maker_age_ms(snapshot);

  shown_ms += screen->view.options.history_ms;
  return shown_ms > maker_ms ? shown_ms : maker_ms;
}

void screen_show(struct screen *screen, const struct snapshot *snapshot)
{
  uint64_t now = snapshot_about(snapshot).now.mono_ns;

  snapshot_unref(screen->newest);
  screen->newest = snapshot_ref(snapshot);
  if (!screen->first_mono_ns)
    screen->first_mono_ns = now;
  screen->view.watched_ms = watched_ms(screen, snapshot);
  if (!screen->paused)
    screen_renew(screen);
}

void screen_say(struct screen *screen, const char *text)
{
  (void)snprintf(screen->message, sizeof screen->message, "%s", text);
}

/* --- questions --- */

bool screen_take_question(struct screen *screen, struct tui_question *ret_question)
{
  if (!inquiry_take(&screen->view.inquiry, &ret_question->question, &ret_question->target_key,
                    &ret_question->actor))
    return false;
  if (screen->view.snapshot)
    ret_question->actor = addressee_of(screen->view.snapshot, ret_question->target_key,
                                       ret_question->actor, ret_question->question);
  return true;
}

void screen_answer(struct screen *screen, int error, const char *text, struct tick_clock now)
{
  inquiry_answer(&screen->view.inquiry, error, text, now.mono_ns);
}

/* --- panes --- */

static void go_to(struct screen *screen, unsigned pane)
{
  if (pane == screen->current)
    return;
  if (screen->back_count == BACK_MAX) {
    memmove(screen->back, screen->back + 1, sizeof *screen->back * (BACK_MAX - 1));
    screen->back_count--;
  }
  screen->back[screen->back_count++] = screen->current;
  screen->current = pane;
}

static void go_to_pane(struct screen *screen, const struct pane *pane)
{
  for (unsigned i = 0; panes[i]; i++)
    if (panes[i] == pane)
      go_to(screen, i);
}

static void go_back(struct screen *screen)
{
  struct pane_instance *instance = &screen->instances[screen->current];

  if (instance->table.filter[0])
    table_set_filter(&instance->table, "");
  else if (instance->table.search[0])
    instance->table.search[0] = '\0';
  else if (screen->back_count)
    screen->current = screen->back[--screen->back_count];
  else
    screen->current = 0;
}

static void go_round(struct screen *screen, int step)
{
  int listed = 0;

  while (panes[listed] && !panes[listed]->unlisted)
    listed++;
  if (panes[screen->current]->unlisted)
    go_back(screen);
  else
    go_to(screen, (unsigned)(((int)screen->current + step + listed) % listed));
}

static void go_to_number(struct screen *screen, uint32_t input)
{
  unsigned pane = input - '1';

  for (unsigned i = 0; panes[i]; i++)
    if (i == pane && !panes[i]->unlisted)
      go_to(screen, i);
}

/* --- the prompt --- */

static bool search(struct screen *screen, bool further)
{
  struct pane_instance *instance = &screen->instances[screen->current];
  bool found;

  if (!screen->view.snapshot || !instance->pane->table)
    return false;
  (void)snprintf(instance->table.search, sizeof instance->table.search, "%s", screen->word);
  found = instance->pane->search
              ? instance->pane->search(instance, &screen->view, screen->word, further)
              : table_search(&instance->table, screen->view.snapshot, screen->word, further);
  if (!found)
    screen_say(screen, "nothing more with that word");
  return found;
}

static void prompt_apply(struct screen *screen)
{
  if (screen->prompt == PROMPT_SEARCH)
    (void)search(screen, false);
  else
    table_set_filter(&screen->instances[screen->current].table, screen->word);
}

static void prompt_open(struct screen *screen, enum prompt prompt)
{
  struct table *table;

  if (panes[screen->current] == &pane_overview)
    go_to_pane(screen, &pane_mailboxes);
  if (!panes[screen->current]->table) {
    screen_say(screen, "nothing to search or filter here");
    return;
  }
  table = &screen->instances[screen->current].table;
  if (prompt == PROMPT_SEARCH && table->search[0]) { /* F3 again: further */
    (void)snprintf(screen->word, sizeof screen->word, "%s", table->search);
    (void)search(screen, true);
    return;
  }
  (void)snprintf(screen->word, sizeof screen->word, "%s",
                 prompt == PROMPT_FILTER ? table->filter : "");
  screen->prompt = prompt;
}

static void prompt_add(struct screen *screen, uint32_t input)
{
  size_t length = strlen(screen->word);
  char bytes[4];
  unsigned n = glyph_encode(input, bytes);

  if (length + n >= sizeof screen->word)
    return;
  memcpy(screen->word + length, bytes, n);
  screen->word[length + n] = '\0';
  prompt_apply(screen);
}

static void prompt_remove(struct screen *screen)
{
  size_t length = strlen(screen->word);

  while (length && (screen->word[--length] & 0xc0) == 0x80)
    ;
  screen->word[length] = '\0';
  prompt_apply(screen);
}

static void prompt_input(struct screen *screen, uint32_t input)
{
  if (input == INPUT_ESCAPE) {
    screen->word[0] = '\0';
    prompt_apply(screen);
    screen->prompt = PROMPT_NONE;
  } else if (input == INPUT_ENTER || input == '\n') {
    screen->prompt = PROMPT_NONE;
  } else if (input == INPUT_BACKSPACE) {
    prompt_remove(screen);
  } else if (key_command(input) == COMMAND_SEARCH && input >= INPUT_UP) {
    (void)search(screen, true);
  } else if (input >= ' ' && input < INPUT_UP) {
    prompt_add(screen, input);
  }
}

/* --- keys --- */

static void pane_key(struct screen *screen, enum command command)
{
  enum pane_reply reply;

  if (!screen->view.snapshot)
    return;
  reply = pane_command(&screen->instances[screen->current], &screen->view, command);
  if (reply == PANE_IGNORED && inquiry_kind_of_command(command))
    screen_say(screen,
               "that is asked of one actor: select one in Mailboxes or Waits, or its detail");
  if (reply != PANE_GO)
    return;
  go_to_pane(screen, screen->view.go);
  if (screen->view.go_filter[0])
    table_set_filter(&screen->instances[screen->current].table, screen->view.go_filter);
}

static enum screen_reply screen_command(struct screen *screen, enum command command, uint32_t input)
{
  switch (command) {
  case COMMAND_QUIT:
    return SCREEN_QUIT;
  case COMMAND_SUSPEND:
    return SCREEN_SUSPEND;
  case COMMAND_REDRAW:
    return SCREEN_REDRAW;
  case COMMAND_HELP:
    if (panes[screen->current] == &pane_help)
      go_back(screen);
    else
      go_to_pane(screen, &pane_help);
    break;
  case COMMAND_BACK:
    go_back(screen);
    break;
  case COMMAND_NEXT_PANE:
    go_round(screen, 1);
    break;
  case COMMAND_PREVIOUS_PANE:
    go_round(screen, -1);
    break;
  case COMMAND_PANE:
    go_to_number(screen, input);
    break;
  case COMMAND_SEARCH:
    prompt_open(screen, PROMPT_SEARCH);
    break;
  case COMMAND_FILTER:
    prompt_open(screen, PROMPT_FILTER);
    break;
  case COMMAND_KILL:
    screen_say(screen, "impasse never kills, stops or writes to what it watches");
    break;
  case COMMAND_PAUSE:
    screen->paused = !screen->paused;
    if (!screen->paused)
      screen_renew(screen);
    break;
  default:
    pane_key(screen, command);
    break;
  }
  return SCREEN_CONTINUE;
}

enum screen_reply screen_input(struct screen *screen, uint32_t input)
{
  enum command command = key_command(input);

  screen->message[0] = '\0';
  if (screen->prompt != PROMPT_NONE && command != COMMAND_SUSPEND && input != INPUT_CONTROL('C') &&
      input != INPUT_CONTROL('L')) {
    prompt_input(screen, input);
    return SCREEN_CONTINUE;
  }
  return screen_command(screen, command, input);
}

/* --- the line at the bottom --- */

/* Walks the labels of the function-key line; returns the input of the one at `column`, or draws
 * all for a pen. */
static uint32_t keys_line(struct canvas_pen *pen, unsigned column)
{
  unsigned at = 0;

  for (size_t i = 0; i < keys_count; i++) {
    const struct key *key = &keys[i];
    char name[KEY_NAMES_SIZE];
    unsigned width;

    if (!key->label)
      continue;
    (void)snprintf(name, sizeof name, "F%u", (unsigned)(key->inputs[0] - INPUT_F1 + 1));
    width = (unsigned)(strlen(name) + strlen(key->label) + 1);
    if (pen) {
      pen_text(pen, STYLE_STRONG, name);
      pen_text(pen, STYLE_BAR, key->label);
      pen_text(pen, STYLE_BAR, " ");
    } else if (column >= at && column < at + width) {
      return key->inputs[0];
    }
    at += width;
  }
  return INPUT_NONE;
}

static void draw_bottom(const struct screen *screen, struct canvas_area area)
{
  const struct table *table = &screen->instances[screen->current].table;
  struct canvas_pen pen = canvas_pen(area, 0, 0);

  if (screen->prompt != PROMPT_NONE) {
    canvas_restyle(area, 0, 0, area.columns, STYLE_BAR);
    pen_text(&pen, STYLE_BAR, screen->prompt == PROMPT_SEARCH ? " Search: " : " Filter: ");
    pen_text(&pen, STYLE_BAR, screen->word);
    pen_text(&pen, STYLE_SELECTED, " ");
    if (screen->message[0])
      pen_format(&pen, STYLE_BAR, "  %s", screen->message);
    else
      pen_text(&pen, STYLE_BAR, "  Enter keeps it, Esc drops it");
  } else if (screen->message[0]) {
    pen_format(&pen, STYLE_WARNING, " %s", screen->message);
  } else {
    if (table->filter[0] && pen_room(&pen) > 30) {
      pen_format(&pen, STYLE_BADGE_INFO, " filter: %.40s ", table->filter);
      pen_skip(&pen, 1);
    }
    (void)keys_line(&pen, 0);
  }
}

enum screen_reply screen_click(struct screen *screen, unsigned row, unsigned column)
{
  struct pane_instance *instance = &screen->instances[screen->current];
  struct canvas_area body = screen->body;

  if (screen->prompt != PROMPT_NONE || !screen->view.snapshot)
    return SCREEN_CONTINUE;
  if (row + 1 == screen->rows && !instance->table.filter[0])
    return screen_input(screen, keys_line(NULL, column));
  if (row < body.row || row - body.row >= body.rows)
    return SCREEN_CONTINUE;
  if (instance->pane->click)
    instance->pane->click(instance, &screen->view, row - body.row);
  else if (instance->pane->table)
    table_select_line(&instance->table, screen->view.snapshot, row - body.row);
  return SCREEN_CONTINUE;
}

/* --- the whole --- */

void screen_draw(struct screen *screen, struct canvas *canvas, struct tick_clock now, bool bare)
{
  struct canvas_area whole = canvas_whole(canvas), body;
  struct pane_instance *instance = &screen->instances[screen->current];
  bool rules = whole.rows >= ROWS_WITH_RULES, tabs = !bare && whole.rows >= ROWS_WITH_PANES;
  unsigned top = 1, bottom = bare ? 0 : 1;

  canvas_clear(canvas);
  screen->view.now = now;
  screen->rows = whole.rows;
  if (whole.rows < ROWS_MIN || whole.columns < COLUMNS_MIN) {
    (void)canvas_text(whole, 0, 0, whole.columns, STYLE_NORMAL, "terminal too small");
    return;
  }
  status_draw_header(&screen->view,
                     tabs || bare || !screen->current ? "impasse" : instance->pane->title,
                     screen->paused, canvas_part(whole, 0, 0, 1, whole.columns));
  if (rules && screen->view.snapshot)
    status_draw_rules(&screen->view, canvas_part(whole, top, 0, 1, whole.columns));
  top += rules;
  if (tabs)
    status_draw_panes(instance->pane, canvas_part(whole, top, 0, 1, whole.columns));
  top += tabs;
  body = canvas_part(whole, top, 0, whole.rows - top - bottom, whole.columns);
  screen->body = body;
  if (screen->view.snapshot)
    pane_draw(instance, &screen->view, body);
  if (!bare)
    draw_bottom(screen, canvas_part(whole, whole.rows - 1, 0, 1, whole.columns));
}
