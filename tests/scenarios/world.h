/*
 * world.h - a small made-up program: actors that wait, and a source that reads them one after the
 * other while time goes on. Scenarios drive it from a text, the simulator by chance.
 *
 * Not here: what happens (scenario_run.c, simulator.c) and what the model makes of it (model/).
 */
#ifndef IMPASSE_TESTS_SCENARIOS_WORLD_H
#define IMPASSE_TESTS_SCENARIOS_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/sweep.h"

#define WORLD_MS 1000000ull /* nanoseconds */

/* A holder in another process, as sweep_holder says it. */
struct world_peer_holder {
  char *peer;
  uint32_t creation;
  uint64_t actor; /* 0: whoever has the name */
  char *name;
};

struct world_wait {
  struct wait_id id; /* new for each wait */
  uint64_t since_ns;
  int64_t timeout_ns; /* VALUE_UNKNOWN: none, or some of unknown length */
  uint64_t *holders;  /* keys as they were then: a later actor in the same slot has another */
  size_t holder_count;
  struct world_peer_holder *peers;
  size_t peer_count;
  char *object;
  uint8_t via, needs, timeout, rank;
  bool open, exclusive;
};

struct world_actor {
  uint64_t key; /* 0: nobody in this slot */
  char *name;
  char *function;
  uint64_t pool; /* key */
  uint32_t tid;
  uint32_t generation;
  uint8_t tag;         /* enum source_tag */
  uint8_t kind;        /* enum actor_kind */
  uint8_t unit;        /* enum depth_unit */
  uint8_t state;       /* of an actor without waits */
  uint8_t flags;       /* enum sweep_actor_flags */
  bool seen_blocked;   /* by the last read of it: wait rounds read it again */
  bool seen_on_thread; /* an actor: they read it again as well */
  bool hot;            /* parts read it, too */
  bool at_least;       /* its mailbox holds more than can be seen */
  int64_t capacity, memory_bytes, memory_per_s;
  int64_t put_base, take_base, work_base;    /* counters at flow_since_ns ... */
  int64_t put_per_s, take_per_s, work_per_s; /* ... and what they gain from then on */
  uint64_t flow_since_ns;
  uint64_t head;
  struct world_wait *waits;
  size_t wait_count;
};

struct world_table {
  uint64_t key;
  char *name;
  uint64_t owner;
  int64_t waiters;
  int64_t wait_base_ns, contended_base;
  int64_t wait_permille, contended_per_s;
  uint64_t since_ns;
};

struct world {
  uint64_t target_key;
  char *name;
  char *peer; /* NULL: it is no member of a cluster */
  uint32_t creation;
  uint64_t network; /* namespace; 0 unknown */
  int64_t uid;
  uint64_t now_ns;
  uint64_t wait_number; /* of the last wait: ids are never used twice */
  struct world_actor *actors;
  size_t actor_count;
  struct world_table *tables;
  size_t table_count;
  /* facts about the process */
  uint8_t state; /* enum target_state */
  bool crashed;
  bool torn; /* sweeps fail, although it runs */
  const char *reason;
  int64_t lost, interval_ns, rss_bytes, rss_per_s, limit_bytes;
  uint64_t rss_since_ns;
};

/* Everything here ends the test program where memory runs out. */
struct world *world_new(uint64_t target_key, uint64_t now_ns);
void world_free(struct world *world);

/* Adds a slot with an actor in it; its number is stable. */
size_t world_add_actor(struct world *world, const char *name, uint8_t tag, uint8_t kind);
struct world_table *world_add_table(struct world *world, const char *name, uint8_t tag);

/* The actor's own counters become what they are now, so that rates can be changed. */
void world_settle(struct world *world, struct world_actor *actor);
void world_table_settle(struct world *world, struct world_table *table);
int64_t world_depth(const struct world *world, const struct world_actor *actor);

/* A wait with a fresh identity on top of those the actor is in already. The caller fills in what
 * differs from: a call for all of its holders, closed, no timeout. */
struct world_wait *world_wait(struct world *world, size_t actor, const uint64_t *holders,
                              size_t holder_count);
void world_wait_for_peer(struct world_wait *wait, const char *peer, uint32_t creation,
                         uint64_t actor, const char *name);
void world_end_wait(struct world *world, size_t actor); /* the innermost */

/* The actor is gone with its waits; the slot stays. world_reborn puts a new one there, of the same
 * name. */
void world_die(struct world *world, size_t actor);
void world_reborn(struct world *world, size_t actor);

/* How one read is made: before an actor is read, `advance` moves the world to the time at which
 * that happens. */
struct world_reader {
  void (*advance)(void *context, uint64_t to_ns);
  void *context;
  uint64_t per_actor_ns;
};

/* One sweep, part or wait round of the actors of one source, beginning now. A round reads what the
 * last read of each actor saw blocked or on a thread, a part that and what is hot. */
struct sweep *world_sweep(struct world *world, uint8_t tag, enum sweep_kind kind,
                          const struct world_reader *reader);

#endif
