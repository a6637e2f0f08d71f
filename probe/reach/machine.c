/*
 * machine.c - opens a file of the machine by a path that a target was seen to map. The path may mean another file by
 * now, or be of another mount namespace: only what has the same inode number and size is opened, and nothing but a
 * regular file, for opening a device or a pipe does something.
 */
#include "probe/reach/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* 0 when the file that was named is the one that is meant. */
static int check(int named, uint64_t inode, uint64_t bytes)
{
  struct stat file;
  if (fstat(named, &file) != 0)
    return -errno;
  if (!S_ISREG(file.st_mode))
    return -EINVAL;
  return file.st_ino == inode && (uint64_t)file.st_size == bytes ? 0 : -ESTALE;
}

int reach_machine_open(const char *path, uint64_t inode, uint64_t bytes, int *ret_fd)
{
  char again[32];
  int named = open(path, O_PATH | O_CLOEXEC), fd = -1;
  if (named < 0)
    return -errno;
  int error = check(named, inode, bytes);
  if (!error) {
    (void)snprintf(again, sizeof again, "/proc/self/fd/%d", named); /* always fits */
    fd = open(again, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    error = fd < 0 ? -errno : 0;
  }
  (void)close(named); /* only named */
  if (!error)
    *ret_fd = fd;
  return error;
}
