/*
 * sweep.h - the processes of a node as rows of a sweep: all of them, the hot ones, or those that
 * were blocked.
 *
 *    slot table --> places by address --> struct process, neighbours in one read --> rows by key
 *
 * What a full sweep sees is remembered for the parts and rounds until the next one. A process may
 * end while it is read: what is not the process of its slot any more is left out; what cannot be
 * told is counted as lost.
 *
 * Not here: waits (wait.h), tables (table.h), facts of the node (sweep_facts.h). One thread.
 */
#ifndef IMPASSE_PROBE_BEAM_SWEEP_H
#define IMPASSE_PROBE_BEAM_SWEEP_H

#include "model/sweep.h"
#include "probe/beam/names.h"
#include "probe/beam/proc.h"

struct beam_sweep;

struct beam_sweep *beam_sweep_new(const struct beam_node *node, struct beam_names *names);
void beam_sweep_free(struct beam_sweep *state);

/* Adds rows to an empty sweep, by its kind, sorted. 0, -ENOMEM, -ESRCH, -EPERM. */
int beam_sweep_rows(struct beam_sweep *state, struct sweep *sweep);

/* Processes of these rows that may be blocked in a call (see wait.h); until the next rows. */
const struct beam_proc *beam_sweep_candidates(const struct beam_sweep *state, size_t *ret_count);

/* When all waits were added: sorts them, leaves out those of nobody, marks who waits as blocked,
 * and remembers whom to read in the next part and round. 0 or -ENOMEM. */
int beam_sweep_end(struct beam_sweep *state, struct sweep *sweep);

/* Records that were lost since the beginning. */
int64_t beam_sweep_lost(const struct beam_sweep *state);

/* The process of a key as it is now: 0, -ESRCH it is not there. */
int beam_sweep_find(const struct beam_sweep *state, uint64_t key,
                    struct beam_proc_facts *ret_facts);

#endif
