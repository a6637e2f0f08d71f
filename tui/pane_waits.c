/* pane_waits.c - who waits for whom: rings and trees under their root holders, or all waits as a
 * table. */
#include <stdio.h>
#include <string.h>

#include "tui/pane.h"
#include "tui/waitline.h"
#include "tui/waittree.h"
#include "tui/word.h"

#define LINES_MAX 20000u /* more than anybody reads; the filter finds the rest */
#define MEMBERS_MAX 64u  /* of a ring; what stands below one of thousands must be found */

struct memory {
  struct waittree tree;
  uint64_t generation; /* of the view that the tree is of; 0 = none */
  char word[TABLE_WORD_SIZE];
  bool flat;
  uint32_t top, cursor, page;
};

static enum style style_of(const struct snapshot *s, uint32_t row, unsigned column)
{
  static const uint8_t styles[] = {[VERDICT_FREE] = STYLE_NORMAL,
                                   [VERDICT_DEADLOCK] = STYLE_CRITICAL,
                                   [VERDICT_TIMED] = STYLE_WARNING,
                                   [VERDICT_VICTIM] = STYLE_WARNING,
                                   [VERDICT_STUCK] = STYLE_CRITICAL};
  uint8_t verdict = snapshot_enum(s, RELATION_WAITS, WAITS_VERDICT, row);

  return column == WAITS_VERDICT && verdict < sizeof styles ? (enum style)styles[verdict]
                                                            : STYLE_NORMAL;
}

static const struct table_spec spec = {
    .relation = RELATION_WAITS,
    .columns = {WAITS_WAITER_NAME, WAITS_HOLDER_NAME, WAITS_VIA, WAITS_BLOCKED_MS, WAITS_TIMEOUT,
                WAITS_VERDICT, WAITS_CERTAINTY, WAITS_OBJECT, WAITS_TIMEOUT_MS, WAITS_CORE,
                WAITS_NEEDS, WAITS_OPEN, WAITS_TARGET},
    .column_count = 13,
    .sort = WAITS_BLOCKED_MS,
    .style = style_of,
};

/* The tree is made once a snapshot and filter, not once a refresh. */
static void renew(struct pane_instance *self, const struct view *view)
{
  struct memory *m = self->memory;
  const char *word = self->table.filter;

  if (m->generation == view->generation && strcmp(m->word, word) == 0)
    return;
  (void)snprintf(m->word, sizeof m->word, "%s", word);
  m->generation = view->generation;
  /* without memory the tree is empty until the next snapshot */
  (void)waittree_make(
      &m->tree, view->snapshot,
      (struct waittree_limits){.lines = LINES_MAX, .members = MEMBERS_MAX, .word = word});
  if (m->cursor >= m->tree.count)
    m->cursor = m->tree.count ? m->tree.count - 1 : 0;
}

static void draw_tree(struct pane_instance *self, const struct view *view, struct canvas_area area)
{
  struct memory *m = self->memory;

  renew(self, view);
  m->page = area.rows;
  if (m->cursor < m->top)
    m->top = m->cursor;
  if (area.rows && m->cursor >= m->top + area.rows)
    m->top = m->cursor - area.rows + 1;
  for (unsigned i = 0; i < area.rows && m->top + i < m->tree.count; i++) {
    waitline_draw(view->snapshot, &m->tree.lines[m->top + i], area, i);
    if (m->top + i == m->cursor)
      canvas_restyle(area, i, 0, area.columns, STYLE_SELECTED);
  }
  if (!m->tree.count)
    (void)canvas_text(area, 0, 0, area.columns, STYLE_GOOD,
                      m->word[0] ? "nothing matches the filter" : "nobody is blocked");
}

static void draw(struct pane_instance *self, const struct view *view, struct canvas_area area)
{
  if (((struct memory *)self->memory)->flat)
    table_draw(&self->table, view->snapshot, area);
  else
    draw_tree(self, view, area);
}

static enum pane_reply move_to(struct memory *m, int64_t place)
{
  int64_t last = m->tree.count ? (int64_t)m->tree.count - 1 : 0;

  m->cursor = (uint32_t)(place < 0 ? 0 : place > last ? last : place);
  return PANE_DONE;
}

/* The title of a ring stands for its first member. */
static enum pane_reply open_line(const struct memory *m, struct view *view)
{
  const struct waittree_line *line = m->cursor < m->tree.count ? &m->tree.lines[m->cursor] : NULL;

  if (line && line->kind == LINE_CORE && m->cursor + 1 < m->tree.count)
    line++;
  return line ? pane_go_actor(view, line->target_key, line->actor) : PANE_DONE;
}

/* A question is asked of the actor of the line: its detail shows the answer. */
static enum pane_reply ask_line(const struct memory *m, struct view *view, enum command command)
{
  enum pane_reply reply = open_line(m, view);

  if (reply != PANE_GO)
    return PANE_IGNORED;
  inquiry_wish(&view->inquiry, command, view->focus_target, view->focus_actor);
  return reply;
}

static enum pane_reply command(struct pane_instance *self, struct view *view, enum command command)
{
  struct memory *m = self->memory;

  if (command == COMMAND_TREE) {
    m->flat = !m->flat;
    return PANE_DONE;
  }
  if (m->flat)
    return PANE_IGNORED;
  renew(self, view);
  switch (command) {
  case COMMAND_UP:
    return move_to(m, (int64_t)m->cursor - 1);
  case COMMAND_DOWN:
    return move_to(m, (int64_t)m->cursor + 1);
  case COMMAND_PAGE_UP:
    return move_to(m, (int64_t)m->cursor - m->page);
  case COMMAND_PAGE_DOWN:
    return move_to(m, (int64_t)m->cursor + m->page);
  case COMMAND_HOME:
    return move_to(m, 0);
  case COMMAND_END:
    return move_to(m, m->tree.count);
  case COMMAND_OPEN:
    return open_line(m, view);
  default:
    return inquiry_kind_of_command(command) ? ask_line(m, view, command) : PANE_IGNORED;
  }
}

static bool search(struct pane_instance *self, const struct view *view, const char *word,
                   bool further)
{
  struct memory *m = self->memory;
  struct word wanted;

  if (m->flat)
    return table_search(&self->table, view->snapshot, word, further);
  renew(self, view);
  wanted = word_of(view->snapshot, RELATION_WAITS, word);
  for (uint32_t i = further; i < m->tree.count + further && word[0]; i++) {
    uint32_t at = (m->cursor + i) % m->tree.count;

    if (m->tree.lines[at].wait != WAITTREE_NO_ROW && word_in_row(&wanted, m->tree.lines[at].wait)) {
      m->cursor = at;
      return true;
    }
  }
  return !word[0];
}

static void click(struct pane_instance *self, struct view *view, unsigned line)
{
  struct memory *m = self->memory;

  if (m->flat)
    table_select_line(&self->table, view->snapshot, line);
  else
    (void)move_to(m, (int64_t)m->top + line);
}

static void done(void *memory)
{
  waittree_done(&((struct memory *)memory)->tree);
}

const struct pane pane_waits = {
    .name = "waits",
    .title = "Waits",
    .help =
        "Deadlocked actors as a ring, each waiting for the next; below, trees: the root holds "
        "up everybody under it and waits for nobody. The time is how long it has waited, "
        "after it what will end it. Of a ring of more than 64 the first and the last are listed. "
        "F5: as a table of all.",
    .table = &spec,
    .memory_bytes = sizeof(struct memory),
    .done = done,
    .draw = draw,
    .command = command,
    .search = search,
    .click = click,
};
