/*
 * target.c - opens a process so that it cannot be mistaken for another, and reads its files and
 * links.
 *
 * Why three handles: the pidfd tells for certain whether the very process still lives, the
 * directory descriptor names the process rather than its number, and the start time is the part of
 * its identity that can be stored. A number alone (process_vm_readv takes nothing else) may be
 * reused between two calls, so bytes read by it count only if the pidfd is alive afterwards: the
 * number cannot have changed hands before that.
 *
 * Where a broker runs it opens and reads for us, but for what anybody may read.
 *
 * Not here: memory (memory.c), shared memory files (memfd.c), words for refusals (explain.c).
 */
#include "probe/reach/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/reach/broker.h"
#include "probe/reach/remote_reach.h"

enum {
  SLURP_FIRST_BYTES = 4096, /* /proc hands out a page at a time */
  STAT_BYTES = 4096,
  START_TIME_FIELD = 22, /* of /proc/PID/stat, counted from 1; the comm is field 2 */
};

static int pidfd_open_process(pid_t pid)
{
  if (pid <= 0)
    return -ESRCH;
  int fd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (fd >= 0)
    return fd;
  /* The number of a thread that leads no process: EINVAL, since Linux 6.9 ENOENT. */
  return errno == EINVAL || errno == ENOENT ? -ESRCH : -errno;
}

/* The comm may hold anything, ")" and newlines as well: the fields behind it begin at the last ")".
 */
static int parse_start_ticks(const char *stat, uint64_t *ret_ticks)
{
  const char *field = strrchr(stat, ')');
  if (!field)
    return -EPROTO;
  for (int n = 2; n < START_TIME_FIELD; n++) {
    field = strchr(field + 1, ' ');
    if (!field)
      return -EPROTO;
  }
  char *end;
  errno = 0;
  unsigned long long ticks = strtoull(field + 1, &end, 10);
  if (errno || end == field + 1 || field[1] == '-')
    return -EPROTO;
  *ret_ticks = ticks;
  return 0;
}

static int read_start_ticks(struct reach_target *target)
{
  char *stat = NULL;
  int error = reach_file(target, "stat", STAT_BYTES, &stat, NULL);
  if (!error)
    error = parse_start_ticks(stat, &target->start_ticks);
  free(stat);
  return error;
}

/* A living process without a directory in /proc is hidden (hidepid), not gone. */
static int open_directory(struct reach_target *target)
{
  char path[32];
  (void)snprintf(path, sizeof path, "/proc/%d", (int)target->pid); /* a pid always fits */
  target->procfd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (target->procfd >= 0)
    return 0;
  if (errno != ENOENT)
    return -errno;
  return reach_alive(target) ? -EACCES : -ESRCH;
}

int reach_open(pid_t pid, struct reach_target **ret_target)
{
  struct reach_target *target = malloc(sizeof *target);
  if (!target)
    return -ENOMEM;
  *target = (struct reach_target){.pid = pid, .pidfd = -1, .procfd = -1};
  int error = 0;

  if (broker_runs()) {
    error = remote_open(target);
    if (error)
      goto out;
    (void)open_directory(target); /* hidden from us (hidepid): the broker sees it */
    if (!reach_alive(target)) {
      error = -ESRCH; /* the directory may be of who has its number now */
      goto out;
    }
    *ret_target = target;
    return 0;
  }
  target->pidfd = pidfd_open_process(pid);
  if (target->pidfd < 0) {
    error = target->pidfd;
    goto out;
  }
  error = open_directory(target);
  if (error)
    goto out;
  error = read_start_ticks(
      target); /* checks last of all that it lives, so the directory is the process's own */
  if (error)
    goto out;
  *ret_target = target;
  target = NULL;
out:
  reach_close(target);
  return error;
}

void reach_close(struct reach_target *target)
{
  if (!target)
    return;
  remote_disconnect(target->remote);
  if (target->procfd >= 0)
    (void)close(target->procfd); /* nothing was written: nothing can be lost */
  if (target->pidfd >= 0)
    (void)close(target->pidfd);
  free(target);
}

pid_t reach_pid(const struct reach_target *target)
{
  return target->pid;
}

uint64_t reach_start_ticks(const struct reach_target *target)
{
  return target->start_ticks;
}

int reach_pidfd(const struct reach_target *target)
{
  return target->pidfd;
}

bool reach_alive(const struct reach_target *target)
{
  struct pollfd poll_fd = {.fd = target->pidfd, .events = POLLIN};
  int ready;
  do
    ready = poll(&poll_fd, 1, 0);
  while (ready < 0 && errno == EINTR);
  return ready == 0;
}

int reach_slurp(int fd, size_t most, char **ret_bytes, size_t *ret_length)
{
  size_t room = SLURP_FIRST_BYTES, length = 0;
  char *bytes = malloc(room);
  int error = 0;
  if (!bytes)
    return -ENOMEM;
  for (;;) {
    ssize_t got = read(fd, bytes + length, room - length - 1);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      error = -errno;
    if (got <= 0)
      break;
    length += (size_t)got;
    if (length > most) {
      error = -EFBIG;
      break;
    }
    if (length + 1 < room)
      continue;
    char *larger = realloc(bytes, room * 2);
    if (!larger) {
      error = -ENOMEM;
      break;
    }
    bytes = larger;
    room *= 2;
  }
  if (error) {
    free(bytes);
    return error;
  }
  bytes[length] = '\0';
  *ret_bytes = bytes;
  if (ret_length)
    *ret_length = length;
  return 0;
}

int reach_openat(const struct reach_target *target, const char *name, int flags)
{
  if (target->remote)
    return remote_openat(target, name, flags);
  int fd = openat(target->procfd, name, flags | O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd >= 0)
    return fd;
  int error = -errno;
  return error == -ENOENT && !reach_alive(target) ? -ESRCH : error;
}

int reach_file(const struct reach_target *target, const char *name, size_t most, char **ret_bytes,
               size_t *ret_length)
{
  if (target->remote)
    return remote_file(target, name, most, ret_bytes, ret_length);
  int fd = reach_openat(target, name, 0);
  if (fd < 0)
    return fd;
  char *bytes = NULL;
  size_t length = 0;
  int error = reach_slurp(fd, most, &bytes, &length);
  (void)close(fd); /* only read */
  if (!error && !reach_alive(target))
    error = -ESRCH;
  if (error) {
    free(bytes);
    return error;
  }
  *ret_bytes = bytes;
  if (ret_length)
    *ret_length = length;
  return 0;
}

/* The descriptor is kept, since it is read again and again; the kernel gives all of it at once. */
static int read_public_stat(const struct reach_target *target, char **ret_bytes, size_t *ret_length)
{
  struct remote *remote = target->remote;
  char text[STAT_BYTES];
  if (remote->stat_fd < 0)
    remote->stat_fd = openat(target->procfd, "stat", O_RDONLY | O_CLOEXEC);
  ssize_t got = remote->stat_fd < 0 ? -1 : pread(remote->stat_fd, text, sizeof text - 1, 0);
  if (got <= 0)
    return -ESRCH;
  char *bytes = malloc((size_t)got + 1);
  if (!bytes)
    return -ENOMEM;
  memcpy(bytes, text, (size_t)got);
  bytes[got] = '\0';
  *ret_bytes = bytes;
  if (ret_length)
    *ret_length = (size_t)got;
  return 0;
}

static int read_public(const struct reach_target *target, const char *name, size_t most,
                       char **ret_bytes, size_t *ret_length)
{
  if (strcmp(name, "stat") == 0 && most >= STAT_BYTES)
    return read_public_stat(target, ret_bytes, ret_length);
  int fd = openat(target->procfd, name, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  int error = reach_slurp(fd, most, ret_bytes, ret_length);
  (void)close(fd); /* only read */
  return error;
}

int reach_public_file(const struct reach_target *target, const char *name, size_t most,
                      char **ret_bytes, size_t *ret_length)
{
  if (!target->remote || target->procfd < 0 ||
      read_public(target, name, most, ret_bytes, ret_length) != 0)
    return reach_file(target, name, most, ret_bytes, ret_length);
  return 0;
}

int reach_space_open(const struct reach_target *target, int *ret_fd)
{
  int fd = reach_openat(target, "mem", 0);
  if (fd < 0)
    return fd;
  *ret_fd = fd;
  return 0;
}

bool reach_space_lives(int fd)
{
  char byte;
  return pread(fd, &byte, 1, 0) != 0; /* of what lives, that nothing is there */
}

int reach_link(const struct reach_target *target, const char *name, char *ret_text, size_t room)
{
  if (target->remote)
    return remote_link(target, name, ret_text, room);
  char text[PATH_MAX];
  ssize_t length = readlinkat(target->procfd, name, text, sizeof text);
  int error = length < 0 ? -errno : 0;
  if (!reach_alive(target))
    return -ESRCH;
  if (error)
    return error;
  if ((size_t)length >= room || (size_t)length == sizeof text)
    return -ENAMETOOLONG;
  memcpy(ret_text, text, (size_t)length);
  ret_text[length] = '\0';
  return 0;
}

int reach_machine_file(const char *path, size_t most, char **ret_bytes, size_t *ret_length)
{
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  int error = reach_slurp(fd, most, ret_bytes, ret_length);
  (void)close(fd); /* only read */
  return error;
}
