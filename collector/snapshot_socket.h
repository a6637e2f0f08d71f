/*
 * snapshot_socket.h - the socket at which a recorder hands its newest snapshot to whoever may see
 * it.
 *
 *    peer (SO_PEERCRED, SO_PEERGROUPS)     snapshots   questions (messages, senders, stacks, exits)
 *    root, the recorder's own user         yes         yes
 *    member of the group                   yes         of processes of its own user
 *    anybody else                          refused     refused
 *
 * The snapshot goes as a sealed memfd, made once and shared by all who ask for the same tick. The
 * protocol is in snapshot_protocol.h. Threads: all on the loop's.
 */
#ifndef IMPASSE_COLLECTOR_SNAPSHOT_SOCKET_H
#define IMPASSE_COLLECTOR_SNAPSHOT_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

#include "model/feed.h"
#include "model/snapshot.h"

struct snapshot_socket;

struct snapshot_socket_setup {
  const char *path;  /* a dead socket there is replaced; its folder is made */
  gid_t group;       /* (gid_t)-1: none */
  struct feed *feed; /* answers questions about actors; may be NULL */
};

/* -EADDRINUSE: another recorder answers there. */
int snapshot_socket_open(uv_loop_t *loop, const struct snapshot_socket_setup *setup,
                         struct snapshot_socket **ret_socket);

/* From now on this one is handed out; takes a reference of its own. */
void snapshot_socket_show(struct snapshot_socket *socket, const struct snapshot *snapshot);

/* Removes the socket's file and closes all connections. The feed must be closed after this. NULL is
 * fine. */
void snapshot_socket_close(struct snapshot_socket *socket);

/* May this peer see rows; may it ask about whatever process it likes? Pure, for its test. */
struct snapshot_peer {
  uid_t uid;
  gid_t gid;
  const gid_t *groups;
  size_t group_count;
};
bool snapshot_socket_may_see(const struct snapshot_peer *peer, uid_t owner, gid_t group);
bool snapshot_socket_may_ask(const struct snapshot_peer *peer, uid_t owner);

#endif
