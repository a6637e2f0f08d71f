/*
 * rows.h - from what is known of the threads of a target to the rows of a sweep: actors, waits, holders,
 * tables. Reads nothing but names.
 */
#ifndef IMPASSE_PROBE_THREAD_ROWS_H
#define IMPASSE_PROBE_THREAD_ROWS_H

#include "probe/thread/session.h"

/* Fills a sweep of kind FULL (indices NULL: all threads) or ROUND. 0 or -ENOMEM. */
int rows_fill(struct session *session, struct sweep *sweep, const uint32_t *indices, size_t count);

#endif
