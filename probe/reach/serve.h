/*
 * serve.h - the broker's own side: what it does when it is asked. Inside this folder only.
 */
#ifndef IMPASSE_PROBE_REACH_SERVE_H
#define IMPASSE_PROBE_REACH_SERVE_H

#include <stdnoreturn.h>

#include "probe/reach/broker.h"
#include "probe/reach/wire.h"

/* Life of the broker in its forked process, until the client is gone. `control` brings the connections. */
noreturn void serve(int control, pid_t parent, uint64_t capabilities, broker_call_fn *call);

/* What one connection has open. */
struct serve_session;
struct serve_session *serve_session_new(broker_call_fn *call);
void serve_session_free(struct serve_session *session); /* NULL is fine */

/* Of a reply, all but its header's error. Bytes are malloc'ed, descriptors are whoever sends it to close. */
struct serve_reply {
  uint64_t number;
  char *bytes;
  size_t length;
  int fds[WIRE_FDS_MOST];
  size_t fd_count;
};

/* Checks and answers one request; `bytes` has a NUL behind request->bytes. 0 or -errno; whatever the reply has is to be
 * freed and closed in both cases. */
int serve_request(struct serve_session *session, const struct wire_request *request,
                  const char *bytes, const int *fds, struct serve_reply *ret_reply);

#endif
