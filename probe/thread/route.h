/*
 * route.h - a way to read the threads of one process. There are two, with the same result; which one
 * is taken is decided when a target is opened, and again when one fails.
 *
 * Threads: one route is used by one thread at a time.
 */
#ifndef IMPASSE_PROBE_THREAD_ROUTE_H
#define IMPASSE_PROBE_THREAD_ROUTE_H

#include "probe/reach/reach.h"
#include "probe/thread/thread.h"

struct route;

/* What a route is. */
struct route_kind {
  const char *name; /* "iterator" or "/proc": for `doctor` and the column version */
  /* -EPERM, -EOPNOTSUPP: this way is closed here, and why in words. */
  int (*open)(const struct reach_target *target, struct route **ret_route, char *reason,
              size_t room);
  /* Reads all threads of the target (tids NULL), or those of the ascending list only, and gives a
   * list that belongs to the route until its next call, ascending by tid. Threads that have gone are
   * left out. *ret_lost counts those that there was no room or no time for. 0, -ESRCH the target is
   * gone, or -errno. */
  int (*read)(struct route *route, const pid_t *tids, size_t tid_count,
              const struct thread_state **ret_list, size_t *ret_count, uint64_t *ret_lost);
  void (*close)(struct route *route);
};

extern const struct route_kind route_bpf, route_proc;

/* First member of both. */
struct route {
  const struct route_kind *kind;
};

#endif
