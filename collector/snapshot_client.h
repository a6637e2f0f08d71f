/*
 * snapshot_client.h - asks a running recorder, blocking; for threads of their own. Everything that
 * comes back is foreign: header, seals, size and the snapshot itself are checked.
 */
#ifndef IMPASSE_COLLECTOR_SNAPSHOT_CLIENT_H
#define IMPASSE_COLLECTOR_SNAPSHOT_CLIENT_H

#include <stdint.h>

#include "model/feed.h"
#include "model/snapshot.h"

struct snapshot_client {
  int fd;
  char error[512]; /* what went wrong last, in words */
};

/* -ENOENT, -ECONNREFUSED: nobody listens. -EPERM: whoever listens is neither root nor the caller's
 * own user. */
int snapshot_client_open(struct snapshot_client *client, const char *path);
void snapshot_client_close(struct snapshot_client *client);

/* The newest snapshot as soon as its tick is above `after_tick`. -ETIMEDOUT, -ECANCELED when
 * `cancel_fd` (-1: none) becomes readable first, -EACCES refused, -ECONNRESET the recorder went,
 * -EPROTO nonsense came, -EPROTONOSUPPORT another version. */
int snapshot_client_newest(struct snapshot_client *client, uint64_t after_tick, int timeout_ms,
                           int cancel_fd, struct snapshot **ret_snapshot);

/* As feed.ask; a malloc'ed text. */
int snapshot_client_ask(struct snapshot_client *client, int64_t target_key, int64_t actor,
                        enum feed_question question, int timeout_ms, int cancel_fd,
                        char **ret_text);

#endif
