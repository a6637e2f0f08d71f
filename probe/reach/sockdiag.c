/*
 * sockdiag.c - exchanges messages with the kernel's sock_diag: the question is written and the answer read elsewhere.
 *
 * One netlink socket for the whole program, which is kept: who asks may no longer be allowed to open one. A list that
 * nobody wanted to the end (its taker had enough, or time was up) is still read to its end before the next question,
 * since the kernel makes only one at a time for a socket.
 */
#include "probe/reach/target.h"

#include <errno.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

enum {
  ANSWER_BYTES = 32768, /* the kernel makes no larger portions for us */
  PATIENCE_S = 2,
};

static struct {
  pthread_mutex_t lock;
  int fd; /* -1 not yet open */
  uint32_t sequence;
  uint32_t unfinished; /* the list whose end has not been read yet; 0 none */
  uint64_t netns;
  _Alignas(struct nlmsghdr) unsigned char answer[ANSWER_BYTES];
} diag = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static int open_socket(void)
{
  struct timeval patience = {.tv_sec = PATIENCE_S};
  struct stat netns;
  if (diag.fd >= 0)
    return 0;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0)
    return -errno;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0) {
    int error = -errno;
    (void)close(fd);
    return error;
  }
  if (stat("/proc/self/ns/net", &netns) == 0)
    diag.netns = netns.st_ino;
  diag.fd = fd;
  return 0;
}

static int send_request(struct nlmsghdr *request, size_t length)
{
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  struct iovec from = {request, length};
  const struct msghdr message = {
      .msg_name = &kernel, .msg_namelen = sizeof kernel, .msg_iov = &from, .msg_iovlen = 1};
  if (++diag.sequence == 0)
    diag.sequence = 1; /* 0 is nobody's */
  request->nlmsg_seq = diag.sequence;
  ssize_t sent;
  do
    sent = sendmsg(diag.fd, &message, 0);
  while (sent < 0 && errno == EINTR);
  if (sent < 0)
    return -errno;
  diag.unfinished = diag.sequence;
  return 0;
}

/* The next portion; what others than the kernel sent is empty. */
static ssize_t receive(void)
{
  struct sockaddr_nl from = {0};
  struct iovec to = {diag.answer, sizeof diag.answer};
  struct msghdr message = {
      .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &to, .msg_iovlen = 1};
  ssize_t got;
  do
    got = recvmsg(diag.fd, &message, 0);
  while (got < 0 && errno == EINTR);
  if (got < 0)
    return errno == EAGAIN ? -ETIMEDOUT : -errno;
  if (message.msg_flags & MSG_TRUNC)
    return -EMSGSIZE;
  return from.nl_pid == 0 ? got : 0;
}

/* 1 the list is complete, 0 more is to come, -errno. */
static int split(size_t length, uint32_t sequence, reach_take_fn *take, void *context)
{
  const unsigned char *at = diag.answer;
  int error = 0;
  while (length >= sizeof(struct nlmsghdr)) {
    const struct nlmsghdr *header = (const void *)at;
    if (header->nlmsg_len < sizeof *header || header->nlmsg_len > length)
      return -EPROTO;
    if (header->nlmsg_seq == sequence && header->nlmsg_type == NLMSG_DONE)
      return error ? error : 1;
    if (header->nlmsg_seq == sequence && header->nlmsg_type == NLMSG_ERROR) {
      const struct nlmsgerr *refusal = (const void *)(header + 1);
      bool whole = header->nlmsg_len >= NLMSG_LENGTH(sizeof *refusal);
      diag.unfinished = 0;
      return whole && refusal->error < 0 ? refusal->error : -EPROTO;
    }
    if (header->nlmsg_seq == sequence && take && !error)
      error = take(context, at, header->nlmsg_len);
    size_t step = NLMSG_ALIGN(header->nlmsg_len);
    step = step < length ? step : length;
    at += step;
    length -= step;
  }
  return error;
}

static int receive_list(uint32_t sequence, reach_take_fn *take, void *context)
{
  for (;;) {
    ssize_t got = receive();
    if (got < 0)
      return (int)got;
    int state = split((size_t)got, sequence, take, context);
    if (state == 0)
      continue;
    if (state == 1)
      diag.unfinished = 0;
    return state == 1 ? 0 : state;
  }
}

int reach_sock_diag_prepare(void)
{
  (void)pthread_mutex_lock(&diag.lock); /* an ordinary mutex: cannot fail */
  int error = open_socket();
  (void)pthread_mutex_unlock(&diag.lock);
  return error;
}

int reach_sock_diag(void *request, size_t length, reach_take_fn *take, void *context)
{
  if (length < sizeof(struct nlmsghdr))
    return -EINVAL;
  (void)pthread_mutex_lock(&diag.lock);
  int error = open_socket();
  if (!error && diag.unfinished)
    error = receive_list(diag.unfinished, NULL, NULL);
  if (!error)
    error = send_request(request, length);
  if (!error)
    error = receive_list(diag.sequence, take, context);
  (void)pthread_mutex_unlock(&diag.lock);
  return error;
}

uint64_t reach_sock_diag_namespace(void)
{
  return reach_sock_diag_prepare() == 0 ? diag.netns : 0;
}
