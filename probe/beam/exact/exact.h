/*
 * exact.h - waits for locks of the emulator measured exactly, where sweeps only sample them
 * (--exact): probes on the slow path that all of its read-write locks share, added up in the kernel.
 *
 * A wait costs the target about 3 us more while it is on; a lock that is free costs nothing. Above
 * BEAM_EXACT_HITS_PER_S the probes are taken away, and sweeps say so. What is a lock of which table is
 * not known here (lock.h, table.h): locks go by their addresses.
 *
 * Threads: one at a time.
 */
#ifndef IMPASSE_PROBE_BEAM_EXACT_H
#define IMPASSE_PROBE_BEAM_EXACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bpf/waits.h"
#include "probe/beam/atom.h"
#include "probe/source.h"

enum { BEAM_EXACT_HITS_PER_S = 20000 }; /* of the probes, two a wait */

struct beam_exact;

/* Attaches. `node` and `target` must outlive it. `reason` says what it costs; on failure why not, with
 * -errno: -ENOTSUP the slow path was not found, -EPERM, -EACCES, -ESRCH, -EOPNOTSUPP. */
int beam_exact_open(const struct beam_node *node, const struct reach_target *target,
                    struct beam_exact **ret_exact, char reason[SOURCE_REASON_BYTES]);
void beam_exact_close(struct beam_exact *exact); /* detaches; NULL is fine */

/* Calls `each` for every lock that was ever waited for since it was opened: see struct waits_lock for
 * what is counted, and what may go back by one wait. 0 or -errno. */
typedef void beam_exact_lock_fn(void *context, const struct waits_lock *lock);
int beam_exact_collect(struct beam_exact *exact, beam_exact_lock_fn *each, void *context);

/* Were the probes taken away by themselves? Then the reason in words, for a gap. */
bool beam_exact_stopped(struct beam_exact *exact, char reason[SOURCE_REASON_BYTES]);

/* Writes for people: who waited longest for locks since it was opened, one process a line. */
int beam_exact_write(struct beam_exact *exact, struct beam_atoms *atoms, FILE *text);

/* The same of one second: opens, waits, writes, closes. When it is refused the text says why and what to
 * do; errors as of beam_exact_open. */
int beam_exact_look(const struct beam_node *node, struct beam_atoms *atoms,
                    const struct reach_target *target, FILE *text);

#endif
