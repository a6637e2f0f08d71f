/* pane_targets.c - the watched processes, and what watching them costs. */
#include <stdio.h>

#include "tui/pane.h"

static enum style style_of(const struct snapshot *s, uint32_t row, unsigned column)
{
  switch (column) {
  case TARGETS_STATE:
    return snapshot_enum(s, RELATION_TARGETS, TARGETS_STATE, row) == TARGET_RUNNING ? STYLE_GOOD
                                                                                    : STYLE_WARNING;
  case TARGETS_BLOCKED:
  case TARGETS_LOST:
    return snapshot_int(s, RELATION_TARGETS, column, row) > 0 ? STYLE_WARNING : STYLE_NORMAL;
  default:
    return STYLE_NORMAL;
  }
}

static const struct table_spec spec = {
    .relation = RELATION_TARGETS,
    .columns = {TARGETS_TARGET,        TARGETS_STATE,
                TARGETS_ACTORS,        TARGETS_BLOCKED,
                TARGETS_REASON,        TARGETS_RUNTIME,
                TARGETS_CPU_PERMILLE,  TARGETS_RSS_BYTES,
                TARGETS_COST_PERMILLE, TARGETS_SWEEP_US,
                TARGETS_INTERVAL_MS,   TARGETS_LOST,
                TARGETS_RUN_QUEUE,     TARGETS_BORN_PER_S,
                TARGETS_DIED_PER_S,    TARGETS_AGE_MS,
                TARGETS_VERSION,       TARGETS_PID,
                TARGETS_UID,           TARGETS_MEMORY_LIMIT_BYTES,
                TARGETS_CGROUP,        TARGETS_ACTOR_LIMIT,
                TARGETS_ATOMS,         TARGETS_PERSISTENT_TERMS},
    .column_count = 24,
    .optional = {TARGETS_REASON, TARGETS_RUN_QUEUE, TARGETS_BORN_PER_S, TARGETS_DIED_PER_S,
                 TARGETS_MEMORY_LIMIT_BYTES, TARGETS_ACTOR_LIMIT, TARGETS_ATOMS,
                 TARGETS_PERSISTENT_TERMS},
    .name_columns = 23, /* of a program's name 15, and its pid */
    .wide = {{TARGETS_RUNTIME, 12}},
    .sentence = TARGETS_REASON,
    .sort = TARGETS_BLOCKED,
    .style = style_of,
};

/* A process opens as its actors. */
static enum pane_reply command(struct pane_instance *self, struct view *view, enum command command)
{
  const char *name;
  uint32_t row;

  if (command != COMMAND_OPEN || !table_selected(&self->table, view->snapshot, &row))
    return PANE_IGNORED;
  name = snapshot_text(view->snapshot, RELATION_TARGETS, TARGETS_TARGET, row);
  (void)pane_go(view, &pane_mailboxes);
  (void)snprintf(view->go_filter, sizeof view->go_filter, "%s", name ? name : "");
  return PANE_GO;
}

const struct pane pane_targets = {
    .name = "targets",
    .title = "Targets",
    .help = "The watched processes; runtime impasse is the monitor itself. cost% is what reading "
            "it takes of a core, interval the time between two sweeps: it grows when a sweep "
            "costs more than its budget. Enter: its actors.",
    .table = &spec,
    .command = command,
};
