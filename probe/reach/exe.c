/*
 * exe.c - opens files of a target whose descriptor those above need: its executable (not by its name, which may mean
 * another file by now, or nothing in this mount namespace: /proc/PID/exe leads to the very file) and its pagemap. Not
 * here: what is in them.
 */
#include "probe/reach/target.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

int reach_exe_open(const struct reach_target *target, int *ret_fd)
{
  struct stat file;
  int error = 0;
  int fd = reach_openat(target, "exe", 0);
  if (fd < 0)
    return fd;
  if (fstat(fd, &file) != 0)
    error = -errno;
  else if (!S_ISREG(file.st_mode))
    error = -EINVAL;
  else if (!reach_alive(target))
    error = -ESRCH;
  if (error)
    (void)close(fd); /* only read */
  else
    *ret_fd = fd;
  return error;
}

int reach_pagemap_open(const struct reach_target *target, int *ret_fd)
{
  int fd = reach_openat(target, "pagemap", 0);
  if (fd < 0)
    return fd;
  *ret_fd = fd;
  return 0;
}
