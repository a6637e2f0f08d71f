/*
 * serve.c - what the broker does when it is asked: one row of a table an operation, all of them the functions of reach.h
 * as they are without a broker. Every number, length and name of a request is checked first: whoever asks has been fed
 * by hostile programs.
 *
 * Not here: parsing anything that a target wrote; processes and threads of the broker (serve_threads.c).
 */
#include "probe/reach/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/reach/target.h"

enum { HANDLES = 4 }; /* of threads, a connection: nobody has more than one a source */

struct serve_session {
  broker_call_fn *call;
  struct reach_target *target; /* NULL: none is open */
  struct reach_threads *threads[HANDLES];
};

struct serve_question {
  const uint64_t *numbers;
  const char *bytes;
  size_t length;
  const int *fds;
  size_t fd_count;
};

/* --- names --- */

enum { AS_BYTES = 1, AS_LINK = 2, AS_FD = 4 };

static const struct {
  const char *pattern;
  unsigned as;
} names[] = {
#define NAME(pattern, as) {pattern, as},
#include "probe/reach/names.def"
#undef NAME
};

static const char digits[] = "0123456789";
static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";

static bool matches(const char *pattern, const char *name)
{
  for (; *pattern; pattern++) {
    size_t many = *pattern == '#'   ? strspn(name, digits)
                  : *pattern == '*' ? strspn(name, letters)
                                    : *pattern == *name;
    if (many == 0)
      return false;
    name += many;
  }
  return *name == '\0';
}

static bool is_given(const char *name, unsigned as)
{
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (names[i].as & as && matches(names[i].pattern, name))
      return true;
  return false;
}

/* --- operations --- */

static void close_all(struct serve_session *session)
{
  for (size_t i = 0; i < HANDLES; i++) {
    reach_threads_close(session->threads[i]);
    session->threads[i] = NULL;
  }
  reach_close(session->target);
  session->target = NULL;
}

static int add_fd(struct serve_reply *reply, int fd)
{
  reply->fds[reply->fd_count++] = fd;
  return 0;
}

static int open_target(struct serve_session *session, const struct serve_question *q,
                       struct serve_reply *reply)
{
  if (q->numbers[0] == 0 || q->numbers[0] > INT_MAX)
    return -ESRCH;
  close_all(session);
  int error = reach_open((pid_t)q->numbers[0], &session->target);
  if (error)
    return error;
  int fd = fcntl(reach_pidfd(session->target), F_DUPFD_CLOEXEC, 0);
  if (fd < 0)
    return -errno;
  reply->number = reach_start_ticks(session->target);
  return add_fd(reply, fd);
}

static int close_target(struct serve_session *session, const struct serve_question *q,
                        struct serve_reply *reply)
{
  (void)q, (void)reply;
  close_all(session);
  return 0;
}

static int read_file(struct serve_session *session, const struct serve_question *q,
                     struct serve_reply *reply)
{
  size_t most = q->numbers[0] < WIRE_REPLY_BYTES ? (size_t)q->numbers[0] : WIRE_REPLY_BYTES;
  if (!is_given(q->bytes, AS_BYTES))
    return -EACCES;
  return reach_file(session->target, q->bytes, most, &reply->bytes, &reply->length);
}

static int read_link(struct serve_session *session, const struct serve_question *q,
                     struct serve_reply *reply)
{
  if (!is_given(q->bytes, AS_LINK))
    return -EACCES;
  reply->bytes = malloc(PATH_MAX);
  if (!reply->bytes)
    return -ENOMEM;
  int error = reach_link(session->target, q->bytes, reply->bytes, PATH_MAX);
  reply->length = error ? 0 : strlen(reply->bytes);
  return error;
}

static int open_file(struct serve_session *session, const struct serve_question *q,
                     struct serve_reply *reply)
{
  if (!is_given(q->bytes, AS_FD) || q->numbers[0] & ~(uint64_t)(O_DIRECTORY | O_PATH))
    return -EACCES;
  int fd = reach_openat(session->target, q->bytes, (int)q->numbers[0]);
  return fd < 0 ? fd : add_fd(reply, fd);
}

static int open_inside(struct serve_session *session, const struct serve_question *q,
                       struct serve_reply *reply)
{
  int fd, error = reach_open_inside(session->target, q->bytes, &fd);
  return error ? error : add_fd(reply, fd);
}

static int open_memfd(struct serve_session *session, const struct serve_question *q,
                      struct serve_reply *reply)
{
  const struct reach_memfd memfd = {.address = q->numbers[0], .inode = q->numbers[1]};
  int fd, error = reach_memfd_open(session->target, &memfd, &fd);
  return error ? error : add_fd(reply, fd);
}

static int list_fds(struct serve_session *session, const struct serve_question *q,
                    struct serve_reply *reply)
{
  size_t most = WIRE_REPLY_BYTES / sizeof(struct reach_fd), count = 0;
  struct reach_fd *list = NULL;
  if (q->numbers[0] < most)
    most = (size_t)q->numbers[0];
  int error = reach_fds(session->target, most, &list, &count);
  reply->bytes = (char *)list;
  reply->length = count * sizeof *list;
  return error;
}

static int tell_mqueue(struct serve_session *session, const struct serve_question *q,
                       struct serve_reply *reply)
{
  struct reach_mqueue queue;
  int error =
      q->numbers[0] > INT_MAX ? -EINVAL : reach_mqueue(session->target, (int)q->numbers[0], &queue);
  if (error)
    return error;
  reply->bytes = malloc(sizeof queue);
  if (!reply->bytes)
    return -ENOMEM;
  memcpy(reply->bytes, &queue, sizeof queue);
  reply->length = sizeof queue;
  return 0;
}

static int tell_ending(struct serve_session *session, const struct serve_question *q,
                       struct serve_reply *reply)
{
  int status = 0, error = reach_ending(session->target, &status);
  (void)q;
  reply->number = (uint64_t)(unsigned)status;
  return error;
}

static int read_memory(struct serve_session *session, const struct serve_question *q,
                       struct serve_reply *reply)
{
  if (q->numbers[1] > WIRE_READ_BYTES)
    return -EINVAL;
  reply->bytes = malloc((size_t)q->numbers[1] + 1);
  if (!reply->bytes)
    return -ENOMEM;
  ssize_t got = reach_read(session->target, q->numbers[0], reply->bytes, (size_t)q->numbers[1]);
  reply->length = got < 0 ? 0 : (size_t)got;
  return got < 0 ? (int)got : 0;
}

/* Where the pieces lie in the reply, one behind the other. -EINVAL where they are too many or too long. */
static int place_pieces(const struct serve_question *q, struct reach_piece *pieces,
                        size_t *ret_count, size_t *ret_bytes)
{
  struct wire_piece piece;
  size_t count = q->length / sizeof piece, total = 0;
  if (q->length % sizeof piece || count > WIRE_PIECES_MOST)
    return -EINVAL;
  for (size_t i = 0; i < count; i++) {
    memcpy(&piece, q->bytes + i * sizeof piece, sizeof piece);
    if (piece.length > WIRE_READ_BYTES)
      return -EINVAL;
    pieces[i] = (struct reach_piece){.address = piece.address, .length = (size_t)piece.length};
    total += (size_t)piece.length;
  }
  *ret_count = count;
  *ret_bytes = total;
  return total > WIRE_REPLY_BYTES / 2 ? -EINVAL : 0;
}

static int read_pieces(struct serve_session *session, const struct serve_question *q,
                       struct serve_reply *reply)
{
  struct reach_piece pieces[WIRE_PIECES_MOST];
  size_t count = 0, total = 0;
  int error = place_pieces(q, pieces, &count, &total);
  if (error)
    return error;
  reply->bytes = calloc(1, count + total + 1);
  if (!reply->bytes)
    return -ENOMEM;
  char *at = reply->bytes + count;
  for (size_t i = 0; i < count; at += pieces[i++].length)
    pieces[i].bytes = at;
  error = reach_read_pieces(session->target, pieces, count);
  for (size_t i = 0; i < count; i++)
    reply->bytes[i] = pieces[i].read;
  reply->length = error ? 0 : count + total;
  return error;
}

static int open_threads(struct serve_session *session, const struct serve_question *q,
                        struct serve_reply *reply)
{
  (void)q;
  for (size_t i = 0; i < HANDLES; i++) {
    if (session->threads[i])
      continue;
    reply->number = i;
    return reach_threads_open(session->target, &session->threads[i]);
  }
  return -EMFILE;
}

static int close_threads(struct serve_session *session, const struct serve_question *q,
                         struct serve_reply *reply)
{
  (void)reply;
  if (q->numbers[0] >= HANDLES)
    return -EBADF;
  reach_threads_close(session->threads[q->numbers[0]]);
  session->threads[q->numbers[0]] = NULL;
  return 0;
}

static int read_threads(struct serve_session *session, const struct serve_question *q,
                        struct serve_reply *reply)
{
  const struct reach_thread *list;
  size_t count;
  if (q->numbers[0] >= HANDLES || !session->threads[q->numbers[0]])
    return -EBADF;
  const pid_t *tids = q->numbers[1] ? NULL : (const pid_t *)(const void *)q->bytes;
  int error = reach_threads_read(session->threads[q->numbers[0]], tids, q->length / sizeof *tids,
                                 &list, &count);
  if (error)
    return error;
  reply->length = count * sizeof *list;
  reply->bytes = malloc(reply->length + 1);
  if (!reply->bytes)
    return -ENOMEM;
  if (count > 0)
    memcpy(reply->bytes, list, reply->length);
  return 0;
}

static int list_pids(struct serve_session *session, const struct serve_question *q,
                     struct serve_reply *reply)
{
  pid_t *pids;
  size_t count;
  int error = reach_pids(&pids, &count);
  (void)session, (void)q;
  if (error)
    return error;
  reply->bytes = (char *)pids;
  reply->length = count * sizeof *pids;
  return 0;
}

static int call(struct serve_session *session, const struct serve_question *q,
                struct serve_reply *reply)
{
  struct broker_message request = {.length = q->length, .fd_count = q->fd_count}, answer = {0};
  if (!session->call)
    return -EOPNOTSUPP;
  reply->bytes = malloc(BROKER_CALL_BYTES);
  if (!reply->bytes)
    return -ENOMEM;
  memcpy(request.bytes, q->bytes, q->length);
  if (q->fd_count > 0)
    memcpy(request.fds, q->fds, q->fd_count * sizeof *q->fds);
  int error = session->call(&request, &answer);
  assert(answer.length <= BROKER_CALL_BYTES && answer.fd_count <= BROKER_FDS_MOST);
  memcpy(reply->bytes, answer.bytes, answer.length);
  reply->length = answer.length;
  memcpy(reply->fds, answer.fds, answer.fd_count * sizeof *answer.fds);
  reply->fd_count = answer.fd_count;
  return error;
}

/* --- the table --- */

enum needs { NOTHING, TARGET };

static const struct {
  int (*run)(struct serve_session *session, const struct serve_question *question,
             struct serve_reply *reply);
  enum needs needs;
  uint32_t most_bytes;
  bool text; /* a name or path, which is not empty and has no NUL */
  uint32_t most_fds;
} ops[WIRE_OPS] = {
    [WIRE_OPEN] = {.run = open_target},
    [WIRE_CLOSE] = {.run = close_target},
    [WIRE_FILE] = {read_file, TARGET, WIRE_TEXT_BYTES, true, 0},
    [WIRE_LINK] = {read_link, TARGET, WIRE_TEXT_BYTES, true, 0},
    [WIRE_OPENAT] = {open_file, TARGET, WIRE_TEXT_BYTES, true, 0},
    [WIRE_INSIDE] = {open_inside, TARGET, WIRE_TEXT_BYTES, true, 0},
    [WIRE_MEMFD] = {.run = open_memfd, .needs = TARGET},
    [WIRE_FDS] = {.run = list_fds, .needs = TARGET},
    [WIRE_ENDING] = {.run = tell_ending, .needs = TARGET},
    [WIRE_MQUEUE] = {.run = tell_mqueue, .needs = TARGET},
    [WIRE_READ] = {.run = read_memory, .needs = TARGET},
    [WIRE_PIECES] = {read_pieces, TARGET, WIRE_PIECES_MOST * sizeof(struct wire_piece), false, 0},
    [WIRE_THREADS_OPEN] = {.run = open_threads, .needs = TARGET},
    [WIRE_THREADS_CLOSE] = {.run = close_threads, .needs = TARGET},
    [WIRE_THREADS_READ] = {read_threads, TARGET, REACH_THREADS_MOST * sizeof(pid_t), false, 0},
    [WIRE_PIDS] = {.run = list_pids},
    [WIRE_CALL] = {call, NOTHING, BROKER_CALL_BYTES, false, WIRE_FDS_MOST},
};

struct serve_session *serve_session_new(broker_call_fn *function)
{
  struct serve_session *session = calloc(1, sizeof *session);
  if (session)
    session->call = function;
  return session;
}

void serve_session_free(struct serve_session *session)
{
  if (!session)
    return;
  close_all(session);
  free(session);
}

static int check(const struct serve_session *session, const struct wire_request *request,
                 const char *bytes)
{
  if (request->op >= WIRE_OPS)
    return -EINVAL;
  if (request->bytes > ops[request->op].most_bytes || request->fds > ops[request->op].most_fds)
    return -EINVAL;
  if (ops[request->op].text && (request->bytes == 0 || memchr(bytes, '\0', request->bytes)))
    return -EINVAL;
  return ops[request->op].needs == TARGET && !session->target ? -EBADF : 0;
}

int serve_request(struct serve_session *session, const struct wire_request *request,
                  const char *bytes, const int *fds, struct serve_reply *ret_reply)
{
  const struct serve_question question = {.numbers = request->numbers,
                                          .bytes = bytes,
                                          .length = request->bytes,
                                          .fds = fds,
                                          .fd_count = request->fds};
  int error = check(session, request, bytes);
  *ret_reply = (struct serve_reply){0};
  return error ? error : ops[request->op].run(session, &question, ret_reply);
}
