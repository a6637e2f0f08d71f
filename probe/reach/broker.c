/*
 * broker.c - starts the broker and knows what it is.
 *
 * Not here: how it is asked (remote.c), what it does when it is asked (serve.c), what it may do (guard.c).
 */
#include "probe/reach/broker.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/reach/guard.h"
#include "probe/reach/remote.h"
#include "probe/reach/serve.h"

static_assert((int)BROKER_FDS_MOST == (int)WIRE_FDS_MOST, "one message holds them");

/* The one broker of this process; written before there are threads. */
static struct {
  pid_t pid; /* 0: none */
  uint64_t capabilities;
} the;

bool broker_runs(void)
{
  return the.pid != 0;
}

pid_t broker_pid(void)
{
  return the.pid;
}

uint64_t broker_capabilities(void)
{
  return broker_runs() ? the.capabilities : guard_capabilities();
}

uint64_t broker_thread_ns(void)
{
  return remote_thread_ns();
}

/* It says a byte once it has settled, or ends. */
static int await(int control)
{
  char ready;
  return wire_receive(control, &ready, 1, NULL, NULL, remote_deadline_ns());
}

int broker_start(broker_call_fn *call)
{
  uint64_t keep = guard_capabilities() & GUARD_BROKER_CAPABILITIES;
  int pair[2];
  if (broker_runs())
    return -EALREADY;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return -errno;
  pid_t parent = getpid(), pid = fork();
  if (pid == 0)
    serve(pair[1], parent, keep, call);
  int error = pid < 0 ? -errno : 0;
  (void)close(pair[1]); /* its own now */
  if (!error)
    error = await(pair[0]);
  if (!error)
    error = guard_keep_capabilities(0);
  if (error) {
    (void)close(pair[0]); /* which ends it */
    if (pid > 0)
      (void)waitpid(pid, NULL, 0); /* a child of ours */
    return error;
  }
  the.pid = pid;
  the.capabilities = keep;
  remote_start(pair[0]);
  return 0;
}

int broker_call(const struct broker_message *request, struct broker_message *ret_reply)
{
  const struct remote_question question = {.op = WIRE_CALL,
                                           .bytes = request->bytes,
                                           .length = request->length,
                                           .fds = request->fds,
                                           .fd_count = request->fd_count};
  struct remote_answer answer;
  struct remote *remote = NULL;
  int error = remote_connect(&remote);
  if (error)
    return error;
  error = remote_ask(remote, &question, &answer);
  if (!remote->error && answer.length <= BROKER_CALL_BYTES) {
    ret_reply->length = answer.length;
    if (answer.length > 0)
      memcpy(ret_reply->bytes, answer.bytes, answer.length);
    memcpy(ret_reply->fds, answer.fds, sizeof answer.fds);
    ret_reply->fd_count = answer.fd_count;
    answer.fd_count = 0;
  } else if (!remote->error) {
    error = -EPROTO;
  } else {
    ret_reply->length = ret_reply->fd_count = 0;
  }
  remote_free(&answer);
  remote_disconnect(remote);
  return error;
}
