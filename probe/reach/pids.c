/*
 * pids.c - lists the processes of the machine, and the threads of one. Names of /proc only: opening so much as `stat` of
 * each costs a hundred times more, and discovery looks only at those that are new.
 */
#include "probe/reach/target.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* The number that a name of /proc stands for, or 0 where it is no process. */
static pid_t pid_of_name(const char *name)
{
  long pid = 0;
  for (const char *c = name; *c; c++) {
    if (*c < '0' || *c > '9' || pid > (1 << 22))
      return 0;
    pid = pid * 10 + (*c - '0');
  }
  return (pid_t)pid;
}

static int compare_pids(const void *left, const void *right)
{
  pid_t a = *(const pid_t *)left, b = *(const pid_t *)right;
  return (a > b) - (a < b);
}

static int append(pid_t **pids, size_t *count, size_t *room, pid_t pid)
{
  if (*count == *room) {
    size_t wanted = *room ? *room * 2 : 256;
    pid_t *larger = reallocarray(*pids, wanted, sizeof **pids);
    if (!larger)
      return -ENOMEM;
    *pids = larger;
    *room = wanted;
  }
  (*pids)[(*count)++] = pid;
  return 0;
}

/* All names of a directory of /proc that are numbers, ascending. Closes it. */
static int list_numbers(DIR *directory, pid_t **ret_pids, size_t *ret_count)
{
  pid_t *pids = NULL;
  size_t count = 0, room = 0;
  int error = 0;
  for (;;) {
    errno = 0;
    const struct dirent *entry = readdir(directory);
    if (!entry) {
      error = -errno;
      break;
    }
    pid_t pid = pid_of_name(entry->d_name);
    if (pid > 0)
      error = append(&pids, &count, &room, pid);
    if (error)
      break;
  }
  (void)closedir(directory); /* only read */
  if (error) {
    free(pids);
    return error;
  }
  if (count > 0)
    qsort(pids, count, sizeof *pids,
          compare_pids); /* the kernel's order is ascending, but nobody promised it */
  *ret_pids = pids;
  *ret_count = count;
  return 0;
}

int reach_pids(pid_t **ret_pids, size_t *ret_count)
{
  DIR *directory = opendir("/proc");
  return directory ? list_numbers(directory, ret_pids, ret_count) : -errno;
}

int reach_tids(const struct reach_target *target, pid_t **ret_tids, size_t *ret_count)
{
  int fd = reach_openat(target, "task", O_DIRECTORY);
  if (fd < 0)
    return fd;
  DIR *directory = fdopendir(fd);
  if (!directory) {
    int error = -errno;
    (void)close(fd); /* only read */
    return error;
  }
  return list_numbers(directory, ret_tids, ret_count);
}
