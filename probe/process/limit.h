/*
 * limit.h - the memory limit that comes first. Inside this folder only; apart, so that it is tested
 * on a made-up tree.
 */
#ifndef IMPASSE_PROBE_PROCESS_LIMIT_H
#define IMPASSE_PROBE_PROCESS_LIMIT_H

#include <stdint.h>

/* The smallest memory.max of the control group `path` and of each group above it, below the mount
 * point `root` of cgroup v2; VALUE_UNKNOWN where none of them has a limit that can be read. */
int64_t limit_of_cgroup(const char *root, const char *path);

/* Memory of the machine, from the text of /proc/meminfo; VALUE_UNKNOWN where it does not say. */
int64_t limit_of_machine(const char *meminfo);

/* The smaller of two; VALUE_UNKNOWN is no limit. */
int64_t limit_first(int64_t a, int64_t b);

#endif
