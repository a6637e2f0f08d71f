/* pane_detail.c - everything about one actor: what was asked of its source, its columns, who started
 * it, what it waits for, who waits for it, its alerts. */
#include <stdio.h>
#include <string.h>

#include "tui/alertline.h"
#include "tui/format.h"
#include "tui/lines.h"
#include "tui/pane.h"
#include "tui/waitline.h"

#define BEHIND_LISTED 100u
#define PARENTS_LISTED 16u
#define ANSWER_LINE 1024u /* bytes of an answer that one of its lines may have */

struct memory {
  uint32_t scroll;
  int64_t target, actor; /* that the scroll is of */
};

static const char *name_of(const struct snapshot *s, uint32_t row)
{
  const char *name = snapshot_text(s, RELATION_ACTORS, ACTORS_NAME, row);

  return name ? name : "(no name)";
}

static void draw_head(struct lines *lines, const struct snapshot *s, uint32_t row)
{
  struct value state = snapshot_value(s, RELATION_ACTORS, ACTORS_STATE, row);
  const char *target = snapshot_text(s, RELATION_ACTORS, ACTORS_TARGET, row);
  struct canvas_pen pen;

  if (!lines_next(lines, &pen))
    return;
  pen_text(&pen, STYLE_TITLE, name_of(s, row));
  pen_format(&pen, STYLE_DIM, "  of %s", target ? target : "?");
  pen_format(&pen, STYLE_STRONG, "  %s", state.known ? state.text : "state unknown");
}

static void draw_answer_text(struct lines *lines, const char *text, enum style style)
{
  while (*text) {
    size_t bytes = strcspn(text, "\n");
    char line[ANSWER_LINE];

    (void)snprintf(line, sizeof line, "%.*s", (int)(bytes < sizeof line ? bytes : sizeof line - 1),
                   text);
    lines_fact(lines, 1, "", style, line);
    text += bytes + (text[bytes] == '\n');
  }
}

static void draw_inquiry(struct lines *lines, const struct view *view)
{
  const struct inquiry *inquiry = &view->inquiry;
  const struct inquiry_kind *kind = inquiry_kind(inquiry);
  char age[FORMAT_SIZE], title[128];

  if (!kind || !inquiry_is_of(inquiry, view->focus_target, view->focus_actor))
    return;
  if (inquiry->state != INQUIRY_ANSWERED) {
    lines_title(lines, kind->title);
    (void)snprintf(title, sizeof title, "asking ... (%s)", kind->note);
    lines_fact(lines, 1, "", STYLE_DIM, title);
    return;
  }
  (void)snprintf(
      title, sizeof title, "%s, %s ago", kind->title,
      format_duration(age, view->now.mono_ns > inquiry->answered_ns
                               ? (int64_t)((view->now.mono_ns - inquiry->answered_ns) / 1000000)
                               : 0));
  lines_title(lines, title);
  draw_answer_text(lines, inquiry->text ? inquiry->text : strerror(-inquiry->error),
                   inquiry->error ? STYLE_WARNING : STYLE_NORMAL);
}

/* Who started it, and who that one, up to the supervisor at the top, as far as they are known. */
static void draw_parents(struct lines *lines, const struct snapshot *s, uint32_t row)
{
  int64_t target = snapshot_int(s, RELATION_ACTORS, ACTORS_TARGET_KEY, row);
  char text[512];
  size_t length = 0;
  uint32_t at = row;

  for (unsigned i = 0; i < PARENTS_LISTED && length < sizeof text; i++) {
    int64_t parent = snapshot_int(s, RELATION_ACTORS, ACTORS_PARENT, at);

    if (parent == VALUE_UNKNOWN || snapshot_find_actor(s, target, parent, &at) < 0)
      break;
    length += (size_t)snprintf(text + length, sizeof text - length, "%s%s", i ? " < " : "",
                               name_of(s, at));
  }
  if (length)
    lines_fact(lines, 13, "Started by", STYLE_NORMAL, text);
}

/* Columns that the head says already, or that only a program wants to know. */
static bool is_told(unsigned column)
{
  static const uint8_t told[] = {ACTORS_TARGET_KEY, ACTORS_ACTOR, ACTORS_NAME,     ACTORS_TARGET,
                                 ACTORS_STATE,      ACTORS_HOST,  ACTORS_DEPTH_IS, ACTORS_WORK_UNIT,
                                 ACTORS_WAITS_FOR,  ACTORS_PARENT};

  for (size_t i = 0; i < sizeof told; i++)
    if (told[i] == column)
      return true;
  return false;
}

/* A key column that names another actor is shown by its name. */
static const char *actor_value(const struct snapshot *s, unsigned column, uint32_t row,
                               char *buffer)
{
  struct value value = snapshot_value(s, RELATION_ACTORS, column, row);
  uint32_t other;

  if (column == ACTORS_POOL && value.known &&
      !snapshot_find_actor(s, snapshot_int(s, RELATION_ACTORS, ACTORS_TARGET_KEY, row),
                           value.integer, &other))
    return name_of(s, other);
  return format_cell(buffer, s, RELATION_ACTORS, column, row);
}

/* Two facts a line where the screen is wide enough. */
static void draw_columns(struct lines *lines, const struct snapshot *s, uint32_t row)
{
  unsigned across = lines->area.columns >= 76 ? 2 : 1, shown = 0;
  unsigned width = lines->area.columns / across;
  struct canvas_pen pen = {.end = 0};
  bool visible = false;

  for (unsigned column = 0; column < ACTORS_COLUMN_COUNT; column++) {
    const struct column *info = &relation_info(RELATION_ACTORS)->columns[column];
    char buffer[FORMAT_SIZE], heading[FORMAT_SIZE];

    if (is_told(column) || !snapshot_value(s, RELATION_ACTORS, column, row).known ||
        (column == ACTORS_DEPTH_UNIT &&
         !snapshot_value(s, RELATION_ACTORS, ACTORS_DEPTH, row).known))
      continue;
    if (shown++ % across == 0)
      visible = lines_next(lines, &pen);
    else
      pen_skip(&pen, width > pen.column ? width - pen.column : 0);
    if (!visible)
      continue;
    pen_left(&pen, 13, STYLE_DIM, format_heading(heading, info));
    pen_skip(&pen, 1);
    pen.end = pen.column + width - 16 < lines->area.columns ? pen.column + width - 16
                                                            : lines->area.columns;
    pen_text(&pen, column == ACTORS_DEPTH_TREND ? STYLE_GRAPH : STYLE_NORMAL,
             actor_value(s, column, row, buffer));
    pen.end = lines->area.columns;
  }
}

static void draw_wait(struct lines *lines, const struct snapshot *s, uint32_t wait,
                      unsigned name_column, const char *nobody)
{
  const char *name = snapshot_text(s, RELATION_WAITS, name_column, wait);
  const char *object = snapshot_text(s, RELATION_WAITS, WAITS_OBJECT, wait);
  struct value via = snapshot_value(s, RELATION_WAITS, WAITS_VIA, wait);
  struct value verdict = snapshot_value(s, RELATION_WAITS, WAITS_VERDICT, wait);
  char duration[FORMAT_SIZE], timeout[WAITLINE_TIMEOUT_SIZE];
  struct canvas_pen pen;

  if (!lines_next(lines, &pen))
    return;
  pen_right(&pen, 8, STYLE_STRONG,
            format_duration(duration, snapshot_int(s, RELATION_WAITS, WAITS_BLOCKED_MS, wait)));
  pen_format(&pen, STYLE_NORMAL, "  %s", name ? name : nobody);
  pen_format(&pen, STYLE_DIM, "  %s%s%s  %s", via.known ? via.text : "", object ? " " : "",
             object ? object : "", waitline_timeout(s, wait, timeout));
  if (verdict.known && verdict.integer != VERDICT_FREE)
    pen_format(&pen, STYLE_CRITICAL, "  %s", verdict.text);
}

static bool is_actor(const struct snapshot *s, const struct view *view, unsigned target,
                     unsigned actor, uint32_t wait)
{
  return snapshot_int(s, RELATION_WAITS, actor, wait) == view->focus_actor &&
         snapshot_int(s, RELATION_WAITS, target, wait) == view->focus_target;
}

static void draw_waits(struct lines *lines, const struct view *view)
{
  const struct snapshot *s = view->snapshot;
  uint32_t rows = snapshot_rows(s, RELATION_WAITS), listed = 0;
  char title[128], count[FORMAT_SIZE];

  for (uint32_t i = 0; i < rows; i++) {
    if (!is_actor(s, view, WAITS_TARGET_KEY, WAITS_WAITER, i))
      continue;
    if (!listed++)
      lines_title(lines, "Waits for");
    draw_wait(lines, s, i, WAITS_HOLDER_NAME, "(holder not known)");
  }
  listed = 0;
  for (uint32_t i = 0; i < rows; i++) {
    if (!is_actor(s, view, WAITS_HOLDER_TARGET_KEY, WAITS_HOLDER, i))
      continue;
    if (!listed++)
      lines_title(lines, "Wait for it");
    if (listed <= BEHIND_LISTED)
      draw_wait(lines, s, i, WAITS_WAITER_NAME, "(no name)");
  }
  if (listed > BEHIND_LISTED) {
    (void)snprintf(title, sizeof title, "%s more", format_count(count, listed - BEHIND_LISTED));
    lines_fact(lines, 9, "", STYLE_DIM, title);
  }
}

static void draw_alerts(struct lines *lines, const struct view *view)
{
  const struct snapshot *s = view->snapshot;
  bool titled = false;

  for (uint32_t i = 0; i < snapshot_rows(s, RELATION_ALERTS); i++) {
    struct canvas_pen pen;

    if (snapshot_int(s, RELATION_ALERTS, ALERTS_ACTOR, i) != view->focus_actor ||
        snapshot_int(s, RELATION_ALERTS, ALERTS_TARGET_KEY, i) != view->focus_target)
      continue;
    if (!titled)
      lines_title(lines, "Alerts");
    titled = true;
    if (lines_next(lines, &pen))
      alertline_draw(s, i, lines->area, pen.row);
  }
}

static void draw(struct pane_instance *self, const struct view *view, struct canvas_area area)
{
  struct memory *m = self->memory;
  struct lines lines;
  uint32_t row;

  if (m->target != view->focus_target || m->actor != view->focus_actor)
    *m = (struct memory){.target = view->focus_target, .actor = view->focus_actor};
  lines = lines_begin(area, m->scroll);
  if (snapshot_find_actor(view->snapshot, view->focus_target, view->focus_actor, &row)) {
    lines_fact(&lines, 0, "", STYLE_DIM, "This actor is gone. Esc goes back.");
    return;
  }
  draw_head(&lines, view->snapshot, row);
  draw_inquiry(&lines, view);
  lines.count += inquiry_is_of(&view->inquiry, view->focus_target, view->focus_actor);
  draw_columns(&lines, view->snapshot, row);
  draw_parents(&lines, view->snapshot, row);
  draw_waits(&lines, view);
  draw_alerts(&lines, view);
  m->scroll = lines_end(&lines);
}

static enum pane_reply command(struct pane_instance *self, struct view *view, enum command command)
{
  struct memory *m = self->memory;

  if (inquiry_kind_of_command(command)) {
    inquiry_wish(&view->inquiry, command, view->focus_target, view->focus_actor);
    m->scroll = 0;
    return PANE_DONE;
  }
  return lines_command(&m->scroll, command) ? PANE_DONE : PANE_IGNORED;
}

const struct pane pane_detail = {
    .name = "detail",
    .title = "Detail",
    .help =
        "One actor: what is known of it, who started it, what it waits for, who waits for it, its "
        "alerts; and what its source says when asked: messages (m), senders (s), locks (l), "
        "exits (e), stack (b).",
    .unlisted = true,
    .memory_bytes = sizeof(struct memory),
    .draw = draw,
    .command = command,
};
