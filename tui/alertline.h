/* alertline.h - how an alert looks: as one line, and in full. Not here: which alerts are shown. */
#ifndef IMPASSE_TUI_ALERTLINE_H
#define IMPASSE_TUI_ALERTLINE_H

#include "model/snapshot.h"
#include "tui/canvas.h"

/* The letter of a severity (C W I) and its styles; `badge` is on the colour, `text` in it. */
struct severity_look {
  const char *letter, *word;
  enum style badge, text;
};
struct severity_look alertline_severity(uint8_t severity);

/* "C  1m 05s deadlock  orders -> billing -> orders       proven" */
void alertline_draw(const struct snapshot *snapshot, uint32_t alert, struct canvas_area area,
                    unsigned row);

/* Summary, life and detail, one fact a line, from line `scroll` on; returns the scroll as it
 * could be had. */
uint32_t alertline_draw_detail(const struct snapshot *snapshot, uint32_t alert,
                               struct canvas_area area, uint32_t scroll);

#endif
