/*
 * edges.h - from verdicts to holders: who has the lock that a thread waits for.
 *
 * A read is not one instant: a thread may have been woken between the look at its system call and the look
 * at its lock. So a holder that is told for the first time counts only after a second look at the same
 * threads: same call, same run count, same owner. What was there in the read before as well has had it.
 *
 * Not here: what the words mean (classify/), processes that share a lock (shared.c).
 */
#ifndef IMPASSE_PROBE_THREAD_EDGES_H
#define IMPASSE_PROBE_THREAD_EDGES_H

#include "probe/thread/session.h"

/* Who waits, ascending; both arrays have room for all. */
size_t edges_list_waiting(struct session *session, uint32_t *ret_indices, pid_t *ret_tids);

/* Fills edge, holder and holder_target of the members at `indices`. 0, or what the route's read gave. */
int edges_find(struct session *session, const uint32_t *indices, size_t count);

#endif
