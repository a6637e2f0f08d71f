/* pane.c - the table of panes, and what they have in common. Not here: any single pane. */
#include "tui/pane.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct pane *const panes[] = {&pane_overview, &pane_mailboxes, &pane_waits,
                                    &pane_tables,   &pane_targets,   &pane_alerts,
                                    &pane_detail,   &pane_help,      NULL};
static_assert(sizeof panes / sizeof *panes <= PANES_MAX + 1, "PANES_MAX is too small");

int pane_by_name(const char *name)
{
  for (int i = 0; panes[i]; i++)
    if (strcmp(panes[i]->name, name) == 0)
      return i;
  return -ENOENT;
}

int pane_init(struct pane_instance *self, const struct pane *pane)
{
  memset(self, 0, sizeof *self);
  if (pane->memory_bytes) {
    self->memory = calloc(1, pane->memory_bytes);
    if (!self->memory)
      return -ENOMEM;
  }
  self->pane = pane;
  if (pane->table)
    table_init(&self->table, pane->table);
  return 0;
}

void pane_done(struct pane_instance *self)
{
  if (self->pane && self->pane->done)
    self->pane->done(self->memory);
  free(self->memory);
  table_done(&self->table);
  memset(self, 0, sizeof *self);
}

void pane_draw(struct pane_instance *self, const struct view *view, struct canvas_area area)
{
  if (self->pane->draw)
    self->pane->draw(self, view, area);
  else
    table_draw(&self->table, view->snapshot, area);
}

/* Which actor a row is about, by relation: the columns of its identity. */
static const struct {
  enum relation relation;
  uint8_t target, actor;
} subjects[] = {
    {RELATION_ACTORS, ACTORS_TARGET_KEY, ACTORS_ACTOR},
    {RELATION_WAITS, WAITS_TARGET_KEY, WAITS_WAITER},
    {RELATION_TABLES, TABLES_TARGET_KEY, TABLES_OWNER},
    {RELATION_ALERTS, ALERTS_TARGET_KEY, ALERTS_ACTOR},
};

enum pane_reply pane_go(struct view *view, const struct pane *pane)
{
  view->go = pane;
  view->go_filter[0] = '\0';
  return PANE_GO;
}

enum pane_reply pane_go_actor(struct view *view, int64_t target_key, int64_t actor)
{
  if (actor == VALUE_UNKNOWN)
    return PANE_DONE;
  view->focus_target = target_key;
  view->focus_actor = actor;
  return pane_go(view, &pane_detail);
}

enum pane_reply pane_go_row(struct view *view, enum relation relation, uint32_t row)
{
  for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++)
    if (subjects[i].relation == relation)
      return pane_go_actor(view, snapshot_int(view->snapshot, relation, subjects[i].target, row),
                           snapshot_int(view->snapshot, relation, subjects[i].actor, row));
  return PANE_DONE;
}

/* What Enter would open, with the question put there. */
static enum pane_reply pane_ask(struct pane_instance *self, struct view *view, enum command command)
{
  if (pane_command(self, view, COMMAND_OPEN) != PANE_GO || view->go != &pane_detail)
    return PANE_IGNORED;
  inquiry_wish(&view->inquiry, command, view->focus_target, view->focus_actor);
  return PANE_GO;
}

enum pane_reply pane_command(struct pane_instance *self, struct view *view, enum command command)
{
  enum pane_reply reply =
      self->pane->command ? self->pane->command(self, view, command) : PANE_IGNORED;
  uint32_t row;

  if (reply != PANE_IGNORED || !self->pane->table)
    return reply;
  if (inquiry_kind_of_command(command))
    return pane_ask(self, view, command);
  if (command == COMMAND_OPEN)
    return table_selected(&self->table, view->snapshot, &row)
               ? pane_go_row(view, self->pane->table->relation, row)
               : PANE_DONE;
  return table_command(&self->table, view->snapshot, command) ? PANE_DONE : PANE_IGNORED;
}
