/*
 * contention.h - exact times of waits for futexes, counted at every context switch of the machine
 * (contention.bpf.c) for the processes that somebody wants them of. Opt-in: 150 ns a context switch and
 * 0.7 us a wait of those that are counted.
 *
 * One attachment serves all processes that are counted (kernel memory: 6 MiB); it goes with the last of them. Any thread.
 *
 * Each wait counts when it ends, with all of its time, also when it began before; what a thread waits for is
 * not asked: condition variables and the like count as well. Linux 6.1.
 */
#ifndef IMPASSE_BPF_CONTENTION_H
#define IMPASSE_BPF_CONTENTION_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { CONTENTION_BUCKETS = 32 };

struct contention_lock {
  uint64_t word;     /* address of the futex word */
  uint64_t count;    /* waits that ended */
  uint64_t total_ns; /* of them all, until they ran again: the time in the run queue included */
  uint64_t max_ns;
  uint64_t some_ns; /* time with at least one waiter, the present one included */
  /* The last call that waited: futex(word, operation, value, timeout); see classify.h. */
  uint32_t operation, value;
  uint64_t timeout; /* address, 0 none */
  uint64_t histogram
      [CONTENTION_BUCKETS]; /* [i]: waits of 2^i to 2^(i+1)-1 ns, the last one and longer */
};

struct contention_totals {       /* of one process since it was opened */
  struct contention_lock *locks; /* by word */
  size_t lock_count;
  uint64_t lost; /* waits that found no room */
};

struct contention;

/* -EBUSY: somebody of this process counts it already; -ENOSPC: 1024 others are counted. */
int contention_open(pid_t pid, struct contention **ret_contention, char *reason, size_t room);
void contention_close(struct contention *contention); /* NULL is fine */

int contention_collect(struct contention *contention, struct contention_totals *ret_totals);
void contention_totals_done(struct contention_totals *totals);

#endif
