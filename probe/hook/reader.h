/*
 * reader.h - regions in, sweeps out: what is remembered of one target from sweep to sweep.
 * Not here: how the target is found and how it ended (source.c).
 */
#ifndef IMPASSE_PROBE_HOOK_READER_H
#define IMPASSE_PROBE_HOOK_READER_H

#include "model/sweep.h"
#include "probe/hook/reader_region.h"
#include "probe/hook/reader_threads.h"

/* What a wait round reads again, and why. */
enum reader_interest {
  READER_BLOCKED, /* has a row in the round, and waits */
  READER_RUNS,    /* has a row: on a thread, which may be blocked where another source sees it */
  READER_QUEUED,  /* has a row: waits for a thread of a pool that somebody blocked occupies */
  READER_POOL,    /* has a row: that pool */
  READER_HOLDS,   /* read for the tables that it holds */
  READER_MAILBOX, /* read for what it adds to the row of its owner */
};

struct reader_watched {
  uint64_t reference;
  uint64_t of;      /* reference: owner of a mailbox, pool of who is queued; else 0 */
  uint8_t interest; /* enum reader_interest */
  uint8_t kind;     /* enum actor_kind, where it has a row */
};

struct reader {
  const struct reach_target *target; /* lent; NULL in the fuzzer */
  uint64_t target_key;
  struct reader_regions regions;
  struct reader_threads threads;
  bool same_clock;                /* CLOCK_MONOTONIC of the target is ours */
  struct reader_watched *watched; /* of the last sweep, ascending by slot */
  size_t watched_count, watched_room;
  uint64_t losses[IMPASSE_LOSS_COUNT]; /* as of the last sweep */
  int64_t lost_count;                  /* of all sweeps */
  uint64_t torn_count;                 /* slots of the last sweep that were half written */
  uint64_t born_count, died_count;     /* actors, the highest that any sweep saw */
};

/* Everything in the regions, as a FULL sweep. `dead`: the target has gone, so nothing will complete
 * what is half written, and nothing but the mapped regions can be read. -ENOMEM. */
int reader_sweep(struct reader *reader, bool dead, struct sweep **ret_sweep);

/* Of those that run on a thread, so many are read again in a round. */
enum { READER_RUNNERS_MOST = 1024 };

/* The actors that were blocked in the last sweep or on a thread, as a ROUND; and where some of them keep the
 * threads of a pool, that pool and who is queued for it. One that has closed since is told as
 * exiting, without waits. -ENOMEM. */
int reader_round(struct reader *reader, struct sweep **ret_sweep);

/* A full sweep that leaves no trace in the reader: for questions in between. -ENOMEM. */
int reader_glance(struct reader *reader, struct sweep **ret_sweep);

void reader_done(struct reader *reader);

#endif
