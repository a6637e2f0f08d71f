/* loop.c - see loop.h. */
#include "collector/loop.h"

#include <seccomp.h>
#include <stddef.h>

#include "probe/reach/guard.h"

/* A ring does system calls that no filter sees, so the sandbox refuses it. From 1.45 on libuv makes one for each loop, goes
 * on without where that is refused, but ends the program where it is refused a ring that it has: a loop begins before
 * the sandbox, whence it has to be told so early. */
static const int ring_calls[] = {SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter),
                                 SCMP_SYS(io_uring_register)};

#if defined(__SANITIZE_THREAD__)
/* libuv closes descriptors by the bare system call, unseen: whoever gets the number next seems to race with what libuv did
 * last with it. Nobody but libuv calls this function. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
  return "race:epoll_ctl\n";
}
#endif

int loop_begin(uv_loop_t *loop)
{
  /* No seccomp here: then the sandbox refuses nothing either. */
  (void)guard_forbid(ring_calls, sizeof(ring_calls) / sizeof(ring_calls[0]));
  return uv_loop_init(loop);
}

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
