/*
 * ending.c - how a process that is not our child ended. The kernel keeps it in two places: in its line of /proc while it
 * is a zombie, and behind its pidfd once it is reaped (Linux 6.15).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "probe/reach/remote_reach.h"
#include "probe/reach/target.h"

enum { STAT_BYTES = 4096, STAT_STATE = 3, STAT_EXIT_CODE = 52 };

/* struct pidfd_info of linux/pidfd.h in its first version; Debian 12's header has none. */
struct ending_info {
  uint64_t mask; /* asked for, and what came */
  uint64_t cgroup;
  uint32_t pid, tgid, ppid;
  uint32_t ids[8];
  int32_t exit_code;
};
_Static_assert(sizeof(struct ending_info) == 64, "PIDFD_INFO_SIZE_VER0");
#define INFO_EXIT (UINT64_C(1) << 3)
#define GET_INFO _IOWR(0xff, 11, struct ending_info)

static int read_reaped(const struct reach_target *target, int *ret_status)
{
  struct ending_info info = {.mask = INFO_EXIT};
  if (ioctl(target->pidfd, GET_INFO, &info) != 0 || !(info.mask & INFO_EXIT))
    return -ENODATA;
  *ret_status = info.exit_code;
  return 0;
}

/* The n-th field of /proc/PID/stat; the second is in brackets and may hold anything. */
static const char *field(const char *stat, int n)
{
  const char *at = strrchr(stat, ')');
  for (int i = 2; at && i < n; i++) {
    at = strchr(at, ' ');
    at = at ? at + 1 : NULL;
  }
  return at;
}

/* reach_file would refuse it: the process is not alive any more. */
static int read_zombie(const struct reach_target *target, int *ret_status)
{
  char *stat = NULL;
  size_t length;
  int fd = reach_openat(target, "stat", 0);
  if (fd < 0)
    return -ENODATA;
  int error = reach_slurp(fd, STAT_BYTES, &stat, &length);
  (void)close(fd); /* only read */
  if (error)
    return -ENODATA;
  const char *state = field(stat, STAT_STATE), *code = field(stat, STAT_EXIT_CODE);
  error = state && (*state == 'Z' || *state == 'X') && code ? 0 : -ENODATA;
  if (!error)
    *ret_status = atoi(code);
  free(stat);
  return error;
}

int reach_ending(const struct reach_target *target, int *ret_status)
{
  if (reach_alive(target))
    return -EAGAIN;
  if (target->remote)
    return remote_ending(target, ret_status);
  return read_reaped(target, ret_status) == 0 ? 0 : read_zombie(target, ret_status);
}
