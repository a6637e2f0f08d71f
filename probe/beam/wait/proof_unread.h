/* proof_unread.h - whether a request still lies in the mailbox of whom it was sent to, or an answer in that of the
 * caller. */
#ifndef IMPASSE_PROBE_BEAM_PROOF_UNREAD_H
#define IMPASSE_PROBE_BEAM_PROOF_UNREAD_H

#include "probe/beam/proc.h"
#include "probe/beam/wait/monitor.h"

enum { BEAM_PROOF_MESSAGES = 2000 }; /* that are looked at in one mailbox */

/* Is there a message {_, {_, Tag}, _} (a call) or {_, _, Reference, _} (an I/O request) with this reference among the
 * first messages of any queue of the process? `holder` waits in a call itself, and takes nothing else. */
bool beam_proof_unread(const struct beam_node *node, const struct beam_proc *holder,
                       struct beam_reference reference);

/* Has an answer, or word of the callee's end, come to a process that waits for this reference, which it has not yet looked
 * at? Also true where that cannot be excluded: too many messages, signals that have not been sorted, messages of other
 * nodes that are still encoded. */
bool beam_proof_answered(const struct beam_node *node, const struct beam_proc *waiter,
                         struct beam_reference reference);

#endif
