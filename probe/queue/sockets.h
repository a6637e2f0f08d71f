/*
 * sockets.h - the sockets of a network namespace that are worth showing (file_record_counts), listed once for all
 * targets in it. The kernel lists them for the machine, not for a process: so one list serves whoever asks within
 * SOCKETS_AGE_MS, and longer where it is long, so that listing stays below 1 % of a core.
 *
 * Our own namespace by sock_diag, others (and lists that sock_diag refuses) from the texts of /proc/PID/net.
 */
#ifndef IMPASSE_PROBE_QUEUE_SOCKETS_H
#define IMPASSE_PROBE_QUEUE_SOCKETS_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/file_record.h"
#include "probe/reach/reach.h"

enum { SOCKETS_AGE_MS = 200 };

struct sockets; /* immutable, shared */

/* Those of the target's namespace, at most age_ms old (or as old as their cost has it); 0: listed now. Any thread. 0 or -errno; free
 * with sockets_put. */
int sockets_get(const struct reach_target *target, unsigned age_ms,
                const struct sockets **ret_sockets);
void sockets_put(const struct sockets *sockets); /* NULL is fine */

/* NULL: it is of another namespace, or not worth showing. */
const struct file_record *sockets_find(const struct sockets *sockets, uint64_t inode);

/* How many were worth showing and had no room. */
size_t sockets_left_out(const struct sockets *sockets);

#endif
