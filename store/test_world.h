/*
 * test_world.h - a small world for the tests of store/: snapshots of every relation that change
 * from tick to tick in every way the store has to keep apart, made from a seed, so that the same
 * tick is the same snapshot twice.
 *
 * Not here: expectations.
 */
#ifndef IMPASSE_STORE_TEST_WORLD_H
#define IMPASSE_STORE_TEST_WORLD_H

#include <assert.h>
#include <ftw.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/snapshot.h"

#define WORLD_WALL_MS 1790000000123 /* 2026-09-21, 13:33:20 UTC */
#define WORLD_MONO_NS 5000000000000ull
#define WORLD_TARGETS 3
#define WORLD_BIG_KEY 0x0200000000000000 /* as an actor of a hooked program has */

static inline uint32_t world_random(uint64_t a, uint64_t b)
{
  uint64_t x = a * 0x9e3779b97f4a7c15ull + b * 0xbf58476d1ce4e5b9ull + 1;

  x ^= x >> 31;
  x *= 0x94d049bb133111ebull;
  return (uint32_t)(x >> 32);
}

static inline struct tick_clock world_clock(uint64_t tick)
{
  return (struct tick_clock){.mono_ns = WORLD_MONO_NS + tick * 1000000000ull + tick * 777,
                             .wall_ms = WORLD_WALL_MS + (int64_t)tick * 1000};
}

static inline int64_t world_target_key(unsigned t)
{
  return ((int64_t)(1000 + t) << 22) | (100 + t);
}

/* The second target is read as a whole every fourth tick, and in between its busy actors. */
static inline int64_t world_swept_ms(uint64_t tick, unsigned t)
{
  return t == 0 ? 3 : 4 + (int64_t)(tick % (t == 1 ? 4 : 5)) * 1000;
}

static inline void world_fill_targets(struct snapshot_builder *b, uint64_t tick)
{
  enum relation R = RELATION_TARGETS;

  if (snapshot_builder_relation(b, R, WORLD_TARGETS) < 0)
    return;
  for (unsigned t = 0; t < WORLD_TARGETS; t++) {
    char name[32];

    snprintf(name, sizeof(name), "demo%u:%u", t, 100 + t);
    snapshot_builder_ints(b, R, TARGETS_TARGET_KEY)[t] = world_target_key(t);
    snapshot_builder_texts(b, R, TARGETS_HOST)[t] = snapshot_builder_intern(b, "here");
    snapshot_builder_texts(b, R, TARGETS_TARGET)[t] = snapshot_builder_intern(b, name);
    snapshot_builder_ints(b, R, TARGETS_PID)[t] = 100 + t;
    snapshot_builder_enums(b, R, TARGETS_STATE)[t] =
        tick % 50 == 7 ? TARGET_STOPPED : TARGET_RUNNING;
    snapshot_builder_reals(b, R, TARGETS_BORN_PER_S)[t] = world_random(tick / 3, t) % 1000 / 8.0;
    snapshot_builder_ints(b, R, TARGETS_RSS_BYTES)[t] = 1 << 20;
    /* the last target is read every fifth tick only */
    snapshot_builder_ints(b, R, TARGETS_AGE_MS)[t] =
        t < 2 ? 3 + (int64_t)t : 4 + (int64_t)(tick % 5) * 1000;
    snapshot_builder_ints(b, R, TARGETS_SWEPT_MS)[t] = world_swept_ms(tick, t);
  }
}

/* Actor number a of target t lives in tick: some are born and die again. */
static inline bool world_lives(uint64_t tick, unsigned t, unsigned a)
{
  return a % 7 != 3 || (tick / 10 + a + t) % 3 != 0;
}

static inline uint64_t world_trend(uint64_t tick, unsigned t, unsigned a);

static inline int64_t world_depth(uint64_t tick, unsigned t, unsigned a)
{
  return a % 10 == 0 ? world_random(tick, a + 100 * t) % 300 : a % 4;
}

static inline uint64_t world_trend(uint64_t tick, unsigned t, unsigned a)
{
  uint64_t trend = 0;

  for (uint64_t i = 0; i < 16; i++) {
    int64_t depth = i <= tick ? world_depth(tick - i, t, a) : 0;
    uint64_t class = depth == 0 ? 0 : 64 - (uint64_t)__builtin_clzll((uint64_t)depth);

    trend |= class << (4 * i);
  }
  return trend;
}

static inline void world_fill_actor(struct snapshot_builder *b, uint64_t tick, unsigned t,
                                    unsigned a, uint32_t row)
{
  enum relation R = RELATION_ACTORS;
  static const char *const functions[] = {"loop/1", "send\n\x1b[31m\xff", "gen_server:loop/7"};
  bool busy = a % 10 == 0;
  char name[48];

  snprintf(name, sizeof(name), "worker-%u%s", a, a == 5 && tick > 33 ? "-renamed" : "");
  snapshot_builder_ints(b, R, ACTORS_TARGET_KEY)[row] = world_target_key(t);
  snapshot_builder_ints(b, R, ACTORS_ACTOR)[row] = WORLD_BIG_KEY + a;
  snapshot_builder_texts(b, R, ACTORS_HOST)[row] = snapshot_builder_intern(b, "here");
  if (a != 6)
    snapshot_builder_texts(b, R, ACTORS_NAME)[row] = snapshot_builder_text(b, name);
  snapshot_builder_enums(b, R, ACTORS_KIND)[row] = (uint8_t)(a == 6 ? ENUM_UNKNOWN : a % 8);
  snapshot_builder_enums(b, R, ACTORS_STATE)[row] = (uint8_t)(busy ? tick % 3 : ACTOR_RECEIVE);
  snapshot_builder_texts(b, R, ACTORS_FUNCTION)[row] =
      snapshot_builder_intern(b, functions[busy ? tick % 3 : 0]);
  snapshot_builder_ints(b, R, ACTORS_DEPTH)[row] = a == 8 ? VALUE_UNKNOWN : world_depth(tick, t, a);
  snapshot_builder_enums(b, R, ACTORS_DEPTH_IS)[row] = DEPTH_EXACT;
  snapshot_builder_ints(b, R, ACTORS_DEPTH_TREND)[row] = (int64_t)world_trend(tick, t, a);
  snapshot_builder_reals(b, R, ACTORS_IN_PER_S)[row] = busy ? world_random(tick, a) % 999 / 7.0 : 0;
  snapshot_builder_reals(b, R, ACTORS_GROWTH_PER_S)[row] = busy ? -(double)(tick % 9) / 3 : 0;
  snapshot_builder_ints(b, R, ACTORS_MEMORY_BYTES)[row] = busy ? world_random(tick, a) : 2048;
  snapshot_builder_ints(b, R, ACTORS_PARENT)[row] = WORLD_BIG_KEY + 1;
  if (a % 5 == 2) { /* blocked since some tick, with a fraction of a millisecond */
    uint64_t since_ns = world_clock(tick / 17 * 17).mono_ns - 123456789;

    snapshot_builder_ints(b, R, ACTORS_BLOCKED_MS)[row] =
        (int64_t)((world_clock(tick).mono_ns - since_ns) / 1000000);
  }
  snapshot_builder_ints(b, R, ACTORS_AGE_MS)[row] = a == 9 ? 100 + (int64_t)(tick % 4) * 1000
                                                    : t == 1 && busy ? 4
                                                                     : world_swept_ms(tick, t);
}

static inline void world_fill_actors(struct snapshot_builder *b, uint64_t tick, unsigned actors)
{
  uint32_t row = 0;

  if (snapshot_builder_relation(b, RELATION_ACTORS, WORLD_TARGETS * actors) < 0)
    return;
  for (unsigned t = 0; t < WORLD_TARGETS; t++)
    for (unsigned a = 0; a < actors; a++)
      if (world_lives(tick, t, a))
        world_fill_actor(b, tick, t, a, row++);
  snapshot_builder_trim(b, RELATION_ACTORS, row);
}

static inline void world_fill_waits(struct snapshot_builder *b, uint64_t tick, unsigned waits)
{
  enum relation R = RELATION_WAITS;
  uint32_t row = 0;

  if (snapshot_builder_relation(b, R, waits) < 0)
    return;
  for (unsigned w = 0; w < waits; w++) {
    uint64_t period = 5 + w * 37; /* so long does each of its waits last */
    uint64_t first = tick / period * period;
    char name[32];

    if (tick % period == period - 1)
      continue;
    snapshot_builder_ints(b, R, WAITS_TARGET_KEY)[row] = world_target_key(0);
    snapshot_builder_ints(b, R, WAITS_WAITER)[row] = WORLD_BIG_KEY + w;
    snapshot_builder_ints(b, R, WAITS_WAIT)[row] = (int64_t)(first + 1);
    snapshot_builder_ints(b, R, WAITS_HOLDER_TARGET_KEY)[row] = world_target_key(0);
    snapshot_builder_ints(b, R, WAITS_HOLDER)[row] = w ? WORLD_BIG_KEY + w - 1 : VALUE_UNKNOWN;
    snprintf(name, sizeof(name), "worker-%u", w);
    snapshot_builder_texts(b, R, WAITS_WAITER_NAME)[row] = snapshot_builder_text(b, name);
    snapshot_builder_enums(b, R, WAITS_VIA)[row] = VIA_CALL;
    snapshot_builder_ints(b, R, WAITS_BLOCKED_MS)[row] =
        (int64_t)((world_clock(tick).mono_ns - world_clock(first).mono_ns) / 1000000);
    snapshot_builder_enums(b, R, WAITS_VERDICT)[row] =
        tick - first > 3 ? VERDICT_DEADLOCK : VERDICT_FREE;
    if (tick - first > 3)
      snapshot_builder_enums(b, R, WAITS_CERTAINTY)[row] = CERTAINTY_CONFIRMED;
    snapshot_builder_ints(b, R, WAITS_AGE_MS)[row] = 3;
    row++;
  }
  snapshot_builder_trim(b, R, row);
}

static inline void world_fill_tables(struct snapshot_builder *b, uint64_t tick)
{
  enum relation R = RELATION_TABLES;

  if (snapshot_builder_relation(b, R, 2) < 0)
    return;
  for (uint32_t row = 0; row < 2; row++) {
    snapshot_builder_ints(b, R, TABLES_TARGET_KEY)[row] = world_target_key(1);
    snapshot_builder_ints(b, R, TABLES_TABLE_KEY)[row] = row;
    snapshot_builder_texts(b, R, TABLES_NAME)[row] =
        snapshot_builder_text(b, row ? "o'brien" : "t");
    snapshot_builder_texts(b, R, TABLES_OWNER_NAME)[row] =
        snapshot_builder_intern(b, tick % 20 < 10 ? "worker-1" : NULL);
    snapshot_builder_ints(b, R, TABLES_WAIT_PERMILLE)[row] = (int64_t)(tick / 4 % 1000);
    snapshot_builder_reals(b, R, TABLES_CONTENDED_PER_S)[row] = row ? 1e300 : 0.25;
  }
}

static inline void world_fill_rest(struct snapshot_builder *b, uint64_t tick)
{
  char text[64];

  if (snapshot_builder_relation(b, RELATION_CALL_GRAPH, 1) < 0 ||
      snapshot_builder_relation(b, RELATION_ALERTS, 2) < 0 ||
      snapshot_builder_relation(b, RELATION_GAPS, 1) < 0)
    return;
  snapshot_builder_ints(b, RELATION_CALL_GRAPH, CALL_GRAPH_TARGET_KEY)[0] = world_target_key(0);
  snapshot_builder_texts(b, RELATION_CALL_GRAPH, CALL_GRAPH_WAITER)[0] =
      snapshot_builder_text(b, "a");
  snapshot_builder_texts(b, RELATION_CALL_GRAPH, CALL_GRAPH_HOLDER)[0] =
      snapshot_builder_text(b, "b");
  snapshot_builder_enums(b, RELATION_CALL_GRAPH, CALL_GRAPH_VIA)[0] = VIA_CALL;
  snapshot_builder_ints(b, RELATION_CALL_GRAPH, CALL_GRAPH_LAST_SEEN)[0] =
      world_clock(tick).wall_ms / 1000;
  snapshot_builder_ints(b, RELATION_CALL_GRAPH, CALL_GRAPH_EPISODES)[0] = (int64_t)tick + 1;
  for (uint32_t row = 0; row < 2; row++) {
    snapshot_builder_texts(b, RELATION_ALERTS, ALERTS_KEY)[row] =
        snapshot_builder_text(b, row ? "leak/demo/b" : "leak/demo/a");
    snapshot_builder_ints(b, RELATION_ALERTS, ALERTS_SINCE)[row] = WORLD_WALL_MS / 1000;
    snapshot_builder_enums(b, RELATION_ALERTS, ALERTS_STATE)[row] =
        tick < 12 + row ? ALERT_PENDING : ALERT_FIRING;
    snprintf(text, sizeof(text), "grew to %llu", (unsigned long long)tick);
    snapshot_builder_texts(b, RELATION_ALERTS, ALERTS_SUMMARY)[row] =
        snapshot_builder_text(b, text);
  }
  snapshot_builder_texts(b, RELATION_GAPS, GAPS_REASON)[0] = snapshot_builder_text(b, "torn");
  snapshot_builder_ints(b, RELATION_GAPS, GAPS_SINCE)[0] = WORLD_WALL_MS / 1000;
}

/* The snapshot of one tick; the caller's. */
static inline struct snapshot *world_snapshot(uint64_t tick, unsigned actors)
{
  struct snapshot_builder *b = snapshot_builder_new(world_clock(tick), tick, "here", "boot-1");
  struct snapshot *snapshot = NULL;
  int e;

  world_fill_targets(b, tick);
  world_fill_actors(b, tick, actors);
  world_fill_waits(b, tick, 6);
  world_fill_tables(b, tick);
  world_fill_rest(b, tick);
  e = snapshot_builder_finish(b, &snapshot);
  if (e) {
    fprintf(stderr, "no memory for a snapshot\n");
    exit(1);
  }
  return snapshot;
}

/* A directory of its own for a test, and its end. */
static inline char *world_dir(void)
{
  char *dir = strdup("/tmp/impasse-store-XXXXXX");

  if (!dir || !mkdtemp(dir)) {
    perror("a directory for the test");
    exit(1);
  }
  return dir;
}

static inline int world_remove_one(const char *path, const struct stat *st, int type,
                                   struct FTW *at)
{
  (void)st;
  (void)type;
  (void)at;
  return remove(path);
}

static inline void world_remove_dir(char *dir)
{
  (void)nftw(dir, world_remove_one, 16, FTW_DEPTH | FTW_PHYS);
  free(dir);
}

#endif
