/*
 * calibrate.h - does the layout fit this very node? Asked at every attach, whatever the version: offsets differ with
 * build options and patch releases, too. Each thing that must be true of a living emulator is an invariant with a name;
 * a sample of its processes, its atoms, schedulers, tables and code are held against them.
 *
 * Where a process's invariant fails at the offsets of the table, the fields that it is about are sought nearby, and the
 * layout of the node is corrected; fields that nothing proves move with their proven neighbours on both sides, and where
 * those disagree the node is refused. Other structures are never corrected, only refused.
 */
#ifndef IMPASSE_PROBE_BEAM_CALIBRATE_H
#define IMPASSE_PROBE_BEAM_CALIBRATE_H

#include "probe/beam/node.h"

/* Which invariant does not hold, and what that is in words. Static texts. */
struct calibrate_failure {
  const char *invariant, *words;
};

/* Checks node->layout, and corrects it: then node->calibrated is set. 0, -EPROTO an invariant fails,
 * -EAGAIN it cannot be told yet (a node that is booting), both with *ret_failure; -ENOMEM, -EPERM,
 * -ESRCH without. */
int calibrate_node(struct beam_node *node, struct calibrate_failure *ret_failure);

#endif
