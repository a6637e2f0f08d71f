/*
 * lock.h - the locks of ETS tables, looked at: who holds, who waits, at an instant, and the sums of many instants.
 *
 *    what is looked at                       in one call of process_vm_readv
 *    the head of each table                  its lock, and that it still is that table
 *    the locks of its buckets                with write_concurrency, as one span
 *    the leaves of its tree                  ordered_set with write_concurrency: one lock each
 *    and only where some lock has waiters    a second and a third call: all schedulers and what they sleep on,
 *    those locks once more                   the processes that they run
 *
 *    lock word: 31 held for writing | 30 writers wait | 29 readers wait | below: readers, or in a lock made for
 *    frequent reading (bit 28) nothing that could be used: its readers leave no trace in it.
 *    lock.q: circular list of the threads that wait, each a struct ethr_ts_event that is its scheduler's ssi->event.
 *    (Layout: erts/include/internal/ethr_mutex.h and erts/lib_src/common/ethr_mutex.c)
 *
 * The estimate: what an instant shows stood for the time since the instant before it. Two instants show the same wait
 * when thread, lock, process and the process's progress (reductions done, and left of its turn) are the same.
 * Not here: when to look (lock_sampler.h). One thread.
 */
#ifndef IMPASSE_PROBE_BEAM_LOCK_H
#define IMPASSE_PROBE_BEAM_LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/beam/node.h"
#include "probe/beam/table/table_list.h"

enum {
  BEAM_LOCK_BUCKETS_MOST = 512, /* of one table that are looked at; the others go unseen */
  BEAM_LOCK_LEAVES_MOST = 4096, /* of all trees */
  BEAM_LOCK_TABLES_MOST = 16384,
};

/* One table to be looked at. */
struct beam_lock_table {
  uint64_t key, address, btid, buckets;
  uint32_t bucket_count;
  uint32_t leaf_first, leaf_count; /* in the plan's leaves */
};

/* What is to be looked at; made from the list of tables, as they are then. */
struct beam_lock_plan {
  struct beam_lock_table *tables; /* by key */
  size_t count;
  uint64_t *leaves; /* addresses of leaves */
  size_t leaf_count;
  bool whole; /* false: there are more tables, buckets or leaves than are looked at */
};

/* Walks the trees for their leaves. NULL without memory. */
struct beam_lock_plan *beam_lock_plan_new(const struct beam_node *node,
                                          const struct beam_table *tables, size_t count);
void beam_lock_plan_free(struct beam_lock_plan *plan);

/* Of one table since it is looked at. */
struct beam_lock_sums {
  uint64_t key;
  int64_t held_ns, wait_ns;
  int64_t contended_count;             /* waits that were seen */
  int64_t max_wait_ns;                 /* at least so long was the longest that was seen */
  int64_t read_waiters, write_waiters; /* at the last instant */
};

/* A process that waited at the last instant. */
struct beam_lock_waiter {
  uint64_t table, lock; /* key; address */
  uint64_t pid;         /* word */
  uint64_t run;         /* equal in two instants: it has not run between them */
  uint64_t since_ns;    /* the first instant that saw it wait so */
  bool writes;
};

struct beam_locks;

struct beam_locks *beam_locks_new(const struct beam_node *node); /* NULL without memory */
void beam_locks_free(struct beam_locks *locks);

/* Takes the plan over (also when it fails) and keeps the sums of the tables that are in it again. -ENOMEM. */
int beam_locks_adopt(struct beam_locks *locks, struct beam_lock_plan *plan);

/* Looks at all of them. Touches nothing that the functions below give. -EPERM, -ESRCH, -ENOMEM. */
int beam_locks_look(struct beam_locks *locks);

/* Adds what was looked at last: it happened at `now_ns` and stands for `span_ns` before it; 0 for an instant that
 * counts for nothing but who waits. */
void beam_locks_count(struct beam_locks *locks, uint64_t now_ns, uint64_t span_ns);

/* By key; valid until the next call of the above. */
const struct beam_lock_sums *beam_locks_sums(const struct beam_locks *locks, size_t *ret_count);

/* Those who waited at the instant that was counted last; valid as the sums are. */
const struct beam_lock_waiter *beam_locks_waiters(const struct beam_locks *locks,
                                                  size_t *ret_count);

#endif
