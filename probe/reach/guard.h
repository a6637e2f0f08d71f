/*
 * guard.h - takes from the calling process what it does not need: capabilities and system calls. For the broker, and for
 * those who are served by it. What is gone does not come back, neither by exec.
 */
#ifndef IMPASSE_PROBE_REACH_GUARD_H
#define IMPASSE_PROBE_REACH_GUARD_H

#include <stddef.h>
#include <stdint.h>

/* What reading targets and loading programs may take (numbers of linux/capability.h): DAC_READ_SEARCH for the files of
 * other users' processes, SYS_PTRACE for their memory, SYS_ADMIN for uprobes before Linux 6.12, PERFMON and BPF since,
 * CHECKPOINT_RESTORE for map_files. */
#define GUARD_BROKER_CAPABILITIES                                                                  \
  (UINT64_C(1) << 2 | UINT64_C(1) << 19 | UINT64_C(1) << 21 | UINT64_C(1) << 38 |                  \
   UINT64_C(1) << 39 | UINT64_C(1) << 40)

/* Those that are effective, as a bit set. */
uint64_t guard_capabilities(void);

/* Keeps of its capabilities those of the set, in all sets of the process, and locks what gives root new ones. Before there
 * are threads. 0 or -errno. */
int guard_keep_capabilities(uint64_t set);

/* From now on these system calls answer EPERM, for the calling thread and those that it starts. */
int guard_forbid(const int *calls, size_t count);

/* The same, and what neither the broker nor those who are served by it ever need. */
int guard_harden(const int *more, size_t count);

/* What the broker never needs. */
int guard_broker(void);

#endif
