/*
 * target.h - the inside of an open target, shared by the files of this folder.
 *
 * Not here: anything that those above may see; their face is reach.h.
 */
#ifndef IMPASSE_PROBE_REACH_TARGET_H
#define IMPASSE_PROBE_REACH_TARGET_H

#include "probe/reach/reach.h"

struct remote;

struct reach_target {
  pid_t pid;
  int pidfd;  /* readable once the whole process has exited */
  int procfd; /* O_PATH of /proc/PID: names the process, not its number, so what is opened beneath
                 is never another's; -1: only the broker sees it */
  uint64_t start_ticks;
  struct remote *remote; /* who reads it for us; NULL: we ourselves */
};

/* Reads all of `fd` into a malloc'ed, NUL-terminated buffer. -EFBIG beyond `most` bytes. Closes
 * nothing. */
int reach_slurp(int fd, size_t most, char **ret_bytes, size_t *ret_length);

/* A thread through which the memory of a process is read whose first thread has ended (it is a zombie without
 * memory as long as others live); 0 there is none. */
pid_t reach_survivor(const struct reach_target *target);

/* Opens a file beneath /proc/PID, for reading, without blocking. Returns the descriptor or -errno.
 */
int reach_openat(const struct reach_target *target, const char *name, int flags);

#endif
