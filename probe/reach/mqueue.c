/*
 * mqueue.c - the attributes of a POSIX message queue that a target holds open.
 *
 * A descriptor of our own is needed, and opening what a target holds can do things to it (a pipe gets a reader, a
 * terminal wakes up). So the file is opened by its path only, which does nothing, and for reading once it is known to be
 * a message queue. Reading attributes takes no message and changes no notification.
 */
#include "probe/reach/target.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <mqueue.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "probe/reach/remote_reach.h"

enum {
  MQUEUE_MAGIC = 0x19800202, /* ipc/mqueue.c */
  MQUEUE_FILE_BYTES = 80,    /* the size that the kernel gives each of them */
};

/* What cannot be one is told without asking its file system, which may be a program of the target. */
static int check(int path, uint64_t *ret_inode)
{
  struct statx file;
  struct statfs system;
  if (statx(path, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_SIZE | STATX_INO,
            &file) != 0)
    return -errno;
  if (!S_ISREG(file.stx_mode) || file.stx_size != MQUEUE_FILE_BYTES || file.stx_dev_major != 0)
    return -EINVAL;
  if (fstatfs(path, &system) != 0)
    return -errno;
  if (system.f_type != MQUEUE_MAGIC)
    return -EINVAL;
  *ret_inode = file.stx_ino;
  return 0;
}

/* The kernel's call itself: mq_getattr() of the library is of descriptors that it opened. */
static int read_attributes(int path, struct reach_mqueue *queue)
{
  char name[32];
  struct mq_attr attributes;
  (void)snprintf(name, sizeof name, "/proc/self/fd/%d", path); /* always fits */
  int fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return errno == EACCES ? 0 : -errno;
  int error = syscall(SYS_mq_getsetattr, fd, NULL, &attributes) == 0 ? 0 : -errno;
  (void)close(fd); /* only read */
  if (error)
    return error;
  queue->messages = attributes.mq_curmsgs;
  queue->most_messages = attributes.mq_maxmsg;
  return 0;
}

int reach_mqueue(const struct reach_target *target, int fd, struct reach_mqueue *ret_queue)
{
  char name[32];
  struct reach_mqueue queue = {.messages = -1, .most_messages = -1};
  if (target->remote)
    return remote_mqueue(target, fd, ret_queue);
  (void)snprintf(name, sizeof name, "fd/%d", fd); /* always fits */
  int path = reach_openat(target, name, O_PATH);
  if (path < 0)
    return path;
  int error = check(path, &queue.inode);
  if (!error)
    error = read_attributes(path, &queue);
  (void)close(path); /* only read */
  if (!error && !reach_alive(target))
    error = -ESRCH;
  if (!error)
    *ret_queue = queue;
  return error;
}
