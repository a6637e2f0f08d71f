/*
 * wait.h - blocked synchronous calls: which process waits for whom, found without a word from the
 * node. A process that waits in receive for a reply has a monitor on the callee whose reference is
 * on its stack; the reference names the callee, and the same (pid, reference) in two reads is one
 * uninterrupted wait.
 *
 *    p->stop ... second return address: boxed local references
 *        \--> key in the process's own monitor tree --> pid, external pid, or {name, node}
 *
 * Candidates are read in batches: 100,000 of them take milliseconds, not a call each.
 */
#ifndef IMPASSE_PROBE_BEAM_WAIT_H
#define IMPASSE_PROBE_BEAM_WAIT_H

#include "model/sweep.h"
#include "probe/beam/atom.h"
#include "probe/beam/code.h"
#include "probe/beam/proc.h"

struct beam_waits;

/* Where a process waits for one that it starts and is linked to, without a monitor (OTP 25; from 26 on it has one). */
#define BEAM_WAIT_STARTING "proc_lib:sync_start_link/2"

/* What it needs to know of other processes. */
struct beam_waits_world {
  void *context;
  /* Key of the process of this node that has this registered name (an atom) now; 0 none. */
  uint64_t (*by_name)(void *context, uint64_t atom);
  /* Is there a living process with this pid word? */
  bool (*lives)(void *context, uint64_t pid_word);
};

struct beam_waits *beam_waits_new(const struct beam_node *node, struct beam_atoms *atoms,
                                  struct beam_code *code); /* NULL without memory */
void beam_waits_free(struct beam_waits *waits);

/* Adds a wait (and its holders) to the sweep for each candidate that is blocked in a call, and sets
 * nothing else: the caller marks the waiters' rows as blocked. Candidates are not running, not
 * collecting garbage, not exiting, and have monitors or are in BEAM_WAIT_STARTING; of those that are
 * about to run, who has its answer is left out. Fills since nothing: first seen counts. Who has a reference in its frame, but
 * may well wait for whatever comes, gets a wait that is `any` and open: free in the graph.
 * Links that are part of a circle are looked at again for whether anybody else could answer (see
 * proof.h), and are `exclusive` when nobody can. 0, -ENOMEM, -ESRCH. */
int beam_waits_read(struct beam_waits *waits, const struct beam_proc *candidates, size_t count,
                    const struct beam_waits_world *world, struct sweep *sweep);

#endif
