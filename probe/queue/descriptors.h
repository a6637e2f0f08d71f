/*
 * descriptors.h - the queues of a target without any privilege: what its descriptors lead to, looked up among the
 * sockets of its namespace, and POSIX message queues asked for their attributes.
 *
 * Not here: pipes. How much one holds is told through a descriptor of the pipe only, and who has one counts as a reader:
 * a writer would not be told that its last reader has gone.
 */
#ifndef IMPASSE_PROBE_QUEUE_DESCRIPTORS_H
#define IMPASSE_PROBE_QUEUE_DESCRIPTORS_H

#include <stdbool.h>

#include "probe/queue/records.h"
#include "probe/reach/reach.h"

/* Appends a record for each descriptor that is worth showing. *ret_cut: it has more descriptors than were looked at. 0
 * or -errno. */
int descriptors_read(const struct reach_target *target, struct records *records, bool *ret_cut);

/* Does it hold a queue that lasts (file_record_lasts)? 1, 0 or -errno. Cheap: it looks at few descriptors. */
int descriptors_any(const struct reach_target *target);

#endif
