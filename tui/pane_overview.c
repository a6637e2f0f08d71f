/*
 * pane_overview.c - everything that matters in one look: what alarms, who is blocked on whom, what
 * swells, what is fought over. Panels give way to each other: each keeps its title, the most urgent
 * keep rows.
 *
 *    80 columns and fewer     120 columns and more
 *    +---------+              +------------------+
 *    | alerts  |              |      alerts      |
 *    | waits   |              +-------+----------+
 *    | mailb.  |              | waits | mailboxes|
 *    | tables  |              |       | tables   |
 *    +---------+              +-------+----------+
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/maker.h"
#include "tui/alertline.h"
#include "tui/format.h"
#include "tui/mailbox.h"
#include "tui/pane.h"
#include "tui/rules.h"
#include "tui/waitline.h"
#include "tui/waittree.h"

#define TOP_MAX 64u
#define TREND_PARTS 20 /* a twentieth more or less is a trend */
#define TREE_LINES_MAX 100u
#define TREE_SIBLINGS_MAX 4u
#define TREE_MEMBERS_MAX 6u
#define WIDE_COLUMNS 120u
#define INDENTED_COLUMNS 60u

struct memory {
  uint64_t generation; /* of the view that the rest is of; 0 = none */
  struct waittree tree;
  uint32_t alerts[TOP_MAX], mailboxes[TOP_MAX], tables[TOP_MAX];
  uint32_t alert_count, mailbox_count, table_count;
  bool has_mailboxes; /* that anybody has one: threads have none */
  bool several;       /* processes are shown: their names must tell things of one name apart */
};

struct panel {
  unsigned weight; /* rows that it is given at a time while rows are shared out */
  uint32_t (*rows)(const struct memory *m); /* lines that it would fill, the title aside */
  void (*title)(const struct memory *m, const struct view *view, struct canvas_area area);
  void (*draw)(const struct memory *m, const struct view *view, struct canvas_area area);
};

/* --- what goes into the panels --- */

static int64_t table_score(const struct snapshot *s, uint32_t row)
{
  int64_t share = snapshot_int(s, RELATION_TABLES, TABLES_WAIT_PERMILLE, row);
  int64_t readers = snapshot_int(s, RELATION_TABLES, TABLES_READ_WAITERS, row);
  int64_t writers = snapshot_int(s, RELATION_TABLES, TABLES_WRITE_WAITERS, row);

  share = share < 0 ? 0 : share > 1000 ? 1000 : share;
  readers = readers < 0 ? 0 : readers > 1000000 ? 1000000 : readers;
  writers = writers < 0 ? 0 : writers > 1000000 ? 1000000 : writers;
  return share * 10000000 + readers + writers;
}

static bool several_targets(const struct snapshot *s)
{
  uint32_t count = 0;

  for (uint32_t row = 0; row < snapshot_rows(s, RELATION_TARGETS) && count < 2; row++)
    count += !maker_is_row(s, row) &&
             snapshot_enum(s, RELATION_TARGETS, TARGETS_STATE, row) != TARGET_GONE;
  return count > 1;
}

static bool has_mailboxes(const struct snapshot *s)
{
  uint32_t rows = snapshot_rows(s, RELATION_ACTORS);

  for (uint32_t row = 0; row < rows; row++)
    if (snapshot_int(s, RELATION_ACTORS, ACTORS_DEPTH, row) != VALUE_UNKNOWN)
      return true;
  return false;
}

static void renew(struct memory *m, const struct view *view)
{
  const struct snapshot *s = view->snapshot;

  if (m->generation == view->generation)
    return;
  m->generation = view->generation;
  m->several = several_targets(s);
  m->has_mailboxes = has_mailboxes(s);
  m->alert_count = ranking_top(s, RELATION_ALERTS, rules_alert_urgency, m->alerts, TOP_MAX);
  m->mailbox_count = ranking_top(s, RELATION_ACTORS, mailbox_weight, m->mailboxes, TOP_MAX);
  m->table_count = ranking_top(s, RELATION_TABLES, table_score, m->tables, TOP_MAX);
  /* without memory the tree is empty until the next snapshot */
  (void)waittree_make(&m->tree, s,
                      (struct waittree_limits){.lines = TREE_LINES_MAX,
                                               .siblings = TREE_SIBLINGS_MAX,
                                               .members = TREE_MEMBERS_MAX,
                                               .bare_rings = true});
}

/* "  120 blocked" with its bars and whether it grows. */
static void draw_trend(struct canvas_pen *pen, const int64_t *values, unsigned count)
{
  char bars[FORMAT_SIZE];
  int64_t was, change;

  if (count < 2)
    return;
  was = values[VIEW_HISTORY - count];
  change = values[VIEW_HISTORY - 1] - was;
  if (was / TREND_PARTS >= llabs(change)) /* it wavers */
    change = 0;
  pen_skip(pen, 1);
  pen_text(pen, STYLE_GRAPH, format_bars(bars, values + VIEW_HISTORY - count, count));
  if (change)
    pen_text(pen, change > 0 ? STYLE_WARNING : STYLE_GOOD, change > 0 ? " \u25b2" : " \u25bc");
}

/* --- alerts --- */

static uint32_t alert_rows(const struct memory *m)
{
  return m->alert_count;
}

static void alert_title(const struct memory *m, const struct view *view, struct canvas_area area)
{
  struct canvas_pen pen = canvas_pen(area, 0, 0);
  uint32_t by_state[3] = {0};

  for (uint32_t i = 0; i < snapshot_rows(view->snapshot, RELATION_ALERTS); i++) {
    uint8_t state = snapshot_enum(view->snapshot, RELATION_ALERTS, ALERTS_STATE, i);

    if (state < 3)
      by_state[state]++;
  }
  pen_text(&pen, STYLE_TITLE, "Alerts");
  if (!m->alert_count) {
    pen_text(&pen, STYLE_GOOD, "  none");
    return;
  }
  pen_format(&pen, by_state[ALERT_FIRING] ? STYLE_STRONG : STYLE_GOOD, "  %u firing",
             by_state[ALERT_FIRING]);
  if (by_state[ALERT_PENDING])
    pen_format(&pen, STYLE_NORMAL, "  %u pending", by_state[ALERT_PENDING]);
  if (by_state[ALERT_RESOLVED])
    pen_format(&pen, STYLE_DIM, "  %u resolved", by_state[ALERT_RESOLVED]);
}

static void alert_draw(const struct memory *m, const struct view *view, struct canvas_area area)
{
  for (unsigned i = 0; i < area.rows && i < m->alert_count; i++)
    alertline_draw(view->snapshot, m->alerts[i], area, i);
}

/* Where there is nothing to list: of how many, so that what is not read does not look peaceful. */
static void draw_peace(struct canvas_pen *pen, uint32_t rows, const char *what, const char *peace)
{
  char count[FORMAT_SIZE];

  if (rows)
    pen_format(pen, STYLE_GOOD, "  %s %s: %s", format_count(count, rows), what, peace);
  else
    pen_format(pen, STYLE_DIM, "  no %s are seen", what);
}

/* --- waits --- */

static uint32_t wait_rows(const struct memory *m)
{
  return m->tree.count;
}

static void wait_title(const struct memory *m, const struct view *view, struct canvas_area area)
{
  struct canvas_pen pen = canvas_pen(area, 0, 0);
  char count[FORMAT_SIZE];

  pen_text(&pen, STYLE_TITLE, "Waits");
  if (!m->tree.waiters) {
    draw_peace(&pen, snapshot_rows(view->snapshot, RELATION_ACTORS), "actors", "nobody is blocked");
    return;
  }
  pen_format(&pen, STYLE_STRONG, "  %s blocked", format_count(count, m->tree.waiters));
  draw_trend(&pen, view->blocked, view->history_count);
  if (m->tree.rings)
    pen_format(&pen, STYLE_CRITICAL, "  %u deadlock%s", m->tree.rings,
               m->tree.rings > 1 ? "s" : "");
  if (m->tree.timed)
    pen_format(&pen, STYLE_WARNING, "  %u timed", m->tree.timed);
}

static void wait_draw(const struct memory *m, const struct view *view, struct canvas_area area)
{
  for (unsigned i = 0; i < area.rows && i < m->tree.count; i++)
    waitline_draw(view->snapshot, &m->tree.lines[i], area, i);
}

/* --- mailboxes and tables: small tables whose headings stand in the panel's title --- */

struct cell_column {
  uint8_t column; /* of the relation */
  uint8_t width;
  uint8_t from_columns; /* shown where the panel is at least this wide */
  const char *heading;
  uint8_t stretch; /* cells more that it may have in a wide panel */
};

/* A quarter of what a panel has beyond 70 columns, as far as the column wants it. */
static unsigned cell_width(const struct cell_column *column, unsigned room)
{
  unsigned more = room > 70 ? (room - 70) / 4 : 0;

  return column->width + (more < column->stretch ? more : column->stretch);
}

static unsigned columns_width(const struct cell_column *columns, unsigned count, unsigned room)
{
  unsigned width = 0;

  for (unsigned i = 0; i < count; i++)
    width += room >= columns[i].from_columns ? cell_width(&columns[i], room) + 1u : 0;
  return width;
}

/* Rows stand a little to the right of their title where the width allows. */
static struct canvas_area indented(struct canvas_area area)
{
  return canvas_part(area, 0, area.columns >= INDENTED_COLUMNS, area.rows, area.columns);
}

static void draw_headings(const struct cell_column *columns, unsigned count,
                          struct canvas_area area)
{
  struct canvas_area inner = indented(area);
  unsigned width = columns_width(columns, count, inner.columns);
  struct canvas_pen pen = canvas_pen(inner, 0, inner.columns > width ? inner.columns - width : 0);

  for (unsigned i = 0; i < count; i++) {
    if (inner.columns < columns[i].from_columns)
      continue;
    pen_skip(&pen, 1);
    pen_right(&pen, cell_width(&columns[i], inner.columns), STYLE_DIM, columns[i].heading);
  }
}

static void draw_cells(const struct snapshot *s, enum relation relation, uint32_t row,
                       const struct cell_column *columns, unsigned count, struct canvas_pen *pen)
{
  unsigned room = pen->area.columns;

  for (unsigned i = 0; i < count; i++) {
    struct value value = snapshot_value(s, relation, columns[i].column, row);
    char buffer[FORMAT_SIZE];
    enum style style = value.known ? STYLE_NORMAL : STYLE_DIM;
    const char *text = format_cell(buffer, s, relation, columns[i].column, row);

    if (room < columns[i].from_columns)
      continue;
    if (value.type == COLUMN_REAL && value.known && value.real > 0 && strchr(text, '+'))
      style = STYLE_WARNING;
    if (relation == RELATION_ACTORS && columns[i].column == ACTORS_DEPTH_TREND) {
      style = STYLE_GRAPH;
      text = value.known ? format_trend(buffer, value.integer, columns[i].width) : text;
    }
    pen_skip(pen, 1);
    pen_right(pen, cell_width(&columns[i], room), style, text);
  }
}

/* The name in so many cells, and of which process where several are shown and there is room. */
static void draw_name(const char *name, const char *target, unsigned cells, struct canvas_pen *pen)
{
  unsigned end = pen->column + cells, all = pen->end;

  pen->end = end < all ? end : all;
  pen_text(pen, STYLE_STRONG, name ? name : "(no name)");
  if (target && strlen(target) + 3 > pen_room(pen)) /* its end tells it apart as well */
    target = strrchr(target, ':');
  if (target && strlen(target) + 3 <= pen_room(pen))
    pen_format(pen, STYLE_DIM, "  %s", target);
  pen->end = all;
  pen_skip(pen, end > pen->column ? end - pen->column : 0);
}

static const struct cell_column mailbox_columns[] = {
    {ACTORS_DEPTH, 6, 0, "depth", 0},
    {ACTORS_DEPTH_TREND, 8, 30, "trend", 0},
    {ACTORS_GROWTH_PER_S, 8, 40, "growth/s", 0},
    {ACTORS_IN_PER_S, 6, 70, "in/s", 0},
    {ACTORS_OUT_PER_S, 6, 70, "out/s", 0},
    {ACTORS_BEHIND, 6, 60, "behind", 0},
    {ACTORS_STATE, 9, 78, "state", 0},
};
#define MAILBOX_COLUMNS (sizeof mailbox_columns / sizeof *mailbox_columns)

static uint32_t mailbox_rows(const struct memory *m)
{
  return m->mailbox_count;
}

static void mailbox_title(const struct memory *m, const struct view *view, struct canvas_area area)
{
  unsigned width = columns_width(mailbox_columns, MAILBOX_COLUMNS, area.columns);
  struct canvas_pen pen = canvas_pen(area, 0, 0);
  char count[FORMAT_SIZE];

  if (!m->mailbox_count) {
    pen_text(&pen, STYLE_TITLE, "Mailboxes");
    draw_peace(&pen, m->has_mailboxes ? snapshot_rows(view->snapshot, RELATION_ACTORS) : 0,
               m->has_mailboxes ? "actors" : "mailboxes", "all empty");
    return;
  }
  draw_headings(mailbox_columns, MAILBOX_COLUMNS, area);
  pen.end = area.columns > width ? area.columns - width : 0;
  pen_text(&pen, STYLE_TITLE, "Mailboxes");
  format_count(count, view->queued[VIEW_HISTORY - 1]);
  if (!view->queued[VIEW_HISTORY - 1]) /* bytes and connections are not summed up */
    return;
  if (pen_room(&pen) >= 12)
    pen_format(&pen, STYLE_STRONG, pen_room(&pen) >= 16 ? "  %s queued" : "  %s", count);
  if (pen_room(&pen) >= VIEW_HISTORY + 3)
    draw_trend(&pen, view->queued, view->history_count);
}

static void mailbox_draw(const struct memory *m, const struct view *view, struct canvas_area area)
{
  unsigned width = columns_width(mailbox_columns, MAILBOX_COLUMNS, area.columns);

  for (unsigned i = 0; i < area.rows && i < m->mailbox_count; i++) {
    const struct snapshot *s = view->snapshot;
    struct canvas_pen pen = canvas_pen(area, i, 0);

    draw_name(snapshot_text(s, RELATION_ACTORS, ACTORS_NAME, m->mailboxes[i]),
              m->several ? snapshot_text(s, RELATION_ACTORS, ACTORS_TARGET, m->mailboxes[i]) : NULL,
              area.columns > width ? area.columns - width : 0, &pen);
    draw_cells(view->snapshot, RELATION_ACTORS, m->mailboxes[i], mailbox_columns, MAILBOX_COLUMNS,
               &pen);
  }
}

static const struct cell_column table_columns[] = {
    {TABLES_WAIT_PERMILLE, 6, 0, "wait%", 0},   {TABLES_WRITE_WAITERS, 7, 30, "writers", 0},
    {TABLES_READ_WAITERS, 7, 50, "readers", 0}, {TABLES_CONTENDED_PER_S, 9, 62, "contended", 0},
    {TABLES_MAX_WAIT_US, 7, 70, "longest", 0},  {TABLES_OWNER_NAME, 16, 56, "owner", 7},
};
#define TABLE_COLUMNS (sizeof table_columns / sizeof *table_columns)

static uint32_t table_rows(const struct memory *m)
{
  return m->table_count;
}

static void table_title(const struct memory *m, const struct view *view, struct canvas_area area)
{
  struct canvas_pen pen = canvas_pen(area, 0, 0);
  if (m->table_count)
    draw_headings(table_columns, TABLE_COLUMNS, area);
  pen_text(&pen, STYLE_TITLE, "Tables");
  if (!m->table_count)
    draw_peace(&pen, snapshot_rows(view->snapshot, RELATION_TABLES), "tables",
               "nobody waits for one");
}

static void table_rows_draw(const struct memory *m, const struct view *view,
                            struct canvas_area area)
{
  unsigned width = columns_width(table_columns, TABLE_COLUMNS, area.columns);

  for (unsigned i = 0; i < area.rows && i < m->table_count; i++) {
    const struct snapshot *s = view->snapshot;
    struct canvas_pen pen = canvas_pen(area, i, 0);

    draw_name(snapshot_text(s, RELATION_TABLES, TABLES_NAME, m->tables[i]),
              m->several ? snapshot_text(s, RELATION_TABLES, TABLES_TARGET, m->tables[i]) : NULL,
              area.columns > width ? area.columns - width : 0, &pen);
    draw_cells(view->snapshot, RELATION_TABLES, m->tables[i], table_columns, TABLE_COLUMNS, &pen);
  }
}

/* --- the layout --- */

static const struct panel panel_alerts = {1, alert_rows, alert_title, alert_draw};
static const struct panel panel_waits = {2, wait_rows, wait_title, wait_draw};
static const struct panel panel_mailboxes = {1, mailbox_rows, mailbox_title, mailbox_draw};
static const struct panel panel_tables = {1, table_rows, table_title, table_rows_draw};

#define STACKED_MAX 4
#define ROOMY_ROWS 7u

/* Shares out the rows: titles first, in order; then a row each; then by weight to whoever wants
 * more. */
static void stack_share(const struct memory *m, const struct panel *const *stack, unsigned count,
                        unsigned rows, unsigned *ret_rows)
{
  bool given = true, first = true;

  memset(ret_rows, 0, sizeof *ret_rows * count);
  for (unsigned i = 0; i < count && rows; i++, rows--)
    ret_rows[i] = 1;
  while (given && rows) {
    given = false;
    for (unsigned i = 0; i < count && rows; i++) {
      for (unsigned n = 0; n < (first ? 1 : stack[i]->weight) && rows && ret_rows[i]; n++) {
        if (ret_rows[i] > stack[i]->rows(m))
          break;
        ret_rows[i]++;
        rows--;
        given = true;
      }
    }
    first = false;
  }
}

static void stack_draw(const struct memory *m, const struct view *view,
                       const struct panel *const *stack, unsigned count, struct canvas_area area)
{
  unsigned rows[STACKED_MAX], wanted = 0, row = 0, gap;

  for (unsigned i = 0; i < count; i++)
    wanted += stack[i]->rows(m) + 1;
  /* an empty row between panels is worth it where all fits, or where there is plenty */
  gap = wanted + count - 1 <= area.rows || area.rows >= ROOMY_ROWS * count;
  stack_share(m, stack, count, gap ? area.rows - (count - 1) : area.rows, rows);
  for (unsigned i = 0; i < count; i++) {
    struct canvas_area part = canvas_part(area, row, 0, rows[i], area.columns);

    if (!part.rows)
      continue;
    stack[i]->title(m, view, part);
    stack[i]->draw(m, view, indented(canvas_part(part, 1, 0, part.rows, part.columns)));
    row += rows[i] + gap;
  }
}

static void draw_wide(const struct memory *m, const struct view *view, struct canvas_area area)
{
  static const struct panel *const top[] = {&panel_alerts};
  static const struct panel *const left[] = {&panel_waits};
  static const struct panel *const right[] = {&panel_mailboxes, &panel_tables};
  unsigned most = area.rows / 3, alerts = m->alert_count + 1 < most ? m->alert_count + 1 : most;
  unsigned half = (area.columns - 3) / 2;

  stack_draw(m, view, top, 1, canvas_part(area, 0, 0, alerts, area.columns));
  area = canvas_part(area, alerts + 1, 0, area.rows, area.columns);
  stack_draw(m, view, left, 1, canvas_part(area, 0, 0, area.rows, half));
  stack_draw(m, view, right, 2, canvas_part(area, 0, half + 3, area.rows, area.columns));
}

static void draw(struct pane_instance *self, const struct view *view, struct canvas_area area)
{
  static const struct panel *const all[] = {&panel_alerts, &panel_waits, &panel_mailboxes,
                                            &panel_tables};
  struct memory *m = self->memory;

  renew(m, view);
  if (area.columns >= WIDE_COLUMNS && area.rows >= 12)
    draw_wide(m, view, area);
  else
    stack_draw(m, view, all, 4, area);
}

/* Whatever alarms is the thing to open from here. */
static enum pane_reply command(struct pane_instance *self, struct view *view, enum command command)
{
  (void)self;
  if (command == COMMAND_OPEN)
    return pane_go(view, &pane_alerts);
  if (command == COMMAND_TREE)
    return pane_go(view, &pane_waits);
  return PANE_IGNORED;
}

static void done(void *memory)
{
  waittree_done(&((struct memory *)memory)->tree);
}

const struct pane pane_overview = {
    .name = "overview",
    .title = "Overview",
    .help = "What alarms, who is blocked on whom, which mailboxes swell, which tables are fought "
            "over. The bars beside a total are its last 16 values. Enter: the alerts.",
    .memory_bytes = sizeof(struct memory),
    .done = done,
    .draw = draw,
    .command = command,
};
