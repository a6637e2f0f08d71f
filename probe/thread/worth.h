/*
 * worth.h - is a process worth reading? One of its threads is in a futex call now, or several run.
 *
 * Asked of every process of the machine, so the cheap comes first: its stat, then system calls of threads
 * until one of interest.
 */
#ifndef IMPASSE_PROBE_THREAD_WORTH_H
#define IMPASSE_PROBE_THREAD_WORTH_H

#include "probe/source.h"

/* enum source_verdict, or -errno: one of another user that may not be read is not told as unreadable, unless
 * somebody asks for it. */
int worth_probe(struct reach_target *target, char reason[SOURCE_REASON_BYTES]);

#endif
