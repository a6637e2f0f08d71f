/*
 * proc_net.h - the texts of /proc/PID/net -> records, for sockets of other network namespaces and where sock_diag is
 * missing. They tell less: of TCP and UDP no capacity, of Unix sockets not how much they hold. Pure.
 */
#ifndef IMPASSE_PROBE_QUEUE_PROC_NET_H
#define IMPASSE_PROBE_QUEUE_PROC_NET_H

#include "bpf/file_record.h"

typedef int proc_net_take_fn(void *context, const struct file_record *record);

/* "tcp", "tcp6", "udp" or "udp6", NUL-terminated and untrusted; family AF_INET or AF_INET6. Lines that are none are
 * skipped. 0, or what `take` returned other than 0. */
int proc_net_inet(const char *text, enum file_kind kind, int family, proc_net_take_fn *take,
                  void *context);

/* "unix". A socket's path may hold a line break and so forge another line: whoever takes the records must expect several
 * of one inode. */
int proc_net_unix(const char *text, proc_net_take_fn *take, void *context);

#endif
