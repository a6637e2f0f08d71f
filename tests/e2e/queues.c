/*
 * queues.c - a program with full mailboxes that the kernel keeps: an accept queue longer than its backlog, a POSIX message
 * queue, an inbox of datagrams, a pipe. Says "ready" and does nothing any more. Nothing of impasse is linked to it.
 * usage: queues NAME   (part of the names of what has one)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 3, MESSAGES = 4, MESSAGES_MOST = 8, DATAGRAMS = 2, PIPE_BYTES = 3000 };

static int must(int result, const char *what)
{
  if (result < 0) {
    perror(what);
    exit(1);
  }
  return result;
}

/* In a new network namespace it is down; elsewhere it is up and not ours to change. */
static void raise_loopback(void)
{
  struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  int fd = must(socket(AF_INET, SOCK_DGRAM, 0), "socket");
  (void)ioctl(fd, SIOCSIFFLAGS, &lo);
  (void)close(fd);
}

static void fill_accept_queue(void)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof at;
  int listening = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
  must(bind(listening, (struct sockaddr *)&at, length), "bind");
  must(listen(listening, BACKLOG), "listen");
  must(getsockname(listening, (struct sockaddr *)&at, &length), "getsockname");
  for (int i = 0; i <= BACKLOG; i++)
    must(connect(must(socket(AF_INET, SOCK_STREAM, 0), "socket"), (struct sockaddr *)&at, length),
         "connect");
}

static void fill_message_queue(const char *name)
{
  struct mq_attr attributes = {.mq_maxmsg = MESSAGES_MOST, .mq_msgsize = 32};
  char path[64];
  (void)snprintf(path, sizeof path, "/impasse-%s", name);
  mqd_t queue = must(mq_open(path, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes), "mq_open");
  must(mq_unlink(path), "mq_unlink");
  for (int i = 0; i < MESSAGES; i++)
    must(mq_send(queue, "job", 3, 0), "mq_send");
}

static void fill_inbox(const char *name)
{
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  int written = snprintf(at.sun_path + 1, sizeof at.sun_path - 1, "impasse-%s", name);
  socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)written);
  int inbox = must(socket(AF_UNIX, SOCK_DGRAM, 0), "socket");
  int sender = must(socket(AF_UNIX, SOCK_DGRAM, 0), "socket");
  must(bind(inbox, (struct sockaddr *)&at, length), "bind");
  for (int i = 0; i < DATAGRAMS; i++)
    must((int)sendto(sender, "x", 1, 0, (struct sockaddr *)&at, length), "sendto");
}

static void fill_pipe(void)
{
  static char bytes[PIPE_BYTES];
  int ends[2];
  must(pipe(ends), "pipe");
  must((int)write(ends[1], bytes, sizeof bytes), "write");
}

int main(int argc, char **argv)
{
  const char *name = argc > 1 ? argv[1] : "queues";
  must(prctl(PR_SET_DUMPABLE, 1), "prctl");
  raise_loopback();
  fill_accept_queue();
  fill_message_queue(name);
  fill_inbox(name);
  fill_pipe();
  (void)puts("ready");
  (void)fflush(stdout);
  for (;;)
    (void)pause();
}
