/*
 * session.h - what is known of an attached target; one piece a file. Inside this folder only.
 *
 *    route (route_bpf.c, route_proc.c)  ->  roster (roster.c)  ->  edges (edges.c, shared.c)
 *                                                                    |
 *                                          struct sweep  <-  rows (rows.c)  <-  locks (locks.c), sites
 */
#ifndef IMPASSE_PROBE_THREAD_SESSION_H
#define IMPASSE_PROBE_THREAD_SESSION_H

#include "probe/source.h"
#include "probe/thread/locks.h"
#include "probe/thread/roster.h"
#include "probe/thread/route.h"
#include "probe/thread/shared.h"
#include "probe/thread/stack/stack.h"
#include "probe/thread/vital.h"

struct exact;

/* How much was unwound in this sweep (names.c). */
struct naming {
  unsigned sweeps; /* so far */
  unsigned stacks;
  uint64_t spent_ns;
};

struct session {
  struct reach_target *target;
  uint64_t target_key;
  struct route *route;
  struct stack *stack; /* NULL: nothing is named by symbols */
  struct roster roster;
  struct locks locks;
  struct shared shared;
  struct vital vital;
  struct naming naming;
  struct exact *exact;                 /* NULL: waits are estimated */
  uint64_t lost;                       /* threads that the last read left out */
  int64_t lost_count;                  /* since it was opened */
  char complaint[SOURCE_REASON_BYTES]; /* told once, as a gap */
};

#endif
