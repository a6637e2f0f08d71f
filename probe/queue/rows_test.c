/* Names, identities, and which queues become rows. */
#include "probe/queue/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>

static struct file_record listening(void)
{
  return (struct file_record){.kind = FILE_TCP,
                              .type = FILE_STREAM,
                              .state = FILE_LISTENING,
                              .family = AF_INET,
                              .flags = FILE_LISTENS,
                              .inode = 7,
                              .port = 8080,
                              .capacity = 128,
                              .dropped = FILE_UNKNOWN};
}

static void expect_name(const struct file_record *record, const char *wanted)
{
  char name[ROWS_NAME_BYTES + 1] = {0};
  size_t length = rows_name(record, name);
  assert_string_equal(name, wanted);
  assert_int_equal(length, strlen(wanted));
}

static void names_say_kind_and_address(void **state)
{
  struct file_record r = listening();
  (void)state;
  expect_name(&r, "tcp 0.0.0.0:8080 accept");
  r.family = AF_INET6;
  r.address[15] = 1;
  expect_name(&r, "tcp [::1]:8080 accept");
  r.flags = 0;
  r.state = FILE_ESTABLISHED;
  r.peer[15] = 2;
  r.peer_port = 9;
  expect_name(&r, "tcp [::1]:8080 from [::2]:9");
  r = (struct file_record){
      .kind = FILE_UDP, .family = AF_INET, .port = 53, .address = {127, 0, 0, 1}};
  expect_name(&r, "udp 127.0.0.1:53");
  r = (struct file_record){.kind = FILE_MQUEUE, .name = "jobs", .name_length = 4};
  expect_name(&r, "mq /jobs");
  r = (struct file_record){.kind = FILE_PIPE, .inode = 12};
  expect_name(&r, "pipe:[12]");
  r = (struct file_record){
      .kind = FILE_PIPE, .flags = FILE_NAMED, .name = "jobs", .name_length = 4};
  expect_name(&r, "fifo jobs");
}

static void names_of_unix_sockets_are_paths_or_begin_with_an_at(void **state)
{
  struct file_record r = {.kind = FILE_UNIX, .type = FILE_STREAM, .inode = 5};
  (void)state;
  expect_name(&r, "unix:[5]");
  memcpy(r.name, "/run/x\0y", 8);
  r.name_length = 8;
  expect_name(&r, "unix /run/x:[5]");
  r.flags = FILE_LISTENS;
  expect_name(&r, "unix /run/x accept");
  memcpy(r.name, "\0a\0b", 4);
  r.name_length = 4;
  expect_name(&r, "unix @a@b accept");
  memset(r.name, 'n', sizeof r.name);
  r.name_length = UINT16_MAX; /* more than there is room for */
  char name[ROWS_NAME_BYTES];
  assert_int_equal(rows_name(&r, name), strlen("unix ") + FILE_NAME_BYTES + strlen(" accept"));
}

static void identity_outlives_a_wrapped_counter_and_a_connect(void **state)
{
  struct file_record r = listening(), other = listening();
  (void)state;
  assert_true(rows_key(&r) >> 56 == SOURCE_TAG_QUEUE);
  r.depth = 5;
  r.dropped = 3;
  r.fd = 9;
  assert_true(rows_key(&r) == rows_key(&other));
  other.port = 8081;
  assert_true(rows_key(&r) != rows_key(&other));
  other = r;
  other.inode += (__u64)1 << 32; /* of files: more than 32 bits */
  assert_true(rows_key(&r) != rows_key(&other));
  r = (struct file_record){.kind = FILE_UDP, .family = AF_INET, .inode = 4, .port = 99};
  other = r;
  other.peer_port = 53;
  other.peer[0] = other.address[0] = 127;
  assert_true(rows_key(&r) == rows_key(&other));
}

static struct sweep *rows_of(const struct file_record *list, size_t count)
{
  struct records records = {0};
  struct sweep *sweep = sweep_new(TARGET_KEY(1, 1), SOURCE_TAG_QUEUE, SWEEP_FULL);
  assert_non_null(sweep);
  for (size_t i = 0; i < count; i++)
    assert_int_equal(records_add(&records, &list[i]), 0);
  assert_int_equal(rows_add(&records, sweep), 0);
  assert_int_equal(sweep_check(sweep), 0);
  records_done(&records);
  return sweep;
}

static void the_end_of_a_connection_is_no_byte(void **state)
{
  struct file_record list[2] = {
      {.kind = FILE_TCP, .family = AF_INET, .state = FILE_CLOSE_WAIT, .inode = 1, .depth = 1},
      {.kind = FILE_TCP, .family = AF_INET, .state = FILE_CLOSE_WAIT, .inode = 2, .depth = 6}};
  (void)state;
  struct sweep *sweep = rows_of(list, 2);
  assert_int_equal(sweep->actor_count, 1);
  assert_int_equal(sweep->actors[0].depth, 5);
  sweep_free(sweep);
}

static void unknown_stays_unknown(void **state)
{
  struct file_record r = listening();
  (void)state;
  r.depth = r.capacity = FILE_UNKNOWN;
  struct sweep *sweep = rows_of(&r, 1);
  assert_int_equal(sweep->actor_count, 1);
  assert_true(sweep->actors[0].depth == VALUE_UNKNOWN);
  assert_true(sweep->actors[0].capacity == VALUE_UNKNOWN);
  assert_true(sweep->actors[0].dropped_count == VALUE_UNKNOWN);
  assert_int_equal(sweep->actors[0].depth_is, ENUM_UNKNOWN);
  sweep_free(sweep);
}

static void descriptors_of_one_queue_are_one_row(void **state)
{
  struct file_record list[3] = {listening(), listening(), listening()};
  (void)state;
  list[1].fd = 4;
  list[2].inode = 8; /* another socket of the same port */
  struct sweep *sweep = rows_of(list, 3);
  assert_int_equal(sweep->actor_count, 2);
  sweep_free(sweep);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_say_kind_and_address),
      cmocka_unit_test(names_of_unix_sockets_are_paths_or_begin_with_an_at),
      cmocka_unit_test(identity_outlives_a_wrapped_counter_and_a_connect),
      cmocka_unit_test(the_end_of_a_connection_is_no_byte),
      cmocka_unit_test(unknown_stays_unknown),
      cmocka_unit_test(descriptors_of_one_queue_are_one_row),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
