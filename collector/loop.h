/* loop.h - begin and end of a libuv loop, the same for every command that runs one. */
#ifndef IMPASSE_COLLECTOR_LOOP_H
#define IMPASSE_COLLECTOR_LOOP_H

#include <uv.h>

/* Initialises it, without io_uring (loop.c has why), which from here on is refused to the whole process. Before there are
 * threads. 0 or an error of libuv. */
int loop_begin(uv_loop_t *loop);

/* Closes the handles that are still open, lets their closings run, and frees what the loop
 * holds. */
void loop_end(uv_loop_t *loop);

#endif
