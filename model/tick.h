/*
 * tick.h - tick_step(): sweeps in, snapshot out. The heart of the model.
 *
 *    sweeps of this tick --+
 *                          +--> merge by key, rates --> wait-for graph --> detectors --> alerts
 *    struct tick_state ----+    call graph, names             |                            |
 *    (the newest rows of each target and source,              `-------------+--------------'
 *    counters that rates start from, call graph,                            v
 *    names, gaps, alerts, what detectors keep)              struct snapshot (immutable)
 *
 * Everything remembered between ticks is in tick_state, and it is bounded (tick.c states by what).
 * No I/O, no clock, no globals: the same sweeps at the same times give the same snapshots.
 *
 * Wait rounds between ticks go through tick_round(): it replaces the rows of the actors that were
 * re-read, runs the graph again, moves certainties (suspected -> confirmed -> proven) and says
 * whether any verdict changed. The caller then makes a tick at once (tick_step with no new sweeps),
 * so alerts come two wait rounds after the last edge.
 *
 * Certainty. For each wait the state keeps end_first, the end of the first read that saw this very
 * wait (same id, same holders, same run count, seen in every read since), and begin_last, the
 * beginning of the last such read. A core is confirmed when max(end_first) < min(begin_last) over
 * its members: between the two instants all edges held at once. It is proven when moreover every
 * wait in it is `exclusive`.
 *
 * Several sources of one target are read at different instants, by rounds of their own; that spans have an
 * instant in common means the same all the same. An actor and the thread that runs it are one member of a
 * core once the actor was read on the thread while the thread's wait lasted (tick_joint.h):
 *
 *    `waits`    waiter and holder are the actors, via, object and verdict those of the thread's wait
 *    `actors`   the actor is `blocked`, with waits_for, blocked_ms and behind; the row of its thread
 *               stays and says nothing of it
 *    `targets`  `blocked` counts it once
 *    `tables`   the owner of a lock is the actor
 *
 * One thread at a time per state.
 */
#ifndef IMPASSE_MODEL_TICK_H
#define IMPASSE_MODEL_TICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "model/sweep.h"

struct tick_state;

/* The strings are copied. NULL without memory. */
struct tick_state *tick_state_new(const char *host, const char *boot_id);
void tick_state_free(struct tick_state *state);

/* One tick. Takes over all sweeps (also on failure): FULL ones replace what was known of (target,
 * source), ROUND ones the rows of their actors, FAILED ones mark the target. What was not swept
 * this tick is carried forward with its age; for a minute at most while its source fails for
 * another reason than that the target is stopped. Sweeps that fail sweep_check, come too late or
 * find no memory are counted as a gap and freed; what was known stays. A target whose last sweep
 * says `gone` loses its rows at once and its row of `targets` after a minute. Returns 0, or
 * -ENOMEM: then there is no snapshot of this tick, and the state is good for the next. */
int tick_step(struct tick_state *state, struct sweep *const *sweeps, size_t sweep_count,
              struct tick_clock now, struct snapshot **ret_snapshot);

/* One wait round, see above. Takes over all sweeps. *ret_changed: the set of (core, kind,
 * certainty) is not what the last snapshot showed, so a tick is due. */
int tick_round(struct tick_state *state, struct sweep *const *sweeps, size_t sweep_count,
               struct tick_clock now, bool *ret_changed);

/* When the next tick is of use even without a sweep: the earliest CLOCK_MONOTONIC time at which an
 * alert of the last tick changes its state, see alerts_next_ns. UINT64_MAX: never. */
uint64_t tick_next_ns(const struct tick_state *state);

/* Forgets a target at once (the collector stopped watching it). */
void tick_forget(struct tick_state *state, uint64_t target_key);

/* Adds a row of `gaps` that the collector itself has to tell (recording stopped, queue overflowed);
 * target_key 0 for impasse itself. Bounded: the oldest ended ones are forgotten first. */
void tick_gap(struct tick_state *state, uint64_t target_key, const char *reason, int64_t since_ms,
              int64_t until_ms, int64_t count);

#endif
