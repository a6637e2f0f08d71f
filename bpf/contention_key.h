/*
 * contention_key.h - what contention.bpf.c keeps in its maps, for both sides. Inside this folder only.
 *
 * A process that is counted has a watch number, never used twice by one attachment: what is left of an
 * earlier watch of the same pid is of another number.
 */
#ifndef IMPASSE_BPF_CONTENTION_KEY_H
#define IMPASSE_BPF_CONTENTION_KEY_H

#include <linux/types.h>

enum {
  CONTENTION_PROCESSES_MOST = 1024,
  CONTENTION_WORDS_MOST = 8192,
  CONTENTION_SLEEPERS_MOST = 32768,
  CONTENTION_HISTOGRAM = 32,
};

struct contention_watch { /* of a process, by its tgid in the first pid namespace */
  __u32 number, unused;
  __u64 lost;
};

struct
    contention_call { /* how a word is waited for: what classify.h needs to tell a lock from the rest */
  __u32 operation, value;
  __u64 timeout; /* address, 0 none */
};

struct contention_begun { /* by tid in the first pid namespace */
  __u64 word, since_ns;
  __u32 watch;
  __u32 queued; /* it is in the sum's queue; beyond 4095 waiters of a word others stand for it */
};

struct contention_key {
  __u64 word;
  __u32 watch, unused;
};

struct contention_sum {
  __u64 queue; /* WAIT_QUEUE */
  __u64 some_ns, count, total_ns, max_ns;
  __u64 histogram[CONTENTION_HISTOGRAM];
  struct contention_call call; /* the last one */
};

struct contention_seed { /* set by who walks over a process to begin with it, one at a time */
  __u32 watch, unused;
  __s64 clock_ns; /* as task_record.clock_ns; set by the walk */
};

#endif
