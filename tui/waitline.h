/* waitline.h - how a line of the wait tree looks. Not here: which lines there are (waittree.h). */
#ifndef IMPASSE_TUI_WAITLINE_H
#define IMPASSE_TUI_WAITLINE_H

#include "tui/canvas.h"
#include "tui/waittree.h"

void waitline_draw(const struct snapshot *snapshot, const struct waittree_line *line,
                   struct canvas_area area, unsigned row);

/* "no timeout", "of 5.0s", "timeout", "timeout?": what a wait's timeout columns say, for people. */
#define WAITLINE_TIMEOUT_SIZE 80
const char *waitline_timeout(const struct snapshot *snapshot, uint32_t wait,
                             char buffer[WAITLINE_TIMEOUT_SIZE]);

#endif
