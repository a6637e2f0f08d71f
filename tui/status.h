/*
 * status.h - the lines above every pane: host, time, age and cost; the detectors; the panes.
 * Not here: the line of function keys (screen.c).
 */
#ifndef IMPASSE_TUI_STATUS_H
#define IMPASSE_TUI_STATUS_H

#include "tui/pane.h"

/* One row: "impasse  host  14:03:22  0.4s old  3 targets  1204 actors  14 blocked   cost 0.3%
 * 12M". The age is red when it is more than three intervals. `title` stands instead of the name
 * where there is no line of panes. */
void status_draw_header(const struct view *view, const char *title, bool paused,
                        struct canvas_area area);

/* One row: what the detectors say, the worst first; then those that are quiet, then those that
 * it is too early for. */
void status_draw_rules(const struct view *view, struct canvas_area area);

/* One row: the listed panes with their number keys, `current` marked. */
void status_draw_panes(const struct pane *current, struct canvas_area area);

#endif
