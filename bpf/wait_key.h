/*
 * wait_key.h - what waits.bpf.c keeps in its maps, for both sides. Inside this folder only.
 */
#ifndef IMPASSE_BPF_WAIT_KEY_H
#define IMPASSE_BPF_WAIT_KEY_H

#include <linux/types.h>

enum { WAIT_LOCKS_MOST = 16384, WAIT_WAITERS_MOST = 16384, WAIT_THREADS_MOST = 4096 };

/* A thread that runs nobody known: no term of Erlang has the low four bits 0. */
#define WAIT_THREAD(tid) ((__u64)(tid) << 4)

/* since << 12 | waiters, in units of 16 ns: enough for two years after boot. */
#define WAIT_QUEUE_MASK 0xfffULL
#define WAIT_QUEUE(since_ns, count) (((since_ns) >> 4) << 12 | (count))
#define WAIT_QUEUE_SINCE(queue) (((queue) >> 12) << 4)

struct wait_lock {
  __u64 queue;
  __u64 some_ns;  /* time with at least one waiter, up to the last time that there was none */
  __u64 count;    /* waits that ended */
  __u64 total_ns; /* of them all */
  __u64 max_ns;
};

struct wait_begun {
  __u64 lock, who, since_ns;
};

struct wait_key {
  __u64 lock, who;
};

struct wait_sum {
  __u64 count, total_ns, max_ns;
};

struct wait_totals {
  __u64 open; /* set by the user when `threads` is filled in: before that nothing is timed */
  __u64 hits; /* of both probes */
  __u64 lost; /* waits that found no room, or whose lock word was too much fought over */
};

#endif
