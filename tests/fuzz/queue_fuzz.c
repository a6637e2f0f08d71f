/*
 * queue_fuzz.c - what the kernel and those who name sockets say of queues: netlink messages of sock_diag and texts of
 * /proc/PID/net, as arbitrary bytes. Whatever is accepted makes rows that a sweep may have.
 *
 * The first byte says what the rest is.
 */
#include "tests/fuzz/fuzz.h"

#include <linux/sock_diag.h>
#include <string.h>

#include "probe/queue/diag.h"
#include "probe/queue/proc_net.h"
#include "probe/queue/rows.h"

enum what {
  DIAG_TCP,
  DIAG_UDP,
  DIAG_UNIX,
  TEXT_TCP,
  TEXT_TCP6,
  TEXT_UDP,
  TEXT_UDP6,
  TEXT_UNIX,
  WHATS
};

static int take(void *context, const struct file_record *record)
{
  FUZZ_CHECK(record->inode != 0);
  FUZZ_CHECK(record->name_length <= FILE_NAME_BYTES);
  return records_add(context, record);
}

/* The messages as they come: each as long as it says, if it is there. */
static void take_messages(enum file_kind kind, const uint8_t *bytes, size_t size,
                          struct records *records)
{
  while (size > 0) {
    struct nlmsghdr header = {0};
    struct file_record record;
    memcpy(&header, bytes, size < sizeof header ? size : sizeof header);
    size_t length = header.nlmsg_len > 0 && header.nlmsg_len < size ? header.nlmsg_len : size;
    uint8_t *message = malloc(length); /* so that one byte too far is seen */
    FUZZ_CHECK(message);
    memcpy(message, bytes, length);
    if (diag_read(kind, message, length, &record) == 0)
      (void)take(records, &record);
    free(message);
    bytes += length;
    size -= length;
  }
}

static void take_text(enum what what, const uint8_t *bytes, size_t size, struct records *records)
{
  char *text = malloc(size + 1);
  FUZZ_CHECK(text);
  if (size)
    memcpy(text, bytes, size);
  text[size] = '\0';
  if (what == TEXT_UNIX)
    (void)proc_net_unix(text, take, records);
  else
    (void)proc_net_inet(text, what <= TEXT_TCP6 ? FILE_TCP : FILE_UDP,
                        what == TEXT_TCP || what == TEXT_UDP ? AF_INET : AF_INET6, take, records);
  free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
  static const enum file_kind kinds[] = {FILE_TCP, FILE_UDP, FILE_UNIX};
  struct records records = {0};
  if (size == 0)
    return 0;
  enum what what = bytes[0] % WHATS;
  if (what <= DIAG_UNIX)
    take_messages(kinds[what], bytes + 1, size - 1, &records);
  else
    take_text(what, bytes + 1, size - 1, &records);
  struct sweep *sweep = sweep_new(TARGET_KEY(1, 1), SOURCE_TAG_QUEUE, SWEEP_FULL);
  FUZZ_CHECK(sweep);
  FUZZ_CHECK(rows_add(&records, sweep) == 0);
  FUZZ_CHECK(sweep_check(sweep) == 0);
  FUZZ_CHECK(sweep->actor_count <= ROWS_MOST);
  sweep_free(sweep);
  records_done(&records);
  return 0;
}

/* ---- seeds ---- */

static size_t put(uint8_t *at, size_t length, unsigned type, const void *bytes, size_t size)
{
  unsigned short header[2] = {(unsigned short)(4 + size), (unsigned short)type};
  memcpy(at + length, header, sizeof header);
  memcpy(at + length + sizeof header, bytes, size);
  return length + 4 + ((size + 3) & ~(size_t)3);
}

static size_t seed_inet(enum file_kind kind, uint8_t *bytes)
{
  uint32_t memory[9] = {3840, 4608, 0, 0, 0, 0, 0, 0, 17};
  struct inet_diag_msg inet = {.idiag_family = AF_INET,
                               .idiag_state = kind == FILE_TCP ? FILE_LISTENING : FILE_CLOSED,
                               .id = {.idiag_sport = 0x901f},
                               .idiag_rqueue = 4,
                               .idiag_wqueue = 3,
                               .idiag_inode = 77};
  size_t length = NLMSG_HDRLEN;
  memcpy(bytes + length, &inet, sizeof inet);
  length = put(bytes, length + sizeof inet, INET_DIAG_SKMEMINFO, memory, sizeof memory);
  struct nlmsghdr header = {.nlmsg_len = (uint32_t)length, .nlmsg_type = SOCK_DIAG_BY_FAMILY};
  memcpy(bytes, &header, sizeof header);
  return length;
}

static size_t seed_unix(uint8_t *bytes)
{
  struct unix_diag_msg message = {
      .udiag_family = AF_UNIX, .udiag_type = 1, .udiag_state = 10, .udiag_ino = 5};
  struct unix_diag_rqlen lengths = {2, 7};
  size_t length = NLMSG_HDRLEN;
  memcpy(bytes + length, &message, sizeof message);
  length = put(bytes, length + sizeof message, UNIX_DIAG_NAME, "\0bus", 4);
  length = put(bytes, length, UNIX_DIAG_RQLEN, &lengths, sizeof lengths);
  struct nlmsghdr header = {.nlmsg_len = (uint32_t)length, .nlmsg_type = SOCK_DIAG_BY_FAMILY};
  memcpy(bytes, &header, sizeof header);
  return length;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
  static const char *const texts[WHATS] = {
      [TEXT_TCP] =
          "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000004 00:00000000 00000000  1000 "
          "       0 4000315 2 00000000a0b1c2d3 100 0 0 10 0\n",
      [TEXT_TCP6] =
          "   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 "
          "08 00000000:00000004 00:00000000 00000000  0 0 4000316 2 00000000a0b1c2d3\n",
      [TEXT_UDP] =
          "  1: 0100007F:0035 00000000:0000 07 00000000:00000F00 00:00000000 00000000 0 0 99 "
          "2 00000000a0b1c2d3 17\n",
      [TEXT_UDP6] =
          "  1: 00000000000000000000000001000000:0035 "
          "00000000000000000000000000000000:0000 07 00000000:00000F00 00:00000000 00000000 "
          "0 0 98 2 00000000a0b1c2d3 17\n",
      [TEXT_UNIX] = "00000000cb5ad666: 00000002 00000000 00010000 0001 01  1593 /run/x\n"
                    "00000000cb5ad667: 00000002 00000000 00010000 0001 01  1593 @y\n",
  };
  if (number >= WHATS || room < 512)
    return 0;
  ret_bytes[0] = (uint8_t)number;
  if (number == DIAG_UNIX)
    return 1 + seed_unix(ret_bytes + 1);
  if (number < DIAG_UNIX)
    return 1 + seed_inet(number == DIAG_TCP ? FILE_TCP : FILE_UDP, ret_bytes + 1);
  memcpy(ret_bytes + 1, texts[number], strlen(texts[number]));
  return 1 + strlen(texts[number]);
}
