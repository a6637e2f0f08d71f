/* Lines of /proc/PID/net as Linux 6.18 writes them, and lines that it does not write. */
#include "probe/queue/proc_net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>

#include "probe/queue/records.h"

static int take(void *context, const struct file_record *record)
{
  return records_add(context, record);
}

static void lines_of_tcp_are_read(void **state)
{
  static const char text[] =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
      "inode\n"
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000004 00:00000000 00000000  1000        0 "
      "4000315 2 00000000a0b1c2d3 100 0 0 10 0\n"
      "   1: 0100007F:1F90 0200007F:A0F0 08 00000000:00001389 00:00000000 00000000     0        0 "
      "4000316 1 00000000a0b1c2d3 20 4 30 10 -1\n"
      "   2: 0100007F:1F90 0300007F:A0F0 06 00000000:00000000 03:00000D3C 00000000     0        0 "
      "0 3 "
      "00000000a0b1c2d3\n";
  static const __u8 local[4] = {127, 0, 0, 1}, peer[4] = {127, 0, 0, 2};
  struct records records = {0};
  (void)state;
  assert_int_equal(proc_net_inet(text, FILE_TCP, AF_INET, take, &records), 0);
  assert_int_equal(records.count, 2); /* the last is nobody's any more */
  const struct file_record *r = records.list;
  assert_true(r[0].inode == 4000315 && r[0].port == 8080 && r[0].peer_port == 0);
  assert_true(r[0].depth == 4 && r[0].flags == FILE_LISTENS && r[0].capacity == FILE_UNKNOWN);
  assert_memory_equal(r[0].address, local, 4);
  assert_true(r[1].depth == 5001 && r[1].state == FILE_CLOSE_WAIT && r[1].flags == 0);
  assert_memory_equal(r[1].peer, peer, 4);
  records_done(&records);
}

static void lines_of_udp6_are_read_with_what_was_dropped(void **state)
{
  static const char text[] =
      "  sl  local_address                         remote_address                        st ...\n"
      "  512: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07 "
      "00000000:00000F00 00:00000000 00000000     0        0 99 2 00000000a0b1c2d3 17\n";
  struct records records = {0};
  (void)state;
  assert_int_equal(proc_net_inet(text, FILE_UDP, AF_INET6, take, &records), 0);
  assert_int_equal(records.count, 1);
  assert_true(records.list[0].depth == 3840 && records.list[0].dropped == 17);
  assert_true(records.list[0].port == 53 && records.list[0].address[15] == 1);
  records_done(&records);
}

static void lines_of_unix_are_read(void **state)
{
  static const char text[] = "Num       RefCount Protocol Flags    Type St Inode Path\n"
                             "00000000cb5ad666: 00000002 00000000 00010000 0001 01  1593 /run/a b\n"
                             "00000000ce53ca07: 00000003 00000000 00000000 0001 03  1592\n"
                             "00000000ce53ca08: 00000002 00000000 00000000 0002 01 1594 @bus\n";
  struct records records = {0};
  (void)state;
  assert_int_equal(proc_net_unix(text, take, &records), 0);
  assert_int_equal(records.count, 3);
  const struct file_record *r = records.list;
  assert_true(r[0].flags == FILE_LISTENS && r[0].name_length == 8 && r[0].depth == FILE_UNKNOWN);
  assert_memory_equal(r[0].name, "/run/a b", 8);
  assert_true(r[1].state == FILE_ESTABLISHED && r[1].name_length == 0);
  assert_true(r[2].type == FILE_DATAGRAM && r[2].name_length == 4);
  assert_memory_equal(r[2].name, "\0bus", 4);
  records_done(&records);
}

static void what_is_no_line_is_skipped(void **state)
{
  static const char *const texts[] = {
      "",
      "\n\n",
      "0:",
      "   0: 0100007F:1F90",
      "   0: 0100007F",
      "   0: 0100007F:FFFFF 0:0",
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000004 00:00000000 00000000  1000 0 -5 2\n",
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000004 00:0 0  0 0 99999999999999999999 2\n",
  };
  struct records records = {0};
  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    assert_int_equal(proc_net_inet(texts[i], FILE_TCP, AF_INET, take, &records), 0);
    assert_int_equal(proc_net_inet(texts[i], FILE_UDP, AF_INET6, take, &records), 0);
    assert_int_equal(proc_net_unix(texts[i], take, &records), 0);
  }
  assert_int_equal(records.count, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lines_of_tcp_are_read),
      cmocka_unit_test(lines_of_udp6_are_read_with_what_was_dropped),
      cmocka_unit_test(lines_of_unix_are_read),
      cmocka_unit_test(what_is_no_line_is_skipped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
