/* remote_reach.c - see remote_reach.h: each function is a question and what its answer means. */
#include "probe/reach/remote_reach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/reach/target.h"

/* A question without bytes. */
static struct remote_question ask_with(enum wire_op op, uint64_t first, uint64_t second)
{
  return (struct remote_question){.op = op, .numbers = {first, second}};
}

int remote_open(struct reach_target *target)
{
  const struct remote_question question = ask_with(WIRE_OPEN, (uint64_t)target->pid, 0);
  struct remote_answer answer;
  if (target->pid <= 0)
    return -ESRCH;
  int error = remote_connect(&target->remote);
  if (error)
    return error;
  error = remote_ask(target->remote, &question, &answer);
  if (!error && answer.fd_count != 1)
    error = -EPROTO;
  if (!error) {
    target->start_ticks = answer.number;
    target->pidfd = answer.fds[0];
    answer.fd_count = 0;
  }
  remote_free(&answer);
  return error;
}

/* --- files --- */

int remote_openat(const struct reach_target *target, const char *name, int flags)
{
  const struct remote_question question = remote_text(WIRE_OPENAT, (uint64_t)flags, name);
  int fd = -1, error = remote_ask_fd(target->remote, &question, &fd);
  return error ? error : fd;
}

int remote_file(const struct reach_target *target, const char *name, size_t most, char **ret_bytes,
                size_t *ret_length)
{
  const struct remote_question question = remote_text(WIRE_FILE, most, name);
  struct remote_answer answer;
  int error = remote_ask(target->remote, &question, &answer);
  if (!error && !answer.bytes && !(answer.bytes = calloc(1, 1))) /* an empty file */
    error = -ENOMEM;
  if (!error) {
    *ret_bytes = answer.bytes;
    if (ret_length)
      *ret_length = answer.length;
    answer.bytes = NULL;
  }
  remote_free(&answer);
  return error;
}

int remote_link(const struct reach_target *target, const char *name, char *ret_text, size_t room)
{
  const struct remote_question question = remote_text(WIRE_LINK, 0, name);
  struct remote_answer answer;
  int error = remote_ask(target->remote, &question, &answer);
  if (!error && answer.length >= room)
    error = -ENAMETOOLONG;
  if (!error && answer.length > 0)
    memcpy(ret_text, answer.bytes, answer.length);
  if (!error)
    ret_text[answer.length] = '\0';
  remote_free(&answer);
  return error;
}

int remote_open_inside(const struct reach_target *target, const char *path, int *ret_fd)
{
  const struct remote_question question = remote_text(WIRE_INSIDE, 0, path);
  return remote_ask_fd(target->remote, &question, ret_fd);
}

int remote_memfd_open(const struct reach_target *target, const struct reach_memfd *memfd,
                      int *ret_fd)
{
  const struct remote_question question = ask_with(WIRE_MEMFD, memfd->address, memfd->inode);
  return remote_ask_fd(target->remote, &question, ret_fd);
}

int remote_ending(const struct reach_target *target, int *ret_status)
{
  const struct remote_question question = ask_with(WIRE_ENDING, 0, 0);
  struct remote_answer answer;
  int error = remote_ask(target->remote, &question, &answer);
  if (!error)
    *ret_status = (int)answer.number;
  remote_free(&answer);
  return error;
}

int remote_mqueue(const struct reach_target *target, int fd, struct reach_mqueue *ret_queue)
{
  const struct remote_question question = ask_with(WIRE_MQUEUE, (uint64_t)(unsigned)fd, 0);
  struct remote_answer answer;
  int error = remote_ask(target->remote, &question, &answer);
  if (!error && answer.length != sizeof *ret_queue)
    error = -EPROTO;
  if (!error)
    memcpy(ret_queue, answer.bytes, sizeof *ret_queue);
  remote_free(&answer);
  return error;
}

/* --- lists --- */

/* The answer's bytes as a list of `size`d elements; it keeps them where they are fine. */
static int take_list(struct remote_answer *answer, size_t size, void **ret_list, size_t *ret_count)
{
  if (answer->length % size)
    return -EPROTO;
  if (!answer->bytes && !(answer->bytes = calloc(1, size)))
    return -ENOMEM;
  *ret_list = answer->bytes;
  *ret_count = answer->length / size;
  answer->bytes = NULL;
  return 0;
}

int remote_fds(const struct reach_target *target, size_t most, struct reach_fd **ret_list,
               size_t *ret_count)
{
  const struct remote_question question = ask_with(WIRE_FDS, most, 0);
  struct remote_answer answer;
  void *list = NULL;
  int error = remote_ask(target->remote, &question, &answer);
  if (!error || error == -E2BIG) {
    int taken = take_list(&answer, sizeof **ret_list, &list, ret_count);
    error = taken ? taken : error;
  }
  remote_free(&answer);
  if (list) {
    *ret_list = list;
    for (size_t i = 0; i < *ret_count; i++)
      (*ret_list)[i].link[sizeof(*ret_list)[i].link - 1] = '\0';
  }
  return error;
}

int remote_pids(pid_t **ret_pids, size_t *ret_count)
{
  const struct remote_question question = ask_with(WIRE_PIDS, 0, 0);
  struct remote_answer answer;
  struct remote *remote = NULL;
  void *list = NULL;
  int error = remote_connect(&remote);
  if (error)
    return error;
  error = remote_ask(remote, &question, &answer);
  if (!error)
    error = take_list(&answer, sizeof **ret_pids, &list, ret_count);
  remote_free(&answer);
  remote_disconnect(remote);
  if (!error)
    *ret_pids = list;
  return error;
}

/* --- memory --- */

ssize_t remote_read(const struct reach_target *target, uint64_t address, void *ret_bytes,
                    size_t length)
{
  size_t wanted = length < WIRE_READ_BYTES ? length : WIRE_READ_BYTES;
  const struct remote_question question = ask_with(WIRE_READ, address, wanted);
  struct remote_answer answer;
  int error = remote_ask(target->remote, &question, &answer);
  if (!error && answer.length > wanted)
    error = -EPROTO;
  if (!error && answer.length > 0)
    memcpy(ret_bytes, answer.bytes, answer.length);
  ssize_t got = error ? error : (ssize_t)answer.length;
  remote_free(&answer);
  return got;
}

/* A byte each, then the bytes of all, read or not. */
static int scatter(const struct remote_answer *answer, struct reach_piece *pieces, size_t count)
{
  size_t at = count;
  for (size_t i = 0; i < count; i++) {
    if (at > answer->length || answer->length - at < pieces[i].length)
      return -EPROTO;
    pieces[i].read = answer->bytes[i] == 1;
    if (pieces[i].read && pieces[i].length > 0)
      memcpy(pieces[i].bytes, answer->bytes + at, pieces[i].length);
    at += pieces[i].length;
  }
  return 0;
}

int remote_read_pieces(const struct reach_target *target, struct reach_piece *pieces, size_t count)
{
  struct wire_piece wanted[WIRE_PIECES_MOST];
  const struct remote_question question = {
      .op = WIRE_PIECES, .bytes = wanted, .length = count * sizeof *wanted};
  struct remote_answer answer;
  for (size_t i = 0; i < count; i++)
    wanted[i] = (struct wire_piece){pieces[i].address, pieces[i].length};
  int error = remote_ask(target->remote, &question, &answer);
  if (!error)
    error = scatter(&answer, pieces, count);
  remote_free(&answer);
  return error;
}

/* --- threads --- */

struct remote_threads {
  struct remote *remote;
  uint64_t handle;
  void *list; /* of the last answer */
};

int remote_threads_open(const struct reach_target *target, struct remote_threads **ret_threads)
{
  const struct remote_question question = ask_with(WIRE_THREADS_OPEN, 0, 0);
  struct remote_answer answer;
  struct remote_threads *threads = calloc(1, sizeof *threads);
  if (!threads)
    return -ENOMEM;
  int error = remote_ask(target->remote, &question, &answer);
  threads->remote = target->remote;
  threads->handle = answer.number;
  remote_free(&answer);
  if (error)
    free(threads);
  else
    *ret_threads = threads;
  return error;
}

void remote_threads_close(struct remote_threads *threads)
{
  struct remote_answer answer;
  if (!threads)
    return;
  const struct remote_question question = ask_with(WIRE_THREADS_CLOSE, threads->handle, 0);
  (void)remote_ask(threads->remote, &question, &answer); /* at the latest with the target */
  remote_free(&answer);
  free(threads->list);
  free(threads);
}

int remote_threads_read(struct remote_threads *threads, const pid_t *tids, size_t tid_count,
                        const struct reach_thread **ret_list, size_t *ret_count)
{
  size_t count = tid_count < REACH_THREADS_MOST ? tid_count : REACH_THREADS_MOST, read = 0;
  struct remote_question question = ask_with(WIRE_THREADS_READ, threads->handle, tids == NULL);
  struct remote_answer answer;
  struct reach_thread *list = NULL;
  if (tids) {
    question.bytes = tids;
    question.length = count * sizeof *tids;
  }
  int error = remote_ask(threads->remote, &question, &answer);
  if (!error)
    error = take_list(&answer, sizeof *list, (void **)&list, &read);
  remote_free(&answer);
  if (error)
    return error;
  for (size_t i = 0; i < read; i++)
    list[i].syscall[sizeof list[i].syscall - 1] = list[i].schedstat[sizeof list[i].schedstat - 1] =
        '\0';
  free(threads->list);
  threads->list = list;
  *ret_list = list;
  *ret_count = read;
  return 0;
}
