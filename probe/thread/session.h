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
#include "probe/thread/stack/stack.h"

#pragma weak stack_open
#pragma weak stack_close
#pragma weak stack_refresh
#pragma weak stack_data_name
#pragma weak stack_call_site

struct session {
  struct reach_target *target;
  uint64_t target_key;
  struct route *route;
  struct stack *stack; /* NULL: nothing is named by symbols */
  struct roster roster;
  struct locks locks;
  uint64_t image;                      /* of what the process executes: changes when it execs */
  bool stopped;                        /* as last read */
  uint64_t lost;                       /* threads that the last read left out */
  int64_t lost_count;                  /* since it was opened */
  char complaint[SOURCE_REASON_BYTES]; /* told once, as a gap */
};

#endif
