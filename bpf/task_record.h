/*
 * task_record.h - what tasks.bpf.c writes of each thread and tasks.c reads. Seen by both sides and by
 * whoever uses tasks.h.
 */
#ifndef IMPASSE_BPF_TASK_RECORD_H
#define IMPASSE_BPF_TASK_RECORD_H

#include <linux/types.h>

enum { TASK_LOCK_BYTES = 80, TASK_WORD = 16, TASK_ARGUMENTS = 6, TASK_COMM_BYTES = 16 };

enum task_activity { TASK_RUNS = 1, TASK_CALLS, TASK_SLEEPS };

struct task_record {
  __u32 tid, tgid;  /* in the pid namespace of who reads */
  __u32 tid_inside; /* in the innermost, the target's own */
  __u32 activity;   /* enum task_activity */
  __u64 start_ns;   /* since boot, in the time namespace of who reads, as /proc has it */
  __u64 since_ns; /* CLOCK_MONOTONIC: asleep since, 0 it is not or unknown; good to a millisecond */
  __s64 clock_ns; /* for tasks.c: from the scheduler's clock to CLOCK_MONOTONIC, at most */
  __u64 run_count; /* context switches, of its own will and not */
  __s64 call;      /* number of the system call; -1 none */
  __u64 arguments[TASK_ARGUMENTS];
  __u64 sp, pc, frame;
  __u32 lock_read; /* the bytes below were read */
  __u32 unused;
  __u8 lock[TASK_LOCK_BYTES]; /* around arguments[0] of a futex call, from TASK_WORD before it on */
  char comm[TASK_COMM_BYTES];
};

/* A walk may be for some threads only: who reads lays down which, under its own number, both as its own
 * pid namespace has them. */
enum { TASK_WISH_MOST = 1000, TASK_READERS_MOST = 1024 };

struct task_wish {
  __u32 count, unused;
  __u32 tid[TASK_WISH_MOST]; /* ascending */
};

#endif
