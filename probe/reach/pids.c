/*
 * pids.c - lists the processes of the machine, and the threads of one. Names of /proc only: opening so much as `stat` of
 * each costs a hundred times more, and discovery looks only at those that are new.
 */
#include "probe/reach/target.h"

#include <errno.h>
#include <fcntl.h>

#include "probe/reach/broker.h"
#include "probe/reach/numbers.h"
#include "probe/reach/remote_reach.h"

int reach_pids(pid_t **ret_pids, size_t *ret_count)
{
  if (broker_runs())
    return remote_pids(ret_pids, ret_count);
  int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd < 0 ? -errno : numbers_list(fd, SIZE_MAX, ret_pids, ret_count);
}

int reach_tids(const struct reach_target *target, pid_t **ret_tids, size_t *ret_count)
{
  int fd = reach_openat(target, "task", O_DIRECTORY);
  return fd < 0 ? fd : numbers_list(fd, SIZE_MAX, ret_tids, ret_count);
}
