/* pane_alerts.c - all alerts, the most urgent first, and the selected one in full. */
#include "tui/alertline.h"
#include "tui/pane.h"
#include "tui/rules.h"

static enum style style_of(const struct snapshot *s, uint32_t row, unsigned column)
{
  bool firing = snapshot_enum(s, RELATION_ALERTS, ALERTS_STATE, row) == ALERT_FIRING;
  struct severity_look look =
      alertline_severity(snapshot_enum(s, RELATION_ALERTS, ALERTS_SEVERITY, row));

  if (!firing)
    return STYLE_DIM;
  return column == ALERTS_SEVERITY ? look.badge : column == ALERTS_SINCE ? look.text : STYLE_NORMAL;
}

static const struct table_spec spec = {
    .relation = RELATION_ALERTS,
    .columns = {ALERTS_SEVERITY, ALERTS_SINCE, ALERTS_RULE, ALERTS_SUMMARY, ALERTS_STATE,
                ALERTS_CERTAINTY, ALERTS_UNTIL, ALERTS_TARGET, ALERTS_KEY},
    .column_count = 9,
    .sentence = ALERTS_SUMMARY,
    .sort = ALERTS_SEVERITY,
    .score = rules_alert_urgency,
    .style = style_of,
};

/* The list above; below it, where there is room for both, the selected alert. */
static void draw(struct pane_instance *self, const struct view *view, struct canvas_area area)
{
  uint32_t alerts = snapshot_rows(view->snapshot, RELATION_ALERTS), row;
  unsigned list = area.rows / 2 > alerts + 1 ? alerts + 1 : area.rows / 2;

  if (!alerts)
    list = area.rows;
  if (list < 2)
    list = area.rows < 2 ? area.rows : 2;
  table_draw(&self->table, view->snapshot, canvas_part(area, 0, 0, list, area.columns));
  if (list + 1 >= area.rows || !table_selected(&self->table, view->snapshot, &row))
    return;
  (void)alertline_draw_detail(view->snapshot, row,
                              canvas_part(area, list + 1, 0, area.rows, area.columns), 0);
}

/* A deadlock is about no single actor: its ring is among the waits. */
static enum pane_reply command(struct pane_instance *self, struct view *view, enum command command)
{
  uint32_t row;

  if (command != COMMAND_OPEN || !table_selected(&self->table, view->snapshot, &row) ||
      snapshot_int(view->snapshot, RELATION_ALERTS, ALERTS_ACTOR, row) != VALUE_UNKNOWN)
    return PANE_IGNORED;
  return pane_go(view, &pane_waits);
}

const struct pane pane_alerts = {
    .name = "alerts",
    .title = "Alerts",
    .help = "What the detectors found: firing first, then pending (not yet for long enough), then "
            "resolved. Below the list is the selected one in full. Enter: the actor, or the waits.",
    .table = &spec,
    .draw = draw,
    .command = command,
};
