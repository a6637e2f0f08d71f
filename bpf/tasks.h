/*
 * tasks.h - all threads of a process at once, read by the kernel's task iterator (tasks.bpf.c): those
 * that are blocked with registers, the bytes around their futex word, since when, and how often they
 * ran. Not for knowing what they wait for.
 *
 * Needs CAP_BPF and CAP_PERFMON to open (load.h), nothing to read. Linux 5.18; from 6.1 on the kernel
 * walks one process only, before that all of them for each read.
 */
#ifndef IMPASSE_BPF_TASKS_H
#define IMPASSE_BPF_TASKS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/task_record.h"

struct tasks;

/* Of one process, by its pid in our namespace. -errno; `reason` says which rung is missing. */
int tasks_open(pid_t pid, struct tasks **ret_tasks, char *reason, size_t room);
void tasks_close(struct tasks *tasks); /* NULL is fine */

/* Its threads now, in the order in which the kernel lists them: at most `most` of them; *ret_lost counts the
 * others. Those that have ended are left out. With `tids` (ascending) only those are wanted, and others
 * may be left out as well: a tenth of the price where they are few. The list is valid until the next
 * call. A pid that is used again is another process: the caller holds a pidfd, and looks afterwards. 0
 * or -errno. */
int tasks_read(struct tasks *tasks, const pid_t *tids, size_t tid_count, size_t most,
               const struct task_record **ret_list, size_t *ret_count, uint64_t *ret_lost);

#endif
