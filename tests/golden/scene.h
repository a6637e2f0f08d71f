/*
 * scene.h - made-up snapshots with a story each, for tests that look at screens. Not here: what is
 * drawn of them.
 *
 * The clock of all scenes stands at 2026-03-01 03:00:00 UTC.
 */
#ifndef IMPASSE_TESTS_GOLDEN_SCENE_H
#define IMPASSE_TESTS_GOLDEN_SCENE_H

#include "model/snapshot.h"

#define SCENE_NOW_S 1772334000ll
#define SCENE_TICK 100u

struct scene {
  const char *name;
  struct snapshot *(*make)(void); /* NULL without memory */
};

extern const struct scene scenes[]; /* ends with a NULL name */

struct tick_clock scene_clock(void);

/* All is well and nothing is there. */
struct snapshot *scene_empty(void);
/* Two rings (one timed), victims behind them, a bottleneck, a contended lock, a leak: the demo's
 * `all`. */
struct snapshot *scene_deadlock(void);
/* A hooked program whose deadlock goes through a mutex, with its threads; a program that nobody prepared,
 * and its sockets. */
struct snapshot *scene_threads(void);
/* One mailbox that outgrows its consumer, one that takes none, a target that could not be read. */
struct snapshot *scene_leak(void);
/* Names made to break a terminal: escapes, invalid UTF-8, bidi and zero-width characters, wide
 * and combining ones. */
struct snapshot *scene_hostile(void);
/* `count` actors, the depth of number i is i * 7919 % count; every tenth waits for the first. */
struct snapshot *scene_many(uint32_t count);
/* A chain of `count` waiters behind one root. */
struct snapshot *scene_chain(uint32_t count);

#endif
