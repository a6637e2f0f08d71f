/*
 * claim.c - one reader of a kind for each process on a host.
 *
 * What is locked is the target's own /proc/PID/mem, opened read-only: flock(2) on it neither reads nor touches the
 * target. Why that file:
 *  - whoever may open it may read the target anyway (the kernel asks for PTRACE_MODE_ATTACH), so nobody else can squat
 *    on the claim; names in /run or abstract sockets are open to all users, or closed to all but root;
 *  - the kernel drops the lock when we die, and the file when the target does: nothing is ever left behind, and a pid
 *    that is used again is another file;
 *  - it is one file for all users and network namespaces. A pid namespace with a /proc of its own has other files: a
 *    reader in there and one outside do not see each other's claims.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "probe/reach/target.h"

enum { LOCKS_BYTES = 1 << 20 };

/* "7: FLOCK  ADVISORY  WRITE 1234 00:15:4026532211 0 EOF" (fs/locks.c); 0 where nobody is named. */
static pid_t claimant(const struct stat *file)
{
  char *text = NULL, *state = NULL;
  pid_t pid = 0;
  if (reach_machine_file("/proc/locks", LOCKS_BYTES, &text, NULL) != 0)
    return 0;
  for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
    unsigned major_number, minor_number;
    unsigned long long inode;
    int holder;
    if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%llu", &holder, &major_number, &minor_number,
               &inode) == 4 &&
        inode == file->st_ino && major_number == major(file->st_dev) &&
        minor_number == minor(file->st_dev))
      pid = holder;
  }
  free(text);
  return pid;
}

int reach_claim(const struct reach_target *target, int *ret_fd, pid_t *ret_claimant)
{
  struct stat file;
  int fd = reach_openat(target, "mem", 0);
  if (fd < 0)
    return fd;
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
    *ret_fd = fd;
    return 0;
  }
  int error = errno == EWOULDBLOCK ? -EBUSY : -errno;
  if (error == -EBUSY)
    *ret_claimant = fstat(fd, &file) == 0 ? claimant(&file) : 0;
  (void)close(fd); /* nothing was written */
  return error;
}
