/*
 * broker.h - a process of its own that alone holds capabilities. It opens what only the privileged may
 * open and hands descriptors over; it reads the few files of /proc whose permission is asked at every
 * read; it parses nothing that a target wrote.
 *
 *    impasse (no capabilities, seccomp) <--socket--> broker (capabilities, seccomp)
 *       reach_open      -> a pidfd
 *       reach_read      -> /proc/PID/mem, open for reading: memory is then read through it by ourselves
 *       reach_file ...  -> bytes or a descriptor
 *       load()          -> maps and links (bpf/load.h, given as `call`)
 *
 * Without a broker everything of reach.h is done in the calling process: so it is for users who have no
 * capabilities, and in unit tests. The broker serves each target in a thread of its own, so a target that
 * blocks its reader (a page on FUSE) blocks nobody else; the client gives up after BROKER_PATIENCE_MS
 * with -ETIMEDOUT.
 *
 * It ends with its only client: at the end of the socket, or by the parent's death.
 */
#ifndef IMPASSE_PROBE_REACH_BROKER_H
#define IMPASSE_PROBE_REACH_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { BROKER_PATIENCE_MS = 5000, BROKER_FDS_MOST = 16, BROKER_CALL_BYTES = 1024 };

/* What else the broker does for its client (programs for the kernel): bytes and descriptors in and out. Runs
 * in the broker. Returns 0 or -errno; the reply is sent in both cases. */
struct broker_message {
  uint8_t bytes[BROKER_CALL_BYTES];
  size_t length;
  int fds[BROKER_FDS_MOST];
  size_t fd_count;
};
typedef int broker_call_fn(const struct broker_message *request, struct broker_message *ret_reply);

/* Forks the broker, which keeps what reading targets and loading programs may take of the capabilities that the caller
 * has; the caller loses all of its own, for good. To be called before there are threads. From now on reach.h goes through
 * it, its functions have -ETIMEDOUT and -ECONNRESET (it has gone) among their errors, and nothing of /proc/PID is given
 * but what names.def lists. 0 or -errno. */
int broker_start(broker_call_fn *call);
bool broker_runs(void);
pid_t broker_pid(void); /* 0 none */

/* Asks it to do `call`. The descriptors of the reply are the caller's. Any thread. */
int broker_call(const struct broker_message *request, struct broker_message *ret_reply);

/* The capabilities with which targets are read, as a bit set: the broker's, or our own. */
uint64_t broker_capabilities(void);

/* Processor time that it has spent so far for the calling thread's targets; the worker adds it to its own.
 * 0 without a broker. */
uint64_t broker_thread_ns(void);

#endif
