/* loop.h - the end of a libuv loop, the same for every command that runs one. */
#ifndef IMPASSE_COLLECTOR_LOOP_H
#define IMPASSE_COLLECTOR_LOOP_H

#include <uv.h>

/* Closes the handles that are still open, lets their closings run, and frees what the loop
 * holds. */
void loop_end(uv_loop_t *loop);

#endif
