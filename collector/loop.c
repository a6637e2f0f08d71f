/* loop.c - see loop.h. */
#include "collector/loop.h"

#include <stddef.h>

static void close_handle(uv_handle_t *handle, void *unused)
{
  (void)unused;
  if (!uv_is_closing(handle))
    uv_close(handle, NULL);
}

void loop_end(uv_loop_t *loop)
{
  uv_walk(loop, close_handle, NULL);
  (void)uv_run(loop, UV_RUN_DEFAULT); /* the closings */
  (void)uv_loop_close(loop);          /* nothing is left in it */
}
