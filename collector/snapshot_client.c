/* snapshot_client.c - see snapshot_client.h. */
#include "collector/snapshot_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "collector/snapshot_protocol.h"

#define SNAPSHOT_BYTES_MAX (UINT64_C(4) << 30)
#define TEXT_BYTES_MAX (UINT64_C(16) << 20)
#define SEND_PATIENCE_S 1
#define NO_ANSWER "the recorder does not answer"

static int fail(struct snapshot_client *client, int error, const char *words)
{
  (void)snprintf(client->error, sizeof(client->error), "%s", words); /* cut is fine */
  return error;
}

/* A recorder that hangs takes neither connections nor questions when its queues are full. */
static int set_patience(int fd)
{
  const struct timeval patience = {.tv_sec = SEND_PATIENCE_S};

  return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ? -errno : 0;
}

/* errno after what set_patience bounds. */
static int fail_to_send(struct snapshot_client *client)
{
  if (errno == EAGAIN || errno == EWOULDBLOCK)
    return fail(client, -ETIMEDOUT, NO_ANSWER);
  return fail(client, errno == EPIPE ? -ECONNRESET : -errno, strerror(errno));
}

int snapshot_client_open(struct snapshot_client *client, const char *path)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct ucred peer;
  socklen_t length = sizeof(peer);
  int error;

  *client = (struct snapshot_client){.fd = -1};
  if (strlen(path) >= sizeof(address.sun_path))
    return fail(client, -ENAMETOOLONG, "the path of the socket is too long");
  strcpy(address.sun_path, path);
  client->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (client->fd < 0)
    return fail(client, -errno, strerror(errno));
  if ((error = set_patience(client->fd)) < 0) {
    (void)fail(client, error, strerror(-error));
  } else if (connect(client->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
    error = fail_to_send(client);
  } else if (getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) {
    error = fail(client, -errno, strerror(errno));
  } else if (peer.uid != 0 && peer.uid != geteuid()) {
    error = fail(client, -EPERM, "another user listens there; it is not believed");
  } else {
    return 0;
  }
  snapshot_client_close(client);
  return error;
}

void snapshot_client_close(struct snapshot_client *client)
{
  if (client->fd >= 0)
    (void)close(client->fd);
  client->fd = -1;
}

/* --- one question, one answer --- */

static int wait_readable(struct snapshot_client *client, int timeout_ms, int cancel_fd)
{
  struct pollfd fds[] = {{.fd = client->fd, .events = POLLIN}, {.fd = cancel_fd, .events = POLLIN}};
  int ready = poll(fds, 2, timeout_ms);

  if (ready < 0)
    return fail(client, -errno, strerror(errno));
  if (ready == 0)
    return fail(client, -ETIMEDOUT, NO_ANSWER);
  return fds[1].revents ? fail(client, -ECANCELED, "cancelled") : 0;
}

/* Closes all descriptors that came but keeps the first; returns it, or -1 where not exactly one
 * came. */
static int take_descriptor(struct msghdr *message)
{
  int first = -1, count = 0;

  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
    size_t here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    int fds[8];

    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
      continue;
    if (here > 8)
      here = 8; /* there is no room for more in our buffer */
    memcpy(fds, CMSG_DATA(c), here * sizeof(int));
    for (size_t i = 0; i < here; i++) {
      if (count++ == 0)
        first = fds[i];
      else
        (void)close(fds[i]);
    }
  }
  if (count > 1) {
    (void)close(first);
    first = -1;
  }
  return first;
}

/* Receives an answer of the wanted type. On success *ret_fd is its memfd. */
static int receive(struct snapshot_client *client, uint16_t type,
                   struct snapshot_answer *ret_answer, int *ret_fd)
{
  struct {
    struct snapshot_answer head;
    char text[SNAPSHOT_ERROR_BYTES];
  } buffer;
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(8 * sizeof(int))];
  } control;
  struct iovec part = {.iov_base = &buffer, .iov_len = sizeof(buffer)};
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof(control.bytes)};
  ssize_t got = recvmsg(client->fd, &message, MSG_CMSG_CLOEXEC);
  int fd = -1;

  if (got > 0)
    fd = take_descriptor(&message);
  if (got < 0)
    return fail(client, -errno, strerror(errno));
  if (got == 0)
    return fail(client, -ECONNRESET, "the recorder is gone");
  if ((size_t)got < sizeof(buffer.head) || buffer.head.magic != SNAPSHOT_PROTOCOL_MAGIC ||
      buffer.head.type != type || buffer.head.text_bytes > (size_t)got - sizeof(buffer.head) ||
      buffer.head.error > 0 || (buffer.head.error == 0) != (fd >= 0)) {
    if (fd >= 0)
      (void)close(fd);
    return fail(client, -EPROTO, "what answers there is not an impasse recorder");
  }
  if (buffer.head.version != SNAPSHOT_PROTOCOL_VERSION) {
    if (fd >= 0)
      (void)close(fd);
    return fail(client, -EPROTONOSUPPORT, "the recorder is another version of impasse; restart it");
  }
  if (buffer.head.error < 0) {
    (void)snprintf(client->error, sizeof(client->error), "%.*s", (int)buffer.head.text_bytes,
                   buffer.text);
    return buffer.head.error < -4095 ? -EPROTO : buffer.head.error;
  }
  *ret_answer = buffer.head;
  *ret_fd = fd;
  return 0;
}

static int exchange(struct snapshot_client *client, const struct snapshot_question *question,
                    int timeout_ms, int cancel_fd, struct snapshot_answer *ret_answer, int *ret_fd)
{
  int error;

  if (send(client->fd, question, sizeof(*question), MSG_NOSIGNAL) < 0)
    return fail_to_send(client);
  error = wait_readable(client, timeout_ms, cancel_fd);
  return error < 0 ? error : receive(client, question->type, ret_answer, ret_fd);
}

/* Maps a memfd whose size nobody can change any more. Closes it in any case. */
static int map_sealed(struct snapshot_client *client, int fd, uint64_t size, uint64_t most,
                      void **ret_block)
{
  struct stat stat;
  int seals = fcntl(fd, F_GET_SEALS), error = 0;
  void *block = NULL;

  if (seals < 0 || (seals & SNAPSHOT_PROTOCOL_SEALS) != SNAPSHOT_PROTOCOL_SEALS)
    error = fail(client, -EPROTO, "what the recorder sent is not sealed");
  else if (fstat(fd, &stat) < 0 || size == 0 || size > most || (uint64_t)stat.st_size != size)
    error = fail(client, -EPROTO, "what the recorder sent has another size than it says");
  else if (stat.st_blksize > (blksize_t)sysconf(_SC_PAGESIZE))
    error = fail(client, -EPROTO,
                 "what the recorder sent lies in huge pages"); /* they can kill a reader */
  if (error == 0) {
    block = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (block == MAP_FAILED)
      error = fail(client, -errno, strerror(errno));
  }
  (void)close(fd);
  if (error == 0)
    *ret_block = block;
  return error;
}

static void unmap(void *block, size_t size)
{
  (void)munmap(block, size); /* a mapping of ours */
}

int snapshot_client_newest(struct snapshot_client *client, uint64_t after_tick, int timeout_ms,
                           int cancel_fd, struct snapshot **ret_snapshot)
{
  const struct snapshot_question question = {.magic = SNAPSHOT_PROTOCOL_MAGIC,
                                             .version = SNAPSHOT_PROTOCOL_VERSION,
                                             .type = SNAPSHOT_NEWEST,
                                             .after_tick = after_tick};
  struct snapshot_answer answer;
  void *block;
  int fd, error;

  error = exchange(client, &question, timeout_ms, cancel_fd, &answer, &fd);
  if (error == 0)
    error = map_sealed(client, fd, answer.size, SNAPSHOT_BYTES_MAX, &block);
  if (error < 0)
    return error;
  error = snapshot_adopt(block, answer.size, unmap, ret_snapshot);
  if (error == 0)
    return 0;
  unmap(block, answer.size);
  return error == -EPROTONOSUPPORT
             ? fail(client, error, "the recorder is another version of impasse; restart it")
             : fail(client, -EPROTO, "the recorder sent a damaged snapshot");
}

int snapshot_client_ask(struct snapshot_client *client, int64_t target_key, int64_t actor,
                        enum feed_question question, int timeout_ms, int cancel_fd, char **ret_text)
{
  const struct snapshot_question wanted = {.magic = SNAPSHOT_PROTOCOL_MAGIC,
                                           .version = SNAPSHOT_PROTOCOL_VERSION,
                                           .type = SNAPSHOT_ASK,
                                           .target_key = target_key,
                                           .actor = actor,
                                           .question = question};
  struct snapshot_answer answer;
  void *block;
  int fd, error;

  error = exchange(client, &wanted, timeout_ms, cancel_fd, &answer, &fd);
  if (error == 0)
    error = map_sealed(client, fd, answer.size, TEXT_BYTES_MAX, &block);
  if (error < 0)
    return error;
  *ret_text = strndup(block, answer.size);
  unmap(block, answer.size);
  return *ret_text ? 0 : fail(client, -ENOMEM, "out of memory");
}
