/*
 * reader_scan.h - a sweep in the making: what the reader's files hand to each other while they read
 * one target once.
 *
 *    slots in order --> rows of actors and tables, and beside them
 *                         holds[]      who holds which table          \
 *                         pending[]    wait lines, as copied           > put together at the end
 *                         mailboxes[]  further mailboxes of an owner  /
 *                         adopted[]    depth counters to be read in the target's memory
 *
 * Not here: what lives longer than one sweep (reader.h).
 */
#ifndef IMPASSE_PROBE_HOOK_READER_SCAN_H
#define IMPASSE_PROBE_HOOK_READER_SCAN_H

#include "model/sweep.h"
#include "probe/hook/reader_slot.h"

/* References looked at for holders of waits, in one sweep. A hostile program could make a few
 * slots stand for many billions of edges; what is beyond is left out, its waits count as open, and
 * a gap says so. */
#define READER_EDGES_MOST 16000000u

struct reader_hold {
  uint64_t table; /* reference */
  uint64_t actor; /* reference */
  bool write;
};

struct reader_pending {
  uint64_t waiter; /* reference */
  struct impasse_wait_line line;
};

/* The counters of one mailbox; VALUE_UNKNOWN where they are not known. */
struct reader_counts {
  int64_t depth, put, take, dropped, capacity;
};

struct reader_mailbox {
  uint64_t owner; /* reference */
  struct reader_counts counts;
};

struct reader_adopted {
  uint64_t address;
  size_t index; /* of the row in sweep.actors, or in mailboxes */
  bool is_mailbox;
  bool is_signed;
  uint8_t bytes; /* 1, 2, 4, 8 */
};

/* A growing array; `rows` is of the type that its user knows. */
struct reader_array {
  void *rows;
  size_t count, room;
};

struct reader_scan {
  const struct reach_target *target; /* NULL: there is nothing but the regions (fuzzer, dead) */
  struct reader_regions *regions;
  struct sweep *sweep;
  unsigned tries;     /* see reader_slot_read */
  bool same_clock;    /* CLOCK_MONOTONIC of the target is ours */
  uint64_t coarse_ns; /* CLOCK_MONOTONIC_COARSE and */
  uint64_t now_ns;    /* CLOCK_MONOTONIC when the scan began */
  struct reader_array holds, pending, mailboxes, adopted;
  uint32_t edges;      /* looked at so far */
  uint32_t runners;    /* taken for the rounds */
  uint64_t torn_count; /* slots */
  bool edges_lost;
  bool no_memory;
  struct {
    uint32_t text; /* reference in the sweep, 0 = unknown */
    uint8_t length;
    bool looked_up;
  } classes[IMPASSE_CLASSES];
};

/* The key of whoever a reference means. */
static inline uint64_t reader_key(uint64_t reference)
{
  return ACTOR_KEY(SOURCE_TAG_HOOK, reference);
}

/* A place for one more row of `size` bytes, or NULL (and no_memory is set). */
void *reader_scan_add(struct reader_scan *scan, struct reader_array *array, size_t size);
void reader_scan_done(struct reader_scan *scan); /* frees the arrays, not the sweep */

#endif
