/*
 * rows.h - records of queues -> actors of a sweep: identity, name, which are shown. Pure.
 */
#ifndef IMPASSE_PROBE_QUEUE_ROWS_H
#define IMPASSE_PROBE_QUEUE_ROWS_H

#include "model/sweep.h"
#include "probe/queue/records.h"

enum { ROWS_MOST = 1000, ROWS_NAME_BYTES = 256 };

/* What the queue is called: "tcp 0.0.0.0:80 accept", "unix @bus", "mq /jobs", "pipe:[12]". The bytes of paths are as the
 * target chose them. Returns the length. */
size_t rows_name(const struct file_record *record, char ret_name[ROWS_NAME_BYTES]);

/* Identity among all queues that the target ever holds. */
uint64_t rows_key(const struct file_record *record);

/* Adds an actor for each queue, however many descriptors it has. Of more than ROWS_MOST those that last come first, then
 * the deepest; the rest is counted in a gap. Sorts the records. 0 or -ENOMEM. */
int rows_add(struct records *records, struct sweep *sweep);

#endif
