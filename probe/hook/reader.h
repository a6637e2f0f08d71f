/*
 * reader.h - regions in, sweeps out: what is remembered of one target from sweep to sweep.
 * Not here: how the target is found and how it ended (source.c).
 */
#ifndef IMPASSE_PROBE_HOOK_READER_H
#define IMPASSE_PROBE_HOOK_READER_H

#include "model/sweep.h"
#include "probe/hook/reader_region.h"
#include "probe/hook/reader_threads.h"

/* What a wait round reads again: who was blocked, and whose holds or further mailboxes belong to those. */
struct reader_watched {
  uint64_t reference;
  uint64_t owner; /* reference, of a further mailbox; else 0 */
  bool blocked;   /* has a row in the round; else it is read for what it holds or adds */
};

struct reader {
  const struct reach_target *target; /* lent; NULL in the fuzzer */
  uint64_t target_key;
  struct reader_regions regions;
  struct reader_threads threads;
  bool same_clock;                /* CLOCK_MONOTONIC of the target is ours */
  struct reader_watched *watched; /* ascending by slot */
  size_t watched_count, watched_room;
  uint64_t losses[IMPASSE_LOSS_COUNT]; /* as of the last sweep */
  int64_t lost_count;                  /* of all sweeps */
  uint64_t torn_count;                 /* slots of the last sweep that were half written */
};

/* Everything in the regions, as a FULL sweep. `dead`: the target has gone, so nothing will complete what is half
 * written, and nothing but the mapped regions can be read. -ENOMEM. */
int reader_sweep(struct reader *reader, bool dead, struct sweep **ret_sweep);

/* The actors that were blocked in the last sweep or round, as a ROUND. One that has closed since is told as exiting,
 * without waits. -ENOMEM. */
int reader_round(struct reader *reader, struct sweep **ret_sweep);

/* A full sweep that leaves no trace in the reader: for questions in between. -ENOMEM. */
int reader_glance(struct reader *reader, struct sweep **ret_sweep);

void reader_done(struct reader *reader);

#endif
