/*
 * file_record.h - one queue behind a descriptor: what files.bpf.c writes of it, and what probe/queue
 * makes of the texts and messages of the kernel where no program can be loaded. One record by two
 * routes, so that it is judged and shown in one place. Seen by both sides.
 *
 *    kind, state                 depth         capacity                     dropped
 *    TCP listening               connections   backlog                      connections
 *    TCP connected               bytes         receive buffer               -
 *    UNIX listening              connections   backlog                      -
 *    UNIX stream, seqpacket      bytes         -                            -
 *    UNIX datagrams              messages      messages until senders wait, - of a connected pair
 *    UDP                         bytes, as charged to the receive buffer    datagrams
 *    MQUEUE                      messages      mq_maxmsg                    -
 *    PIPE                        bytes         slots * page size            -
 *
 * A backlog of n has room for n + 1 connections: the kernel refuses when the queue is longer than it.
 */
#ifndef IMPASSE_BPF_FILE_RECORD_H
#define IMPASSE_BPF_FILE_RECORD_H

#include <linux/types.h>

enum file_kind { FILE_TCP = 1, FILE_UNIX, FILE_UDP, FILE_PIPE, FILE_MQUEUE };
enum { FILE_ADDRESS_BYTES = 16, FILE_NAME_BYTES = 112 };
enum file_flag {
  FILE_LISTENS = 1,  /* its queue is of connections to be accepted */
  FILE_AT_LEAST = 2, /* depth: there may be more */
  FILE_NAMED = 4,    /* PIPE: it has a name in a file system */
};
#define FILE_UNKNOWN (~(__u64)0)

struct file_record {
  __u64 inode; /* tells which descriptors, of whatever process, are the same queue */
  __u64 depth, capacity, dropped; /* FILE_UNKNOWN where it is not known */
  __u32 fd;
  __u32 device;          /* of a named pipe: of its file system */
  __u16 port, peer_port; /* TCP, UDP: in host order; 0 none */
  __u16 name_length;     /* UNIX, MQUEUE, named PIPE: bytes of name; abstract ones begin with NUL */
  __u8 kind;             /* enum file_kind */
  __u8 type;             /* sockets: SOCK_STREAM ... */
  __u8 state;            /* sockets: FILE_ESTABLISHED ... */
  __u8 family;           /* TCP, UDP: AF_INET or AF_INET6 */
  __u8 flags;            /* enum file_flag */
  __u8 access;           /* O_ACCMODE of the descriptor: which end of a pipe it is */
  __u8 address[FILE_ADDRESS_BYTES]; /* TCP, UDP: local, in network order */
  __u8 peer[FILE_ADDRESS_BYTES];    /* of who is at the other end */
  __u32 unused;
  char name[FILE_NAME_BYTES];
};
_Static_assert(sizeof(struct file_record) == 200, "the same for both compilers, without holes");

/* States and types of sockets, in numbers that never change (net/tcp_states.h, linux/net.h). */
enum file_state { FILE_ESTABLISHED = 1, FILE_CLOSED = 7, FILE_CLOSE_WAIT = 8, FILE_LISTENING = 10 };
enum file_type { FILE_STREAM = 1, FILE_DATAGRAM = 2, FILE_SEQPACKET = 5 };

/* Is it there for good, whether it holds something or not: what accepts, and what has an address to which messages are
 * sent? */
static inline int file_record_lasts(const struct file_record *r)
{
  if ((r->flags & FILE_LISTENS) || r->kind == FILE_MQUEUE)
    return 1;
  if (r->kind == FILE_UDP)
    return r->port != 0 && r->state != FILE_ESTABLISHED;
  return r->kind == FILE_UNIX && r->type == FILE_DATAGRAM && r->name_length != 0;
}

/* What is to be shown: that, and whatever holds something. */
static inline int file_record_counts(const struct file_record *r)
{
  return file_record_lasts(r) || (r->depth != 0 && r->depth != FILE_UNKNOWN);
}

#endif
