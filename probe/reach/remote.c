/*
 * remote.c - connections to the broker: asks with a deadline. A connection whose target was closed is used again, since a
 * look at a process is often all there is.
 */
#include "probe/reach/remote.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe/reach/broker.h"

enum { IDLE_MOST = 16, NS_PER_MS = 1000000 };

/* Of the one broker of this process. */
static struct {
  int control; /* brings connections to it; written before there are threads */
  pthread_mutex_t lock;
  int idle[IDLE_MOST];
  size_t idle_count;
} the = {.control = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local uint64_t spent_ns;

void remote_start(int control)
{
  the.control = control;
}

uint64_t remote_thread_ns(void)
{
  return spent_ns;
}

uint64_t remote_deadline_ns(void)
{
  return wire_now_ns() + (uint64_t)BROKER_PATIENCE_MS * NS_PER_MS;
}

/* --- connections --- */

/* Sends one end of a new connection over. */
static int connect_new(int *ret_fd)
{
  int pair[2];
  char hello = 'c';
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    return -errno;
  int error =
      wire_send(the.control, &hello, sizeof hello, NULL, 0, &pair[1], 1, remote_deadline_ns());
  (void)close(pair[1]); /* a copy is under way */
  if (error)
    (void)close(pair[0]); /* never used */
  else
    *ret_fd = pair[0];
  return error;
}

static int take_idle(void)
{
  (void)pthread_mutex_lock(&the.lock);
  int fd = the.idle_count > 0 ? the.idle[--the.idle_count] : -1;
  (void)pthread_mutex_unlock(&the.lock);
  return fd;
}

/* Closes it where there are enough. */
static void put_idle(int fd)
{
  (void)pthread_mutex_lock(&the.lock);
  bool kept = the.idle_count < IDLE_MOST;
  if (kept)
    the.idle[the.idle_count++] = fd;
  (void)pthread_mutex_unlock(&the.lock);
  if (!kept)
    (void)close(fd); /* nothing is under way */
}

int remote_connect(struct remote **ret_remote)
{
  struct remote *remote = malloc(sizeof *remote);
  int error = 0;
  if (!remote)
    return -ENOMEM;
  *remote = (struct remote){.fd = take_idle(), .mem_fd = -1, .stat_fd = -1};
  if (remote->fd < 0)
    error = connect_new(&remote->fd);
  if (error) {
    free(remote);
    return error;
  }
  *ret_remote = remote;
  return 0;
}

/* The broker answers a close at once, or the connection is given up. */
void remote_disconnect(struct remote *remote)
{
  const struct remote_question close_it = {.op = WIRE_CLOSE};
  struct remote_answer answer;
  if (!remote)
    return;
  if (remote->mem_fd >= 0)
    (void)close(remote->mem_fd); /* only read */
  if (remote->stat_fd >= 0)
    (void)close(remote->stat_fd); /* only read */
  if (!remote->error) {
    (void)remote_ask(remote, &close_it, &answer); /* failed: given up */
    remote_free(&answer);
  }
  if (!remote->error)
    put_idle(remote->fd);
  free(remote);
}

/* --- questions --- */

struct remote_question remote_text(enum wire_op op, uint64_t number, const char *text)
{
  return (struct remote_question){
      .op = op, .numbers = {number}, .bytes = text, .length = strlen(text)};
}

void remote_free(struct remote_answer *answer)
{
  wire_close_fds(answer->fds, answer->fd_count);
  free(answer->bytes);
}

/* The reply's bytes, which may be none. */
static int receive_bytes(int fd, size_t length, struct remote_answer *answer, uint64_t deadline_ns)
{
  if (length == 0)
    return 0;
  if (length > WIRE_REPLY_BYTES)
    return -EPROTO;
  answer->bytes = malloc(length + 1);
  if (!answer->bytes)
    return -ENOMEM;
  answer->bytes[length] = '\0';
  answer->length = length;
  return wire_receive(fd, answer->bytes, length, NULL, NULL, deadline_ns);
}

/* An error here is one of the connection; the broker's own goes to `ret_error`. */
static int exchange(int fd, const struct remote_question *question, struct remote_answer *answer,
                    int *ret_error)
{
  uint64_t deadline_ns = remote_deadline_ns();
  const struct wire_request request = {.op = question->op,
                                       .bytes = (uint32_t)question->length,
                                       .fds = (uint32_t)question->fd_count,
                                       .numbers = {question->numbers[0], question->numbers[1]}};
  struct wire_reply reply = {0};
  int error = wire_send(fd, &request, sizeof request, question->bytes, question->length,
                        question->fds, question->fd_count, deadline_ns);
  if (!error)
    error = wire_receive(fd, &reply, sizeof reply, answer->fds, &answer->fd_count, deadline_ns);
  if (!error)
    error = receive_bytes(fd, reply.bytes, answer, deadline_ns);
  if (error)
    return error;
  answer->number = reply.number;
  spent_ns += reply.cpu_ns;
  *ret_error = reply.error > 0 ? -EPROTO : reply.error;
  return 0;
}

int remote_ask(struct remote *remote, const struct remote_question *question,
               struct remote_answer *ret_answer)
{
  int error = 0;
  *ret_answer = (struct remote_answer){0};
  if (remote->error)
    return remote->error;
  if (question->length > WIRE_REQUEST_BYTES || question->fd_count > WIRE_FDS_MOST)
    return -E2BIG;
  int lost = exchange(remote->fd, question, ret_answer, &error);
  if (!lost)
    return error;
  (void)close(remote->fd); /* an answer that comes too late must not be taken for the next one's */
  remote->fd = -1;
  remote->error = lost;
  return lost;
}

int remote_ask_fd(struct remote *remote, const struct remote_question *question, int *ret_fd)
{
  struct remote_answer answer;
  int error = remote_ask(remote, question, &answer);
  if (!error && answer.fd_count == 0)
    error = -EPROTO;
  if (!error)
    *ret_fd = answer.fds[0];
  if (!error && answer.fd_count > 1)
    wire_close_fds(answer.fds + 1, answer.fd_count - 1);
  if (!error)
    answer.fd_count = 0;
  remote_free(&answer);
  return error;
}
