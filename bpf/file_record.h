/*
 * file_record.h - what files.bpf.c writes of each descriptor that has a queue. Seen by both sides.
 */
#ifndef IMPASSE_BPF_FILE_RECORD_H
#define IMPASSE_BPF_FILE_RECORD_H

#include <linux/types.h>

enum file_kind { FILE_TCP = 1, FILE_UNIX, FILE_UDP, FILE_PIPE, FILE_MQUEUE };
enum { FILE_ADDRESS_BYTES = 16, FILE_NAME_BYTES = 112 };

struct file_record {
  __u32 fd;
  __u8 kind;   /* enum file_kind */
  __u8 type;   /* sockets: SOCK_STREAM ... */
  __u8 state;  /* sockets: TCP_LISTEN ... */
  __u8 family; /* sockets */
  __u64 inode; /* tells which descriptors, of whatever process, are the same queue */
  __u64 depth; /* accept queues: connections; datagrams and message queues: messages; else bytes */
  __u64 bytes; /* in the receive queue */
  __u64 capacity;                   /* in the unit of depth, 0 unbounded or unknown */
  __u64 dropped;                    /* since it was opened, in the same unit */
  __u64 unsent;                     /* bytes in the send queue */
  __u8 address[FILE_ADDRESS_BYTES]; /* TCP, UDP: local */
  __u16 port;                       /* in host order */
  __u16 name_length;                /* UNIX, MQUEUE: bytes of name; abstract ones begin with NUL */
  __u32 access;                     /* O_ACCMODE of the descriptor: which end of a pipe it is */
  char name[FILE_NAME_BYTES];
};

#endif
