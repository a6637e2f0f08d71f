/*
 * orders.h - what each program is ordered with (struct load_order.parameters) and which descriptors
 * come back, in which order: between a user (burst.c) and the loader (burst_load.c), who may be in
 * another process. Inside this folder only.
 *
 * Processes are meant by their pid in the namespace of both.
 */
#ifndef IMPASSE_BPF_ORDERS_H
#define IMPASSE_BPF_ORDERS_H

#include <stdint.h>

struct burst_order { /* with the descriptor of the executable */
  uint32_t at;       /* enum burst_at */
  int32_t pid;
  uint64_t offset; /* in the executable */
  uint64_t receiver;
  uint64_t most_hits;
  uint32_t pid_offset, unused;
};
enum { BURST_COUNTS, BURST_TOTALS, BURST_PROBE, BURST_FDS };

struct waits_order { /* with the descriptor of the executable */
  int32_t pid;
  uint32_t who_offset;
  uint64_t offset;
};
enum {
  WAITS_LOCKS,
  WAITS_WAITERS,
  WAITS_WAITING,
  WAITS_THREADS,
  WAITS_TOTALS,
  WAITS_LEAVE,
  WAITS_ENTRY,
  WAITS_FDS
};

struct tasks_order {
  int32_t pid;
};
enum {
  TASKS_WALK,
  TASKS_PROGRAM, /* whoever has it makes links of single threads */
  TASKS_WISHES,
  TASKS_FDS
};

/* Ordered with nothing. */
enum {
  CONTENTION_WATCHES,
  CONTENTION_BEGUN,
  CONTENTION_SUMS,
  CONTENTION_SEEDING,
  CONTENTION_SEED, /* a program: whoever has it makes links of it */
  CONTENTION_SWITCHES,
  CONTENTION_FDS
};

struct files_order {
  int32_t pid;
};
enum { FILES_WALK, FILES_FDS };

struct
    hook_order { /* with a file of `site_count` struct hook_site, and the descriptors of their files */
  int32_t pid;
  uint32_t site_count, file_count;
};
enum {
  HOOK_SLOTS,
  HOOK_REGIONS_SEEN,
  HOOK_CLASSES_SEEN,
  HOOK_TOTALS,
  HOOK_LINKS /* of each file one, from here on */
};

struct mapped_order {
  uint32_t unused;
};
enum { MAPPED_PROGRAM, MAPPED_FDS };

#endif
