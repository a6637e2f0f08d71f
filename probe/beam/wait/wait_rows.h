/*
 * wait_rows.h - waits that were found, as rows of a sweep: who the holders are, and how far that is known.
 */
#ifndef IMPASSE_PROBE_BEAM_WAIT_ROWS_H
#define IMPASSE_PROBE_BEAM_WAIT_ROWS_H

#include "probe/beam/wait/monitor.h"
#include "probe/beam/wait/wait.h"

/* What a process waits for. */
struct beam_wait_claim {
  const struct beam_proc *waiter;
  uint32_t first, count; /* monitors[first .. +count], which is at least one */
  uint32_t object;       /* text of the sweep */
  uint8_t needs;         /* enum wait_needs */
  bool open;             /* something else may end it, too */
  bool join;             /* it waits for their end, not for an answer */
  bool timer_message;    /* its timer is no timer of its receive */
};

/* Adds a wait for each claim, with its holders. Those that are dead are left out: the message that says so is under
 * way. 0, -ENOMEM, -EPERM, -ESRCH. */
int beam_wait_rows_add(const struct beam_node *node, struct beam_atoms *atoms,
                       const struct beam_waits_world *world, const struct beam_wait_claim *claims,
                       size_t count, const struct beam_monitor_lookup *monitors,
                       struct sweep *sweep);

#endif
