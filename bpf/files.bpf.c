/*
 * files.bpf.c - the queue behind each descriptor of a process: called by the kernel for each open file, it writes one
 * struct file_record of what is worth showing. Kernel structures are declared with the few fields that are read; libbpf
 * finds where these lie in the kernel at hand.
 *
 * Nothing is locked: a figure may be read while it changes, and lists are walked as far as their own length says.
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/file_record.h"

char LICENSE[] SEC("license") = "GPL";

enum {
  MODE_TYPE = 0170000,
  MODE_SOCKET = 0140000,
  MODE_FIFO = 0010000,
  MODE_FILE = 0100000,
  ACCESS_MODE = 3,
  ACCESS_WRITE = 1,
  MQUEUE_MAGIC = 0x19800202,
  PIPEFS_MAGIC = 0x50495045,
  FAMILY_UNIX = 1,
  FAMILY_INET = 2,
  FAMILY_INET6 = 10,
  PROTOCOL_TCP = 6,
  PROTOCOL_UDP = 17,
  PROTOCOL_MPTCP = 262,
  PACKETS_MOST = 4096, /* of a queue whose bytes are to be added up */
  SLOTS_MOST = 4096,   /* of a pipe */
  PATH_OFFSET = 2,     /* of sun_path in struct sockaddr_un */
};

/* ---- what is read of the kernel's structures ---- */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
typedef struct {
  int counter;
} atomic_t;
struct super_block {
  __u32 s_dev;
  unsigned long s_magic;
};
struct pipe_buffer {
  unsigned int len;
};
struct pipe_inode_info {
  unsigned int head, tail, max_usage, ring_size;
  struct pipe_buffer *bufs;
};
struct inode {
  __u16 i_mode;
  unsigned long i_ino;
  struct super_block *i_sb;
  struct pipe_inode_info *i_pipe;
};
struct qstr {
  const unsigned char *name;
};
struct dentry {
  struct qstr d_name;
};
struct path {
  struct dentry *dentry;
};
struct file {
  unsigned int f_flags;
  struct inode *f_inode;
  struct path f_path;
};
struct sk_buff {
  struct sk_buff *next;
  unsigned int len;
  char cb[48];
};
struct sk_buff_head {
  struct sk_buff *next;
  __u32 qlen;
};
struct unix_skb_parms {
  __u32 consumed;
};
struct numa_drop_counters {
  atomic_t drops0, drops1;
};
struct sock_common {
  __u32 skc_daddr, skc_rcv_saddr;
  __u16 skc_dport, skc_num;
  unsigned short skc_family;
  volatile unsigned char skc_state;
  struct {
    __u8 in6[FILE_ADDRESS_BYTES];
  } skc_v6_daddr, skc_v6_rcv_saddr;
};
struct sock {
  struct sock_common __sk_common;
  atomic_t sk_drops;
  struct sk_buff_head sk_receive_queue;
  struct {
    atomic_t rmem_alloc;
  } sk_backlog;
  int sk_rcvbuf;
  __u16 sk_protocol, sk_type;
  __u32 sk_ack_backlog, sk_max_ack_backlog;
  struct numa_drop_counters *sk_drop_counters;
};
struct socket {
  struct sock *sk;
};
struct tcp_sock {
  __u32 rcv_nxt, copied_seq;
};
struct mptcp_sock {
  struct sock *first;
};
struct udp_sock {
  int forward_deficit;
};
struct unix_address {
  int len;
  struct {
  } name[0];
};
struct unix_sock {
  struct unix_address *addr;
  struct sock *peer;
  int inq_len;
};
struct mq_attr {
  long mq_maxmsg, mq_curmsgs;
};
struct mqueue_inode_info {
  struct inode vfs_inode;
  struct mq_attr attr;
};
struct bpf_iter_meta {
  struct seq_file *seq;
};
struct bpf_iter__task_file {
  struct bpf_iter_meta *meta;
  struct task_struct *task;
  __u32 fd;
  struct file *file;
};
#pragma clang attribute pop

const volatile __u32 page_bytes = 4096;

/* ---- sockets ---- */

static __always_inline __u64 drops_of(struct sock *sk)
{
  if (bpf_core_field_exists(sk->sk_drop_counters)) { /* Linux 6.18 */
    struct numa_drop_counters *both = BPF_CORE_READ(sk, sk_drop_counters);
    if (both)
      return (__u64)(__u32)BPF_CORE_READ(both, drops0.counter) +
             (__u32)BPF_CORE_READ(both, drops1.counter);
  }
  return (__u32)BPF_CORE_READ(sk, sk_drops.counter);
}

static __always_inline void read_addresses(struct sock *sk, struct file_record *r)
{
  struct sock_common *common = &sk->__sk_common;

  r->port = BPF_CORE_READ(common, skc_num);
  r->peer_port = bpf_ntohs(BPF_CORE_READ(common, skc_dport));
  if (r->family == FAMILY_INET6) {
    (void)bpf_core_read(r->address, FILE_ADDRESS_BYTES, &common->skc_v6_rcv_saddr);
    (void)bpf_core_read(r->peer, FILE_ADDRESS_BYTES, &common->skc_v6_daddr);
  } else {
    (void)bpf_core_read(r->address, sizeof(__u32), &common->skc_rcv_saddr);
    (void)bpf_core_read(r->peer, sizeof(__u32), &common->skc_daddr);
  }
}

static __always_inline void read_accept_queue(struct sock *sk, struct file_record *r)
{
  r->flags |= FILE_LISTENS;
  r->depth = BPF_CORE_READ(sk, sk_ack_backlog);
  r->capacity = BPF_CORE_READ(sk, sk_max_ack_backlog);
  r->dropped = drops_of(sk);
}

static __always_inline void read_tcp(struct sock *sk, struct file_record *r)
{
  struct tcp_sock *tcp = (struct tcp_sock *)sk;
  __s32 unread;

  r->kind = FILE_TCP;
  read_addresses(sk, r);
  if (r->state == FILE_LISTENING) {
    read_accept_queue(sk, r);
    return;
  }
  if (r->state == FILE_CLOSED) {
    r->depth = 0;
    return;
  }
  unread = (__s32)(BPF_CORE_READ(tcp, rcv_nxt) - BPF_CORE_READ(tcp, copied_seq));
  r->depth = unread > 0 ? (__u64)unread : 0;
  r->capacity = (__u32)BPF_CORE_READ(sk, sk_rcvbuf);
}

/* What listens is the first of its subflows; what is received is not read. */
static __always_inline void read_mptcp(struct sock *sk, struct file_record *r)
{
  struct mptcp_sock *mptcp = (struct mptcp_sock *)sk;
  struct sock *first = BPF_CORE_READ(mptcp, first);

  r->kind = FILE_TCP;
  read_addresses(sk, r);
  if (first && r->state == FILE_LISTENING)
    read_accept_queue(first, r);
}

static __always_inline void read_udp(struct sock *sk, struct file_record *r)
{
  struct udp_sock *udp = (struct udp_sock *)sk;
  __s32 charged =
      BPF_CORE_READ(sk, sk_backlog.rmem_alloc.counter) - BPF_CORE_READ(udp, forward_deficit);

  r->kind = FILE_UDP;
  read_addresses(sk, r);
  r->depth = charged > 0 ? (__u64)charged : 0;
  r->capacity = (__u32)BPF_CORE_READ(sk, sk_rcvbuf);
  r->dropped = drops_of(sk);
}

struct adding {
  struct sk_buff *at;
  __u64 bytes;
};

static long add_packet(__u32 index, void *context)
{
  struct adding *adding = context;
  struct sk_buff *packet = adding->at;
  struct unix_skb_parms *parms = (void *)packet + bpf_core_field_offset(packet->cb);
  __u32 bytes = BPF_CORE_READ(packet, len), consumed = BPF_CORE_READ(parms, consumed);

  (void)index;
  adding->bytes += bytes > consumed ? bytes - consumed : 0;
  adding->at = BPF_CORE_READ(packet, next);
  return adding->at == 0;
}

/* False: the queue changed meanwhile, and what was added up may be of another. */
static __always_inline bool add_packets(struct sock *sk, struct file_record *r)
{
  struct sk_buff *first = BPF_CORE_READ(sk, sk_receive_queue.next);
  __u32 packets = BPF_CORE_READ(sk, sk_receive_queue.qlen), most = packets;
  struct adding adding = {.at = first};

  if (most > PACKETS_MOST) {
    most = PACKETS_MOST;
    r->flags |= FILE_AT_LEAST;
  }
  (void)bpf_loop(most, add_packet, &adding, 0);
  r->depth = adding.bytes;
  return BPF_CORE_READ(sk, sk_receive_queue.next) == first &&
         BPF_CORE_READ(sk, sk_receive_queue.qlen) == packets;
}

static __always_inline void read_unix_bytes(struct sock *sk, struct file_record *r)
{
  struct unix_sock *unix_sock = (struct unix_sock *)sk;

  if (r->type == FILE_STREAM && bpf_core_field_exists(unix_sock->inq_len)) /* Linux 6.17 */
    r->depth = (__u32)BPF_CORE_READ(unix_sock, inq_len);
  else if (!add_packets(sk, r) && !add_packets(sk, r))
    r->depth = FILE_UNKNOWN; /* it never rests: the next sweep may find it at a better moment */
}

static __always_inline void read_unix_name(struct sock *sk, struct file_record *r)
{
  struct unix_sock *unix_sock = (struct unix_sock *)sk;
  struct unix_address *address = BPF_CORE_READ(unix_sock, addr);
  __u32 length = address ? (__u32)BPF_CORE_READ(address, len) : 0;

  if (length <= PATH_OFFSET || length > PATH_OFFSET + FILE_NAME_BYTES)
    return;
  length -= PATH_OFFSET;
  if (bpf_probe_read_kernel(r->name, length,
                            (void *)address + bpf_core_field_offset(address->name) + PATH_OFFSET) ==
      0)
    r->name_length = (__u16)length;
}

/* Nobody waits for room who is connected both ways: the queue of datagrams is not bounded by their number then
 * (net/unix/af_unix.c, unix_dgram_sendmsg). */
static __always_inline bool is_paired(struct sock *sk)
{
  struct unix_sock *peer = (struct unix_sock *)BPF_CORE_READ((struct unix_sock *)sk, peer);

  return peer && BPF_CORE_READ(peer, peer) == sk;
}

static __always_inline void read_unix(struct sock *sk, struct file_record *r)
{
  __u32 packets = BPF_CORE_READ(sk, sk_receive_queue.qlen);

  r->kind = FILE_UNIX;
  read_unix_name(sk, r);
  if (r->state == FILE_LISTENING)
    r->flags |= FILE_LISTENS;
  if (r->state == FILE_LISTENING || r->type == FILE_DATAGRAM) {
    r->depth = packets;
    if (r->state == FILE_LISTENING || !is_paired(sk))
      r->capacity = BPF_CORE_READ(sk, sk_max_ack_backlog);
  } else {
    read_unix_bytes(sk, r);
  }
}

static __always_inline void read_socket(struct sock *sk, struct file_record *r)
{
  __u16 family = BPF_CORE_READ(sk, __sk_common.skc_family),
        protocol = BPF_CORE_READ(sk, sk_protocol);

  r->state = BPF_CORE_READ(sk, __sk_common.skc_state);
  r->type = (__u8)BPF_CORE_READ(sk, sk_type);
  r->family = (__u8)family;
  if (family == FAMILY_UNIX)
    read_unix(sk, r);
  else if (family != FAMILY_INET && family != FAMILY_INET6)
    return;
  else if (protocol == PROTOCOL_TCP)
    read_tcp(sk, r);
  else if (protocol == PROTOCOL_UDP && r->type == FILE_DATAGRAM)
    read_udp(sk, r);
  else if (protocol == PROTOCOL_MPTCP)
    read_mptcp(sk, r);
}

/* ---- pipes and message queues ---- */

struct slots {
  struct pipe_buffer *bufs;
  __u64 bytes;
  __u32 tail, mask;
};

static long add_slot(__u32 index, void *context)
{
  struct slots *slots = context;
  __u32 at = (slots->tail + index) & slots->mask;
  struct pipe_buffer *slot =
      (void *)slots->bufs + (__u64)at * bpf_core_type_size(struct pipe_buffer);

  slots->bytes += BPF_CORE_READ(slot, len);
  return 0;
}

static __always_inline void read_file_name(struct file *file, struct file_record *r)
{
  long length = bpf_probe_read_kernel_str(r->name, FILE_NAME_BYTES,
                                          BPF_CORE_READ(file, f_path.dentry, d_name.name));

  r->name_length = length > 0 ? (__u16)(length - 1) : 0;
}

/* Its mailbox is that of who reads it: a write end alone is not looked at. */
static __always_inline void read_pipe(struct file *file, struct inode *inode, struct file_record *r)
{
  struct pipe_inode_info *pipe = BPF_CORE_READ(inode, i_pipe);
  struct slots slots = {0};
  __u32 used, ring;

  if (!pipe || r->access == ACCESS_WRITE)
    return;
  r->kind = FILE_PIPE;
  slots.bufs = BPF_CORE_READ(pipe, bufs);
  slots.tail = BPF_CORE_READ(pipe, tail);
  ring = BPF_CORE_READ(pipe, ring_size);
  used = BPF_CORE_READ(pipe, head) - slots.tail;
  slots.mask = ring - 1;
  if (used > ring)
    used = 0; /* it was changed under us */
  if (used > SLOTS_MOST) {
    used = SLOTS_MOST;
    r->flags |= FILE_AT_LEAST;
  }
  (void)bpf_loop(used, add_slot, &slots, 0);
  r->capacity = (__u64)BPF_CORE_READ(pipe, max_usage) * page_bytes;
  if (BPF_CORE_READ(pipe, bufs) == slots.bufs && slots.bytes <= r->capacity)
    r->depth = slots.bytes; /* else it was given other slots meanwhile */
  if (BPF_CORE_READ(inode, i_sb, s_magic) == PIPEFS_MAGIC)
    return;
  r->flags |= FILE_NAMED;
  r->device = BPF_CORE_READ(inode, i_sb, s_dev);
  read_file_name(file, r);
}

static __always_inline void read_mqueue(struct file *file, struct inode *inode,
                                        struct file_record *r)
{
  struct mqueue_inode_info *queue =
      (void *)inode - bpf_core_field_offset(struct mqueue_inode_info, vfs_inode);

  r->kind = FILE_MQUEUE;
  r->depth = (__u64)BPF_CORE_READ(queue, attr.mq_curmsgs);
  r->capacity = (__u64)BPF_CORE_READ(queue, attr.mq_maxmsg);
  read_file_name(file, r);
}

SEC("iter/task_file")
int each_file(struct bpf_iter__task_file *context)
{
  struct file *file = context->file;
  struct file_record record = {
      .depth = FILE_UNKNOWN, .capacity = FILE_UNKNOWN, .dropped = FILE_UNKNOWN};
  struct inode *inode;
  struct socket *socket;
  __u16 mode;

  if (!file)
    return 0;
  inode = BPF_CORE_READ(file, f_inode);
  mode = BPF_CORE_READ(inode, i_mode) & MODE_TYPE;
  record.inode = BPF_CORE_READ(inode, i_ino);
  record.fd = context->fd;
  record.access = BPF_CORE_READ(file, f_flags) & ACCESS_MODE;
  if (mode == MODE_SOCKET) {
    socket = (struct socket *)bpf_sock_from_file((void *)file);
    if (socket && BPF_CORE_READ(socket, sk))
      read_socket(BPF_CORE_READ(socket, sk), &record);
  } else if (mode == MODE_FIFO) {
    read_pipe(file, inode, &record);
  } else if (mode == MODE_FILE && BPF_CORE_READ(inode, i_sb, s_magic) == MQUEUE_MAGIC) {
    read_mqueue(file, inode, &record);
  }
  if (record.kind && file_record_counts(&record))
    (void)bpf_seq_write(context->meta->seq, &record, sizeof(record)); /* the kernel calls again */
  return 0;
}
