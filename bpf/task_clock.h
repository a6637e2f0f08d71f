/*
 * task_clock.h - does a thread sleep, and since when. Kernel side only.
 *
 * The scheduler keeps when a thread last got a processor (sched_info.last_arrival), and how long it then had
 * it: sum_exec_runtime less prev_sum_exec_runtime, which only the fair class keeps, so for a thread of
 * another class all of its last turn counts as sleep. Both are of the scheduler's clock, which drifts from
 * CLOCK_MONOTONIC. Whoever runs the program got its processor a moment ago, so its own arrival, looked at
 * now, tells how far they are apart, too much by that moment: it sleeps for an instant before, to make it
 * short.
 */
#ifndef IMPASSE_BPF_TASK_CLOCK_H
#define IMPASSE_BPF_TASK_CLOCK_H

#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/task_types.h"

static __always_inline bool task_is_asleep(struct task_struct *task)
{
  return !task->on_cpu &&
         task->__state & (TASK_STATE_ASLEEP | TASK_STATE_STOPPED | TASK_STATE_FROZEN);
}

/* On the scheduler's clock; 0 unknown. */
static __always_inline __u64 task_asleep_since(struct task_struct *task)
{
  __u64 had = task->se.sum_exec_runtime - task->se.prev_sum_exec_runtime;

  if (!bpf_core_field_exists(task->sched_info.last_arrival))
    return 0;
  return task->sched_info.last_arrival + (task->prio >= TASK_PRIO_FAIR ? had : 0);
}

/* From the scheduler's clock to CLOCK_MONOTONIC, at most. */
static __always_inline __s64 task_clock_ns(void)
{
  struct task_struct *reader = bpf_get_current_task_btf();

  return (__s64)(bpf_ktime_get_ns() - reader->sched_info.last_arrival);
}

#endif
