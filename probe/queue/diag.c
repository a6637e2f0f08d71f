/*
 * diag.c - see diag.h. Layouts: linux/inet_diag.h, linux/unix_diag.h, linux/sock_diag.h.
 */
#include "probe/queue/diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>

/* States in which a TCP socket has an owner and may hold something that it can take. */
enum { FIN_WAIT1 = 4, FIN_WAIT2 = 5 };
static const unsigned TCP_STATES = 1u << FILE_ESTABLISHED | 1u << FIN_WAIT1 | 1u << FIN_WAIT2 |
                                   1u << FILE_CLOSE_WAIT | 1u << FILE_LISTENING;

size_t diag_ask(enum file_kind kind, int family, struct diag_request *ret_request)
{
  struct diag_request request = {0};
  size_t length = NLMSG_LENGTH(sizeof request.inet);
  if (kind == FILE_UNIX) {
    length = NLMSG_LENGTH(sizeof request.unix_sockets);
    request.unix_sockets.sdiag_family = AF_UNIX;
    request.unix_sockets.udiag_states = ~0u;
    request.unix_sockets.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_RQLEN;
  } else {
    request.inet.sdiag_family = (unsigned char)family;
    request.inet.sdiag_protocol = kind == FILE_UDP ? IPPROTO_UDP : IPPROTO_TCP;
    request.inet.idiag_ext = 1u << (INET_DIAG_SKMEMINFO - 1);
    request.inet.idiag_states = kind == FILE_UDP ? ~0u : TCP_STATES;
  }
  request.header = (struct nlmsghdr){.nlmsg_len = (unsigned)length,
                                     .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                                     .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP};
  *ret_request = request;
  return length;
}

/* The attribute of a type among the bytes behind a message's fixed part; NULL, and 0 bytes, where it is not there. */
static const void *find(const unsigned char *at, size_t length, unsigned type, size_t *ret_bytes)
{
  *ret_bytes = 0;
  while (length >= sizeof(struct rtattr)) {
    struct rtattr attribute;
    memcpy(&attribute, at, sizeof attribute);
    if (attribute.rta_len < sizeof attribute || attribute.rta_len > length)
      return NULL;
    if (attribute.rta_type == type) {
      *ret_bytes = attribute.rta_len - sizeof attribute;
      return at + sizeof attribute;
    }
    size_t step = RTA_ALIGN(attribute.rta_len);
    step = step < length ? step : length;
    at += step;
    length -= step;
  }
  return NULL;
}

/* SK_MEMINFO_ number `index`; FILE_UNKNOWN where the kernel is too old to tell it. */
static __u64 memory_number(const unsigned char *numbers, size_t bytes, size_t index)
{
  __u32 number;
  if (!numbers || bytes / sizeof number <= index)
    return FILE_UNKNOWN;
  memcpy(&number, numbers + index * sizeof number, sizeof number);
  return number;
}

static void read_addresses(const struct inet_diag_sockid *id, struct file_record *r)
{
  size_t bytes = r->family == AF_INET6 ? FILE_ADDRESS_BYTES : sizeof(struct in_addr);
  r->port = ntohs(id->idiag_sport);
  r->peer_port = ntohs(id->idiag_dport);
  memcpy(r->address, id->idiag_src, bytes);
  memcpy(r->peer, id->idiag_dst, bytes);
}

static int read_inet(enum file_kind kind, const unsigned char *at, size_t length,
                     struct file_record *r)
{
  struct inet_diag_msg message;
  size_t bytes;
  if (length < sizeof message)
    return -EINVAL;
  memcpy(&message, at, sizeof message);
  if (message.idiag_family != AF_INET && message.idiag_family != AF_INET6)
    return -EINVAL;
  const unsigned char *memory =
      find(at + sizeof message, length - sizeof message, INET_DIAG_SKMEMINFO, &bytes);
  r->family = message.idiag_family;
  r->state = message.idiag_state;
  r->type = kind == FILE_UDP ? FILE_DATAGRAM : FILE_STREAM;
  r->inode = message.idiag_inode;
  read_addresses(&message.id, r);
  r->depth = message.idiag_rqueue;
  if (kind == FILE_TCP && message.idiag_state == FILE_LISTENING) {
    r->flags = FILE_LISTENS;
    r->capacity = message.idiag_wqueue;
  } else {
    r->capacity = memory_number(memory, bytes, SK_MEMINFO_RCVBUF);
  }
  if (kind == FILE_UDP || (r->flags & FILE_LISTENS))
    r->dropped = memory_number(memory, bytes, SK_MEMINFO_DROPS);
  return 0;
}

/* Of datagrams the kernel tells the length of the first one only: that there is at least one. */
static void read_unix_queue(const struct unix_diag_rqlen *lengths, struct file_record *r)
{
  r->depth = lengths->udiag_rqueue;
  if (r->flags & FILE_LISTENS)
    r->capacity = lengths->udiag_wqueue;
  else if (r->type == FILE_DATAGRAM && r->depth > 0) {
    r->depth = 1;
    r->flags |= FILE_AT_LEAST;
  }
}

static int read_unix(const unsigned char *at, size_t length, struct file_record *r)
{
  struct unix_diag_msg message;
  struct unix_diag_rqlen lengths;
  size_t bytes;
  if (length < sizeof message)
    return -EINVAL;
  memcpy(&message, at, sizeof message);
  if (message.udiag_family != AF_UNIX)
    return -EINVAL;
  at += sizeof message;
  length -= sizeof message;
  r->type = message.udiag_type;
  r->state = message.udiag_state;
  r->inode = message.udiag_ino;
  r->flags = message.udiag_state == FILE_LISTENING ? FILE_LISTENS : 0;
  const void *found = find(at, length, UNIX_DIAG_NAME, &bytes);
  r->name_length = (__u16)(bytes < FILE_NAME_BYTES ? bytes : FILE_NAME_BYTES);
  if (found)
    memcpy(r->name, found, r->name_length);
  found = find(at, length, UNIX_DIAG_RQLEN, &bytes);
  if (found && bytes >= sizeof lengths) {
    memcpy(&lengths, found, sizeof lengths);
    read_unix_queue(&lengths, r);
  }
  return 0;
}

int diag_read(enum file_kind kind, const void *message, size_t length,
              struct file_record *ret_record)
{
  struct file_record r = {
      .kind = (__u8)kind, .depth = FILE_UNKNOWN, .capacity = FILE_UNKNOWN, .dropped = FILE_UNKNOWN};
  struct nlmsghdr header;
  const unsigned char *at = message;
  if (length < sizeof header)
    return -EINVAL;
  memcpy(&header, at, sizeof header);
  if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY)
    return -EINVAL;
  at += NLMSG_HDRLEN;
  length -= NLMSG_HDRLEN;
  int error = kind == FILE_UNIX ? read_unix(at, length, &r) : read_inet(kind, at, length, &r);
  if (error || r.inode == 0) /* 0: it belongs to nobody any more, or was not accepted yet */
    return -EINVAL;
  *ret_record = r;
  return 0;
}
