/*
 * task_types.h - of the kernel's own types what tasks.bpf.c and contention.bpf.c read: names and types
 * only, where the fields lie is put in when the program is loaded (CO-RE). Kernel side only.
 */
#ifndef IMPASSE_BPF_TASK_TYPES_H
#define IMPASSE_BPF_TASK_TYPES_H

#include <linux/types.h>

#include "probe/processor/processor.h"

/* include/linux/sched.h: numbers that are no types. */
enum task_state {
  TASK_STATE_ASLEEP = 0x1 | 0x2, /* interruptible, or not */
  TASK_STATE_STOPPED = 0x4 | 0x8,
  TASK_STATE_DEAD = 0x80,
  TASK_STATE_FROZEN = 0x8000,
};
enum task_flag {
  TASK_FLAG_EXITING = 0x4,
  /* threads of a process that never were in user space: PF_IO_WORKER, PF_USER_WORKER, PF_KTHREAD */
  TASK_FLAG_INNER = 0x10 | 0x4000 | 0x200000,
};
enum { TASK_PRIO_FAIR = 100, PID_LEVELS_MOST = 32 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pid_namespace;

struct upid {
  int nr;
  struct pid_namespace *ns;
};

struct pid {
  unsigned int level;
  struct upid numbers[1]; /* one a level, from the first namespace inwards */
};

struct timespec64 {
  long long tv_sec;
  long tv_nsec;
};

struct timens_offsets {
  struct timespec64 monotonic, boottime;
};

struct time_namespace {
  struct timens_offsets offsets;
};

struct nsproxy {
  struct time_namespace *time_ns;
};

struct sched_info {
  unsigned long long last_arrival;
};

struct sched_entity {
  __u64 sum_exec_runtime, prev_sum_exec_runtime;
};

struct task_struct {
  unsigned int __state, flags;
  int exit_state, on_cpu, prio, pid, tgid;
  unsigned long nvcsw, nivcsw;
  __u64 start_boottime;
  struct sched_info sched_info;
  struct sched_entity se;
  struct task_struct *group_leader;
  struct pid *thread_pid;
  struct nsproxy *nsproxy;
  char comm[16];
};

struct pt_regs {
  PROCESSOR_REGS;
};

struct seq_file;

struct bpf_iter_meta {
  struct seq_file *seq;
};

struct bpf_iter__task {
  struct bpf_iter_meta *meta;
  struct task_struct *task;
};

#pragma clang attribute pop

#endif
