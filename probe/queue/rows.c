/*
 * rows.c - see rows.h.
 *
 * The identity of a queue: the low 32 bits of its inode number, and 24 bits of a hash of what never changes while it
 * lives. Sockets, anonymous pipes and message queues take their inode numbers from one counter of 32 bits, which does
 * wrap on a machine that runs for long (at 10,000 sockets a second after five days): the hash tells apart what comes
 * after. Of named pipes the number is that of a file, and the file system is in the hash.
 */
#include "probe/queue/rows.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* ---- names ---- */

struct text {
  char *bytes;
  size_t length;
};

static void put(struct text *text, const char *bytes, size_t length)
{
  size_t room = ROWS_NAME_BYTES - text->length;
  length = length < room ? length : room;
  memcpy(text->bytes + text->length, bytes, length);
  text->length += length;
}

static void put_word(struct text *text, const char *word)
{
  put(text, word, strlen(word));
}

static void put_address(struct text *text, int family, const __u8 *address, unsigned port)
{
  char words[INET6_ADDRSTRLEN] = "?", number[16];
  (void)inet_ntop(family, address, words, sizeof words); /* of no other family */
  put_word(text, family == AF_INET6 ? "[" : "");
  put_word(text, words);
  (void)snprintf(number, sizeof number, "%s:%u", family == AF_INET6 ? "]" : "", port);
  put_word(text, number);
}

static void put_inode(struct text *text, const struct file_record *r)
{
  char words[32];
  (void)snprintf(words, sizeof words, ":[%llu]", (unsigned long long)r->inode); /* always fits */
  put_word(text, words);
}

/* A path ends at its NUL; an abstract name begins with one and may have more. */
static size_t unix_name_length(const struct file_record *r)
{
  size_t length = r->name_length < FILE_NAME_BYTES ? r->name_length : FILE_NAME_BYTES;
  return length > 0 && r->name[0] != '\0' ? strnlen(r->name, length) : length;
}

static void put_unix(struct text *text, const struct file_record *r)
{
  size_t length = unix_name_length(r);
  if (length > 0)
    put_word(text, " ");
  for (size_t i = 0; i < length; i++)
    put(text, r->name[i] ? &r->name[i] : "@", 1);
  if (length == 0 || !file_record_lasts(r))
    put_inode(text, r); /* every connection that was accepted has the name of who accepted it */
}

static void put_inet(struct text *text, const struct file_record *r)
{
  put_word(text, " ");
  put_address(text, r->family, r->address, r->port);
  if (r->peer_port == 0 || file_record_lasts(r))
    return;
  put_word(text, " from ");
  put_address(text, r->family, r->peer, r->peer_port);
}

static void put_file(struct text *text, const struct file_record *r)
{
  if (r->kind == FILE_PIPE && !(r->flags & FILE_NAMED)) {
    put_inode(text, r);
    return;
  }
  put_word(text, r->kind == FILE_MQUEUE ? " /" : " ");
  put(text, r->name, r->name_length < FILE_NAME_BYTES ? r->name_length : FILE_NAME_BYTES);
}

static const char *kind_word(const struct file_record *r)
{
  static const char *const words[] = {[FILE_TCP] = "tcp",
                                      [FILE_UNIX] = "unix",
                                      [FILE_UDP] = "udp",
                                      [FILE_PIPE] = "pipe",
                                      [FILE_MQUEUE] = "mq"};
  if (r->kind == FILE_PIPE && (r->flags & FILE_NAMED))
    return "fifo";
  return r->kind < sizeof words / sizeof *words && words[r->kind] ? words[r->kind] : "?";
}

size_t rows_name(const struct file_record *record, char ret_name[ROWS_NAME_BYTES])
{
  struct text text = {.bytes = ret_name};
  put_word(&text, kind_word(record));
  if (record->kind == FILE_TCP || record->kind == FILE_UDP)
    put_inet(&text, record);
  else if (record->kind == FILE_UNIX)
    put_unix(&text, record);
  else
    put_file(&text, record);
  if (record->flags & FILE_LISTENS)
    put_word(&text, " accept");
  return text.length;
}

/* ---- identity ---- */

static uint64_t hash(uint64_t seed, const void *bytes, size_t length)
{
  const unsigned char *at = bytes; /* FNV-1a */
  for (size_t i = 0; i < length; i++)
    seed = (seed ^ at[i]) * 0x100000001b3u;
  return seed;
}

/* Not the addresses of UDP: connect() changes them. Not names of message queues: what was removed has another text. */
uint64_t rows_key(const struct file_record *r)
{
  uint64_t sum = 0xcbf29ce484222325u;
  sum = hash(sum, &r->kind, sizeof r->kind);
  sum = hash(sum, &r->type, sizeof r->type);
  sum = hash(sum, &r->inode, sizeof r->inode);
  sum = hash(sum, &r->device, sizeof r->device);
  sum = hash(sum, &r->port, sizeof r->port);
  if (r->kind == FILE_TCP) {
    sum = hash(sum, r->address, sizeof r->address);
    sum = hash(sum, r->peer, sizeof r->peer);
    sum = hash(sum, &r->peer_port, sizeof r->peer_port);
  } else if (r->kind == FILE_UNIX) {
    sum = hash(sum, r->name, unix_name_length(r));
  }
  sum ^= sum >> 32;
  return ACTOR_KEY(SOURCE_TAG_QUEUE, (sum & 0xffffff) << 32 | (r->inode & 0xffffffff));
}

/* ---- rows ---- */

/* The end of a connection counts as a byte until it is read (net/ipv4/tcp_diag.c). Datagrams beyond the bound came when
 * it did not hold, from a connected pair. */
static void settle(struct file_record *r)
{
  if (r->kind == FILE_UNIX && r->type == FILE_DATAGRAM && r->depth != FILE_UNKNOWN &&
      r->capacity != FILE_UNKNOWN && r->depth > r->capacity + 1)
    r->capacity = FILE_UNKNOWN;
  if (r->kind == FILE_TCP && r->state == FILE_CLOSE_WAIT && r->depth > 0 &&
      r->depth != FILE_UNKNOWN)
    r->depth--;
}

static uint8_t unit_of(const struct file_record *r)
{
  if (r->flags & FILE_LISTENS)
    return DEPTH_CONNECTIONS;
  bool messages = r->kind == FILE_MQUEUE || (r->kind == FILE_UNIX && r->type == FILE_DATAGRAM);
  return messages ? DEPTH_MESSAGES : DEPTH_BYTES;
}

static int64_t value_of(__u64 number)
{
  return number > INT64_MAX ? VALUE_UNKNOWN : (int64_t)number;
}

static int add(const struct file_record *r, struct sweep *sweep)
{
  char name[ROWS_NAME_BYTES];
  struct sweep_actor *actor = sweep_add_actor(sweep);
  if (!actor)
    return -ENOMEM;
  actor->key = rows_key(r);
  actor->kind = ACTOR_KIND_QUEUE;
  actor->name = sweep_add_text(sweep, name, rows_name(r, name));
  actor->depth = value_of(r->depth);
  actor->depth_unit = unit_of(r);
  if (actor->depth != VALUE_UNKNOWN)
    actor->depth_is = r->flags & FILE_AT_LEAST ? DEPTH_AT_LEAST : DEPTH_EXACT;
  actor->capacity = value_of(r->capacity);
  actor->dropped_count = value_of(r->dropped);
  actor->flags = file_record_lasts(r) ? SWEEP_ACTOR_NAMED : 0;
  return 0;
}

/* What lasts first, then the deepest; the rest of the order keeps a choice among equals from changing. */
static int compare(const void *left, const void *right)
{
  const struct file_record *a = left, *b = right;
  int lasts = file_record_lasts(b) - file_record_lasts(a);
  if (lasts)
    return lasts;
  uint64_t depth_a = a->depth == FILE_UNKNOWN ? 0 : a->depth,
           depth_b = b->depth == FILE_UNKNOWN ? 0 : b->depth;
  if (depth_a != depth_b)
    return depth_a > depth_b ? -1 : 1;
  if (a->inode != b->inode)
    return a->inode < b->inode ? -1 : 1;
  return (a->fd > b->fd) - (a->fd < b->fd);
}

/* One record for each queue, settled, and none that holds nothing any more. */
static void reduce(struct records *records)
{
  size_t kept = 0;
  records_sort(records);
  for (size_t i = 0; i < records->count; i++) {
    struct file_record *r = &records->list[i];
    const struct file_record *last = kept ? &records->list[kept - 1] : NULL;
    if (last && last->inode == r->inode && last->kind == r->kind && last->device == r->device)
      continue;
    settle(r);
    if (file_record_counts(r))
      records->list[kept++] = *r;
  }
  records->count = kept;
}

static int add_gap(struct sweep *sweep, size_t count)
{
  struct sweep_gap *gap = sweep_add_gap(sweep);
  if (!gap)
    return -ENOMEM;
  gap->reason = sweep_add_format(sweep, "queues beyond the %d that are shown", ROWS_MOST);
  gap->count = (int64_t)count;
  return 0;
}

int rows_add(struct records *records, struct sweep *sweep)
{
  int error = 0;
  reduce(records);
  size_t shown = records->count < ROWS_MOST ? records->count : ROWS_MOST;
  if (records->count > 1)
    qsort(records->list, records->count, sizeof *records->list, compare);
  for (size_t i = 0; i < shown && !error; i++)
    error = add(&records->list[i], sweep);
  size_t rest = records->count - shown + records->left_out;
  if (rest > 0 && !error)
    error = add_gap(sweep, rest);
  sweep_sort(sweep);
  return error;
}
