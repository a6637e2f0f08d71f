/*
 * remote.h - the client's end of the broker: a connection for each open target, one question at a time. Inside this
 * folder only.
 */
#ifndef IMPASSE_PROBE_REACH_REMOTE_H
#define IMPASSE_PROBE_REACH_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/reach/wire.h"

/* From now on by this socket; before there are threads. */
void remote_start(int control);
uint64_t remote_thread_ns(void);   /* see broker_thread_ns */
uint64_t remote_deadline_ns(void); /* of a question that is asked now */

struct remote {
  int fd;         /* of the connection */
  int error;      /* it was given up: every further question has this answer */
  int mem_fd;     /* /proc/PID/mem, read-only; -1: not (yet) open */
  int stat_fd;    /* /proc/PID/stat as anybody may read it; -1: not (yet) open */
  bool by_mem;    /* the kernel refuses process_vm_readv */
  bool by_broker; /* and opening mem, too */
};

struct remote_question {
  enum wire_op op;
  uint64_t numbers[2];
  const void *bytes;
  size_t length;
  const int *fds; /* stay the caller's */
  size_t fd_count;
};

struct remote_answer {
  uint64_t number;
  char *bytes; /* malloc'ed, NUL-terminated; NULL where none came */
  size_t length;
  int fds[WIRE_FDS_MOST];
  size_t fd_count;
};

/* A connection of its own. 0 or -errno. */
int remote_connect(struct remote **ret_remote);
void remote_disconnect(struct remote *remote); /* NULL is fine */

/* 0 or -errno: what the broker said, -ETIMEDOUT it did not answer, -ECONNRESET it has gone. The answer is set in any case
 * and is to be freed. */
int remote_ask(struct remote *remote, const struct remote_question *question,
               struct remote_answer *ret_answer);
void remote_free(struct remote_answer *answer);

/* A question whose answer is one descriptor. */
int remote_ask_fd(struct remote *remote, const struct remote_question *question, int *ret_fd);

/* The name or path as a question. */
struct remote_question remote_text(enum wire_op op, uint64_t number, const char *text);

#endif
