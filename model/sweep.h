/*
 * sweep.h - what a source hands to the model: the state of one target as read between two instants.
 *
 *    struct sweep
 *      target facts ----- one struct sweep_target
 *      actors[] --------- sorted by key, raw counters (the model makes rates of them)
 *      waits[] ---------- sorted by waiter; wait.holder_first/holder_count index holders[]
 *      holders[] -------- each belongs to one wait only
 *      tables[] --------- sorted by key
 *      text[] ----------- NUL-terminated strings; a text reference is an offset in it, 0 = none
 *
 * A sweep is data about foreign bytes, already validated by the source: indices are in range,
 * arrays are sorted, text is NUL-terminated. sweep_check() asserts just that, and tick_step()
 * refuses a sweep that fails it.
 *
 * Unknown is VALUE_UNKNOWN (INT64_MIN) in signed fields, 0 in keys, counts of time and text
 * references, and ENUM_UNKNOWN in the uint8_t fields that hold one of the dictionary's enums.
 */
#ifndef IMPASSE_MODEL_SWEEP_H
#define IMPASSE_MODEL_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/dictionary.h"

/* Identity of a process within one boot: start time (clock ticks since boot, /proc/PID/stat field
 * 22) << 22 | pid. */
#define TARGET_KEY(start_ticks, pid) (((uint64_t)(start_ticks) << 22) | ((uint64_t)(pid)&0x3fffff))
#define TARGET_KEY_PID(key) ((int)((key)&0x3fffff))

/* Identity of an actor within its process: the tag of its source in the top byte (1..127, so that
 * the key is a positive int64_t), below it 56 bits that the source never uses twice. */
#define ACTOR_KEY(tag, bits56) (((uint64_t)(tag) << 56) | ((uint64_t)(bits56)&0xffffffffffffff))

enum source_tag {
  SOURCE_TAG_SELF = 1,
  SOURCE_TAG_HOOK = 2,
  SOURCE_TAG_BEAM = 3,
  SOURCE_TAG_THREAD = 4,
  SOURCE_TAG_GO = 5,
  SOURCE_TAG_QUEUE = 6,
  /* what impasse says of a process that no source reads: facts and a reason, never rows */
  SOURCE_TAG_NONE = 127
};

enum sweep_kind {
  /* everything: what is not in it is gone */
  SWEEP_FULL,
  /* wait round: only the actors that were known to be blocked; replaces those rows and waits, but
   * for their names */
  SWEEP_ROUND,
  /* between two full sweeps of a large target: the hot actors (deep, growing, blocked, named) and the
   * facts of the target. Replaces those rows, their waits and the facts, and counts for rates as a
   * full sweep does; an actor or table that is new is taken in, whatever is not in it stays as it
   * was. */
  SWEEP_PART,
  /* nothing could be read: only `target` counts; the rows of the last sweep are carried forward */
  SWEEP_FAILED
};

struct sweep_target {
  uint32_t name;    /* text: command or node name, without the pid */
  uint32_t runtime; /* text: name of the source */
  uint32_t version; /* text */
  uint32_t cgroup;  /* text */
  uint32_t reason;  /* text: why it is unreadable, how it ended */
  uint8_t state;    /* enum target_state */
  /* Of a cluster whose members speak of each other's actors by it (an Erlang node): text, 0 none;
   * with `creation`, the number of its incarnation, it is what sweep_holder.peer means. */
  uint32_t peer;
  uint32_t creation;
  /* Its network namespace, 0 unknown. Where several have the same peer and creation (pods that were started in one
   * second), the one in the namespace of who speaks of it is meant. */
  uint64_t network;
  bool unique_name; /* the name alone tells it on this host (an Erlang node): no ":pid" is added */
  bool crashed;     /* state gone, and not by an orderly exit: `blind` warns */
  int64_t uid;
  int64_t cpu_ns; /* processor time since it started */
  int64_t rss_bytes;
  int64_t memory_limit_bytes;
  int64_t run_queue;        /* actors */
  int64_t actor_limit;      /* the most actors that it can have */
  int64_t atoms;            /* Erlang: entries of the atom table, which only grows */
  int64_t persistent_terms; /* Erlang: entries of that table */
  int64_t born_count;       /* actors opened since it started; monotonic */
  int64_t died_count;
  /* filled by the collector: processor time of impasse spent on the last full sweep, the present
   * interval between full sweeps, and the same of parts, where there are some */
  int64_t sweep_cpu_ns, interval_ns;
  int64_t part_cpu_ns, part_interval_ns;
  /* processor time a second of threads that the source has beside its sweeps; the collector fills it
   * in where a part does not say */
  int64_t beside_ns_per_s;
  int64_t lost_count; /* records lost since attach, monotonic; broken down in gaps[] */
};

enum sweep_actor_flags {
  /* the name is registered, unique in the target: it takes part in `names` */
  SWEEP_ACTOR_REGISTERED = 1 << 0,
  /* the name means an instance (not a bare id): it takes part in `call_graph` */
  SWEEP_ACTOR_NAMED = 1 << 1,
  /* kind pool: `capacity` is the number of its worker threads */
  SWEEP_ACTOR_POOL_SIZE = 1 << 2,
  /* in rounds and parts only, which else say nothing of whom they do not list: it is no more. Only
   * its key counts; it has no waits. */
  SWEEP_ACTOR_GONE = 1 << 3,
};

struct sweep_actor {
  uint64_t key;          /* ACTOR_KEY; rows are sorted by it */
  uint64_t parent;       /* key or 0 */
  uint64_t pool;         /* key of the pool that runs it, or 0 */
  int64_t depth;         /* messages now */
  int64_t put_count;     /* messages ever put; monotonic */
  int64_t take_count;    /* messages ever taken; monotonic */
  int64_t dropped_count; /* messages ever dropped; monotonic */
  int64_t capacity;      /* messages; for a pool: worker threads */
  int64_t memory_bytes;
  int64_t work_count; /* monotonic, in work_unit */
  uint64_t head;      /* identity of the first message, 0 unknown: unchanged = none was taken */
  uint32_t name;      /* text */
  uint32_t function;  /* text */
  /* thread that runs it now (kind thread: its own) in our pid namespace; 0 none. Where another source
   * has the row of that thread, both are one in the graph, and what the thread waits for is told as the
   * actor's (tick.h). A source leaves it 0 once the actor is laid down. */
  uint32_t tid;
  uint8_t kind;     /* enum actor_kind */
  uint8_t state;    /* enum actor_state; ENUM_UNKNOWN = could not be read: free in the graph */
  uint8_t depth_is; /* enum depth_is */
  uint8_t
      depth_unit; /* enum depth_unit: of depth, capacity and the counts; messages where nobody says */
  uint8_t work_unit; /* enum work_unit */
  uint8_t flags;     /* enum sweep_actor_flags */
};

/* Equal identities in two reads mean one uninterrupted wait (Erlang: the reference; hook: slot,
 * generation and call number; threads: lock address, where run_count must be unchanged as well). */
struct wait_id {
  uint64_t hi, lo;
};

struct sweep_wait {
  struct wait_id id;
  uint64_t waiter;    /* key of an actor in this sweep */
  uint64_t run_count; /* changes when the waiter has run; 0 where the id alone tells waits apart */
  uint64_t since_ns;  /* CLOCK_MONOTONIC; 0 = unknown: first seen counts */
  int64_t timeout_ns; /* its length, VALUE_UNKNOWN where there is none or it is not known */
  uint32_t holder_first; /* holders[holder_first .. +holder_count] */
  uint32_t holder_count; /* known holders that live; 0 with open = 0: nobody is left (stuck) */
  uint32_t object;       /* text */
  uint8_t via;           /* enum wait_via */
  uint8_t needs;         /* enum wait_needs */
  uint8_t timeout;       /* enum wait_timeout */
  bool open;             /* the list of holders is incomplete */
  bool exclusive; /* nobody but the listed holders can end it, short of a kill: may become proven */
  /* nesting: only an actor's waits of its highest rank block it; of several of equal rank, any one
   * that ends lets it run */
  uint8_t rank;
};

struct sweep_holder {
  uint64_t target; /* TARGET_KEY; 0 = the sweep's own target, or peer's */
  uint64_t actor;  /* key; 0 with a peer: whoever has the registered name `name` there */
  /* The holder is in whichever target says that it is this peer (sweep_target.peer and .creation);
   * it is unknown where none does, or several do (see sweep_target.network). Text, 0 = no peer. */
  uint32_t peer;
  uint32_t creation;
  /* text: the registered name, where `actor` is 0; else what to call it where it is unknown (the
   * text of its pid), or 0 */
  uint32_t name;
};

struct sweep_table {
  uint64_t key;
  uint64_t owner; /* key of the actor that owns it or holds it for writing, or 0 */
  int64_t items;
  int64_t bytes;
  int64_t read_waiters;    /* now */
  int64_t write_waiters;   /* now */
  int64_t held_ns;         /* time held since opened, the present hold included; monotonic */
  int64_t wait_ns;         /* time with at least one waiter, the present wait included; monotonic */
  int64_t contended_count; /* acquisitions that waited; monotonic */
  int64_t max_wait_ns;     /* since opened */
  uint32_t name;           /* text */
  uint32_t type;           /* text: what sort of its kind, in the words of the runtime */
  uint8_t kind;            /* enum table_kind */
};

/* Something that is missing from this sweep and why; `count` records since the previous sweep. */
struct sweep_gap {
  uint32_t reason; /* text */
  int64_t count;   /* VALUE_UNKNOWN where it is not known */
};

struct sweep {
  uint64_t target_key;
  uint8_t source;    /* enum source_tag: several sources may feed one target */
  uint8_t kind;      /* enum sweep_kind */
  uint64_t begin_ns; /* CLOCK_MONOTONIC before the first byte was read */
  uint64_t end_ns;   /* after the last */
  /* Of the processor time that this took: for something that ends (a search), so that it does not stretch the intervals
   * of reading. */
  uint64_t passing_ns;
  /* The target stood still all the while (a crash dump): its waits all lasted from begin_ns to end_ns,
   * so their edges coexisted, and those without since_ns have lasted nobody knows how long. Rows of
   * one that is gone stay: they are how it ended. */
  bool instant;
  struct sweep_target target;
  struct sweep_actor *actors;
  struct sweep_wait *waits;
  struct sweep_holder *holders;
  struct sweep_table *tables;
  struct sweep_gap *gaps;
  char *text;
  size_t actor_count, wait_count, holder_count, table_count, gap_count, text_bytes;
  /* room of the arrays, for the sweep_add_ functions */
  size_t actor_room, wait_room, holder_room, table_room, gap_room, text_room;
};

/* A new, empty sweep: all of `target` unknown. Returns NULL when there is no memory. Free with
 * sweep_free. */
struct sweep *sweep_new(uint64_t target_key, enum source_tag source, enum sweep_kind kind);
void sweep_free(struct sweep *sweep);

/* Append a row with every field unknown and return it, or NULL when there is no memory. The pointer
 * is valid until the next call of the same function on this sweep. */
struct sweep_actor *sweep_add_actor(struct sweep *sweep);
struct sweep_wait *sweep_add_wait(struct sweep *sweep);
struct sweep_holder *sweep_add_holder(struct sweep *sweep);
struct sweep_table *sweep_add_table(struct sweep *sweep);
struct sweep_gap *sweep_add_gap(struct sweep *sweep);

/* Appends `length` bytes as a string and returns its reference; 0 for an empty one or without
 * memory. NUL bytes inside become '?'. Other bytes stay as they are: whoever shows them makes them
 * harmless. */
uint32_t sweep_add_text(struct sweep *sweep, const char *bytes, size_t length);
uint32_t sweep_add_format(struct sweep *sweep, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The string behind a reference, or NULL for 0. */
const char *sweep_text(const struct sweep *sweep, uint32_t text);

/* Sorts actors and tables by key and waits by (waiter, id), as tick_step needs them; nothing is
 * done where they already are. */
void sweep_sort(struct sweep *sweep);

/* 0, or -EINVAL when an index, an order or an enum is out of range. Linear. */
int sweep_check(const struct sweep *sweep);

#endif
