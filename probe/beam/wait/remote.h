/*
 * remote.h - processes of other nodes, as the terms of this node name them: an external pid is a box that points at an
 * ErlNode, which has the node's name and creation (the number of its incarnation; names repeat, so both are needed). Who
 * is called by {Name, Node} is on the node that the monitor's connection leads to:
 *
 *    monitor --> ErtsMonLnkDist <-- DistEntry of the table of connections: creation
 *
 * Not here: which target that is; the model joins them by (name, creation).
 */
#ifndef IMPASSE_PROBE_BEAM_REMOTE_H
#define IMPASSE_PROBE_BEAM_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/beam/node.h"

struct beam_remote_pid {
  uint64_t term;     /* in: a boxed term */
  bool known;        /* out: it is an external pid, and its node could be read */
  uint64_t node;     /* out: name of the node, an atom */
  uint32_t creation; /* out: 0 unknown */
  uint64_t key;      /* out: of the process's row in its node's target */
};

/* Fills the out fields of all, in two batches of reads. 0, -ENOMEM, -EPERM, -ESRCH. */
int beam_remote_pids(const struct beam_node *node, struct beam_remote_pid *pids, size_t count);

/* One connection, up or coming up. */
struct beam_remote_connection {
  uint64_t address;  /* of its ErtsMonLnkDist, as monitors over it have it */
  uint32_t creation; /* of the node at its other end; 0 while it comes up */
};

/* The connections that there are now, at most `room` and those of the first 4096 nodes that this one knows. Returns how
 * many, -ENOTSUP where their table was not found, or -EFAULT. */
int beam_remote_connections(const struct beam_node *node,
                            struct beam_remote_connection *ret_connections, size_t room);

/* Name and creation of an ErlNode (node->this_node: the node itself). 0, -EFAULT. */
int beam_remote_node(const struct beam_node *node, uint64_t address, uint64_t *ret_name,
                     uint32_t *ret_creation);

#endif
