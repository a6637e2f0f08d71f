/*
 * diag.h - questions to the kernel's sock_diag and its answers: netlink messages -> records. Pure; the exchange is
 * reach_sock_diag().
 */
#ifndef IMPASSE_PROBE_QUEUE_DIAG_H
#define IMPASSE_PROBE_QUEUE_DIAG_H

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/unix_diag.h>
#include <stddef.h>
#include <sys/socket.h>

#include "bpf/file_record.h"

struct diag_request {
  struct nlmsghdr header;
  union {
    struct inet_diag_req_v2 inet;
    struct unix_diag_req unix_sockets;
  };
};

/* All sockets of a kind (and, for TCP and UDP, a family) that may hold something. Returns the length. */
size_t diag_ask(enum file_kind kind, int family, struct diag_request *ret_request);

/* One message of the answer, header included. 0 and the record, -EINVAL where it is none. */
int diag_read(enum file_kind kind, const void *message, size_t length,
              struct file_record *ret_record);

#endif
