/*
 * proc_net.c - see proc_net.h. Layouts: net/ipv4/tcp_ipv4.c (get_tcp4_sock, get_openreq4), net/ipv4/udp.c
 * (udp4_format_sock), net/unix/af_unix.c (unix_seq_show), Linux 5.3 to 6.18.
 *
 *   sl: ADDRESS:PORT ADDRESS:PORT ST TX:RX TR:WHEN RETRY UID TIMEOUT INODE ...      an address is 4 bytes, or 4 times 4,
 *   udp                                                     ... INODE REF PTR DROPS   each as a number in host order
 *   Num: REF PROTOCOL FLAGS TYPE STATE INODE [PATH]          "@" is a NUL
 */
#include "probe/queue/proc_net.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { UNIX_ACCEPTS = 1 << 16, UNIX_CONNECTED = 3 };

/* A number of `base` at *at, which is moved behind it and behind one `end` ('\0': none wanted). */
static bool number(const char **at, int base, char end, uint64_t *ret_number)
{
  char *behind;
  const char *begin = *at + strspn(*at, " ");
  if (!isxdigit((unsigned char)*begin))
    return false;
  errno = 0;
  unsigned long long value = strtoull(begin, &behind, base);
  if (behind == begin || errno != 0 || (end && *behind != end))
    return false;
  *at = behind + (end != '\0');
  *ret_number = value;
  return true;
}

/* Eight digits are four bytes, as the machine has them. */
static bool address(const char **at, int family, __u8 *ret_bytes, __u16 *ret_port)
{
  int words = family == AF_INET6 ? 4 : 1;
  uint64_t port;
  *at += strspn(*at, " ");
  if (strspn(*at, "0123456789ABCDEFabcdef") != (size_t)words * 8)
    return false;
  for (int i = 0; i < words; i++) {
    char digits[9] = {0};
    memcpy(digits, *at, 8);
    uint32_t word = (uint32_t)strtoul(digits, NULL, 16);
    memcpy(ret_bytes + i * 4, &word, sizeof word);
    *at += 8;
  }
  if (*(*at)++ != ':' || !number(at, 16, '\0', &port) || port > UINT16_MAX)
    return false;
  *ret_port = (__u16)port;
  return true;
}

static bool read_inet(const char *at, enum file_kind kind, int family, struct file_record *r)
{
  uint64_t skipped, state, unread, inode, dropped = FILE_UNKNOWN;
  *r = (struct file_record){.kind = (__u8)kind,
                            .family = (__u8)family,
                            .type = kind == FILE_UDP ? FILE_DATAGRAM : FILE_STREAM,
                            .capacity = FILE_UNKNOWN,
                            .dropped = FILE_UNKNOWN};
  if (!number(&at, 10, ':', &skipped) || !address(&at, family, r->address, &r->port) ||
      !address(&at, family, r->peer, &r->peer_port) || !number(&at, 16, ' ', &state) ||
      !number(&at, 16, ':', &skipped) || !number(&at, 16, ' ', &unread) ||
      !number(&at, 16, ':', &skipped) || !number(&at, 16, ' ', &skipped) ||
      !number(&at, 16, ' ', &skipped) || !number(&at, 10, ' ', &skipped) ||
      !number(&at, 10, ' ', &skipped) || !number(&at, 10, ' ', &inode))
    return false;
  r->state = (__u8)state;
  r->depth = unread;
  r->inode = inode;
  if (kind == FILE_TCP && state == FILE_LISTENING)
    r->flags = FILE_LISTENS;
  if (kind == FILE_UDP && (!number(&at, 10, ' ', &skipped) || !number(&at, 16, ' ', &skipped) ||
                           !number(&at, 10, '\0', &dropped)))
    return false;
  r->dropped = dropped;
  return inode != 0 && state <= UINT8_MAX && unread < FILE_UNKNOWN;
}

/* The path ends with the line. */
static void read_path(const char *at, struct file_record *r)
{
  at += strspn(at, " ");
  size_t length = strcspn(at, "\n");
  if (length > FILE_NAME_BYTES)
    length = FILE_NAME_BYTES;
  memcpy(r->name, at, length);
  r->name_length = (__u16)length;
  if (length > 0 && at[0] == '@')
    r->name[0] = '\0';
}

static bool read_unix(const char *at, struct file_record *r)
{
  uint64_t skipped, flags, type, state, inode;
  *r = (struct file_record){
      .kind = FILE_UNIX, .depth = FILE_UNKNOWN, .capacity = FILE_UNKNOWN, .dropped = FILE_UNKNOWN};
  if (!number(&at, 16, ':', &skipped) || !number(&at, 16, ' ', &skipped) ||
      !number(&at, 16, ' ', &skipped) || !number(&at, 16, ' ', &flags) ||
      !number(&at, 16, ' ', &type) || !number(&at, 16, ' ', &state) ||
      !number(&at, 10, '\0', &inode))
    return false;
  if (inode == 0 || type > UINT8_MAX)
    return false;
  r->inode = inode;
  r->type = (__u8)type;
  r->flags = flags & UNIX_ACCEPTS ? FILE_LISTENS : 0;
  r->state = FILE_CLOSED;
  if (r->flags & FILE_LISTENS)
    r->state = FILE_LISTENING;
  else if (state == UNIX_CONNECTED)
    r->state = FILE_ESTABLISHED;
  read_path(at, r);
  return true;
}

static const char *next_line(const char *text)
{
  const char *end = strchr(text, '\n');
  return end ? end + 1 : NULL;
}

int proc_net_inet(const char *text, enum file_kind kind, int family, proc_net_take_fn *take,
                  void *context)
{
  struct file_record record;
  int error = 0;
  for (const char *line = text; line && *line && !error; line = next_line(line))
    if (read_inet(line, kind, family, &record))
      error = take(context, &record);
  return error;
}

int proc_net_unix(const char *text, proc_net_take_fn *take, void *context)
{
  struct file_record record;
  int error = 0;
  for (const char *line = text; line && *line && !error; line = next_line(line))
    if (read_unix(line, &record))
      error = take(context, &record);
  return error;
}
