/*
 * waits.h - exact times of waits for locks: probes on entry and return of the one function in which
 * all threads of a process wait, added up in the kernel (waits.bpf.c) until somebody collects. Not for
 * knowing what the locks are.
 *
 * Threads: one at a time, except waits_hits.
 */
#ifndef IMPASSE_BPF_WAITS_H
#define IMPASSE_BPF_WAITS_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/site.h"

/* How to know who runs in a thread: the function's second argument is `key`, and at the address
 * `place` of the target is a pointer to the struct of who runs there, or 0. */
struct waits_thread {
  uint64_t key, place;
};

struct waits_at {
  struct site site;    /* of f(lock, thread key, ...) */
  uint32_t who_offset; /* in that struct, of the word that says who it is */
  const struct waits_thread *threads;
  size_t thread_count;
};

struct waits_lock {
  uint64_t lock;      /* address */
  uint64_t count;     /* waits that ended */
  uint64_t waited_ns; /* of all waiters together, the present waits included */
  uint64_t some_ns;   /* time with at least one waiter, the present one included */
  uint64_t max_ns;    /* the longest, the present ones included */
};

struct waits_waiter {
  uint64_t lock;
  uint64_t who; /* that word; or the number of a thread << 4 where nobody known ran in it */
  uint64_t count, waited_ns, max_ns; /* waits that ended */
};

struct waits_totals { /* since waits_open */
  struct waits_lock *locks;
  struct waits_waiter *waiters;
  size_t lock_count, waiter_count;
  uint64_t hits; /* of the probes, two a wait */
  uint64_t lost; /* waits that found no room */
};

struct waits;

/* -errno with the reason in words. */
int waits_open(const struct waits_at *at, struct waits **ret_waits, char *reason, size_t room);
void waits_close(struct waits *waits); /* NULL is fine */

/* Of the probes so far; any thread. */
uint64_t waits_hits(const struct waits *waits);

/* Takes the probes away; what was added up stays. */
void waits_detach(struct waits *waits);

/* Times may go back by one wait for one read, when it ends in the middle of the read. */
int waits_collect(const struct waits *waits, struct waits_totals *ret_totals);
void waits_totals_done(struct waits_totals *totals);

#endif
