/*
 * fds.c - what the descriptors of a target lead to, as the kernel words it. Not here: what the words mean, or opening
 * one of them.
 */
#include "probe/reach/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "probe/reach/numbers.h"
#include "probe/reach/remote_reach.h"

/* Those that were closed meanwhile are left out. Returns how many stay, or -errno where none may be read. */
static ssize_t read_links(int directory, const int *fds, size_t count, struct reach_fd *list)
{
  char name[16];
  size_t n = 0;
  int error = 0;
  for (size_t i = 0; i < count; i++) {
    (void)snprintf(name, sizeof name, "%d", fds[i]); /* always fits */
    ssize_t length = readlinkat(directory, name, list[n].link, sizeof list[n].link - 1);
    if (length < 0) {
      error = errno == ENOENT ? error : -errno;
      continue;
    }
    list[n].link[length] = '\0';
    list[n++].fd = fds[i];
  }
  return n > 0 || !error ? (ssize_t)n : error;
}

int reach_fds(const struct reach_target *target, size_t most, struct reach_fd **ret_list,
              size_t *ret_count)
{
  if (target->remote)
    return remote_fds(target, most, ret_list, ret_count);
  int *fds = NULL;
  size_t count = 0;
  ssize_t read = 0;
  int directory = reach_openat(target, "fd", O_DIRECTORY);
  if (directory < 0)
    return directory;
  int again = fcntl(directory, F_DUPFD_CLOEXEC, 0); /* listing closes its own */
  int error = again < 0 ? -errno : numbers_list(again, most, &fds, &count);
  struct reach_fd *list = calloc(count ? count : 1, sizeof *list);
  if (!list)
    error = -ENOMEM;
  if (!error || error == -E2BIG)
    read = read_links(directory, fds, count, list);
  if (read < 0)
    error = (int)read;
  if (!reach_alive(target))
    error = -ESRCH;
  (void)close(directory); /* only read */
  free(fds);
  if (error && error != -E2BIG) {
    free(list);
    return error;
  }
  *ret_list = list;
  *ret_count = (size_t)read;
  return error;
}
