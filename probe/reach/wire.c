/* wire.c - see wire.h. */
#include "probe/reach/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { NS_PER_MS = 1000000 };

union control {
  struct cmsghdr header; /* for its alignment */
  char bytes[CMSG_SPACE(sizeof(int) * WIRE_FDS_MOST)];
};

uint64_t wire_now_ns(void)
{
  struct timespec now = {0};
  (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
  return (uint64_t)now.tv_sec * 1000 * NS_PER_MS + (uint64_t)now.tv_nsec;
}

void wire_close_fds(const int *fds, size_t count)
{
  for (size_t i = 0; i < count; i++)
    (void)close(fds[i]); /* whoever wrote to one saw the errors there */
}

/* 0 or -ETIMEDOUT. */
static int wait_for(int fd, short events, uint64_t deadline_ns)
{
  struct pollfd ready = {.fd = fd, .events = events};
  for (;;) {
    int left_ms = -1;
    if (deadline_ns) {
      uint64_t now = wire_now_ns();
      if (now >= deadline_ns)
        return -ETIMEDOUT;
      left_ms = (int)((deadline_ns - now) / NS_PER_MS) + 1;
    }
    int count = poll(&ready, 1, left_ms);
    if (count > 0)
      return 0;
    if (count < 0 && errno != EINTR)
      return -errno;
  }
}

static bool would_block(int error)
{
  return error == EAGAIN || error == EWOULDBLOCK;
}

static void attach(struct msghdr *message, union control *control, const int *fds, size_t count)
{
  message->msg_control = control->bytes;
  message->msg_controllen = CMSG_SPACE(sizeof(int) * count);
  struct cmsghdr *header = CMSG_FIRSTHDR(message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int) * count);
  memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
}

int wire_send(int fd, const void *header, size_t header_bytes, const void *bytes, size_t length,
              const int *fds, size_t fd_count, uint64_t deadline_ns)
{
  union control control = {0};
  struct iovec parts[] = {{(void *)(uintptr_t)header, header_bytes},
                          {(void *)(uintptr_t)bytes, length}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  if (fd_count > 0)
    attach(&message, &control, fds, fd_count);
  while (parts[0].iov_len + parts[1].iov_len > 0) {
    ssize_t sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent < 0 && !would_block(errno))
      return errno == EPIPE ? -ECONNRESET : -errno;
    if (sent < 0) {
      int error = wait_for(fd, POLLOUT, deadline_ns);
      if (error)
        return error;
      continue;
    }
    message.msg_control = NULL; /* they went with the first bytes */
    message.msg_controllen = 0;
    for (size_t i = 0; i < 2; i++) {
      size_t part = (size_t)sent < parts[i].iov_len ? (size_t)sent : parts[i].iov_len;
      parts[i].iov_base = (char *)parts[i].iov_base + part;
      parts[i].iov_len -= part;
      sent -= (ssize_t)part;
    }
  }
  return 0;
}

/* Takes the descriptors of a message; those beyond the room are closed. */
static void take_fds(struct msghdr *message, int *ret_fds, size_t *ret_count)
{
  for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
       header = CMSG_NXTHDR(message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
      continue;
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      if (ret_fds && *ret_count < WIRE_FDS_MOST)
        ret_fds[(*ret_count)++] = fd;
      else
        (void)close(fd); /* never used */
    }
  }
}

int wire_receive(int fd, void *ret_bytes, size_t length, int *ret_fds, size_t *ret_fd_count,
                 uint64_t deadline_ns)
{
  size_t done = 0, fd_count = 0;
  int error = 0;
  while (done < length && !error) {
    union control control;
    struct iovec part = {(char *)ret_bytes + done, length - done};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    error = deadline_ns ? wait_for(fd, POLLIN, deadline_ns) : 0;
    if (error)
      break;
    ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | (deadline_ns ? MSG_DONTWAIT : 0));
    if (got < 0 && errno != EINTR && !would_block(errno))
      error = -errno;
    if (got == 0)
      error = -ECONNRESET;
    if (got <= 0)
      continue;
    take_fds(&message, ret_fds, &fd_count);
    done += (size_t)got;
  }
  if (error && ret_fds)
    wire_close_fds(ret_fds, fd_count);
  if (!error && ret_fd_count)
    *ret_fd_count = fd_count;
  return error;
}
