/*
 * mapped.h - which files a process maps, read by the kernel's iterator over mappings (mapped.bpf.c): also
 * of processes whose /proc/PID/maps may not be read. Not for knowing what is in them.
 *
 * Needs CAP_BPF and CAP_PERFMON to open (load.h), nothing to read. Linux 6.1.
 */
#ifndef IMPASSE_BPF_MAPPED_H
#define IMPASSE_BPF_MAPPED_H

#include <stddef.h>
#include <sys/types.h>

#include "bpf/mapped_record.h"

struct mapped;

/* For all processes; may be kept. -errno; `reason` says which rung is missing. */
int mapped_open(struct mapped **ret_mapped, char *reason, size_t room);
void mapped_close(struct mapped *mapped); /* NULL is fine */

/* The mappings of one process, by its pid in our namespace, that may be executed, and those of memfds;
 * ascending by address, once for each thread where the first has ended; at most `most`; malloc'ed. Any thread. 0 (none: it may be gone as well) or
 * -errno. */
int mapped_read(const struct mapped *mapped, pid_t pid, size_t most,
                struct mapped_record **ret_list, size_t *ret_count);

#endif
