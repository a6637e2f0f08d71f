/* The parsers of /proc texts, fed with what hostile processes may call themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe/process/process.h"

#define TAIL                                                                                       \
  " S 1 2 3 0 -1 4194560 5 6 7 8 150 50 11 12 20 0 9 0 123456 2867200 300 18446744073709551615 1 " \
  "1 0 0 0 0 0 0 0"

static void a_stat_line_is_taken_apart(void **state)
{
  (void)state;
  struct process_stat stat;
  assert_int_equal(process_parse_stat("42 (cat)" TAIL "\n", &stat), 0);
  assert_string_equal(stat.comm, "cat");
  assert_int_equal(stat.state, 'S');
  assert_int_equal(stat.parent, 1);
  assert_true(stat.cpu_ns == 200 * (1000000000LL / sysconf(_SC_CLK_TCK)));
  assert_true(stat.start_ticks == 123456);
  assert_true(stat.rss_bytes == 300 * sysconf(_SC_PAGESIZE));
  assert_int_equal(stat.thread_count, 9);
}

static void hostile_names_shift_no_field(void **state)
{
  (void)state;
  static const char *const names[] = {
      ") R 1 2", "", ")", "(", "))((", "a\nb", " ", "a) S 1 2 3 0 -1 1 1 1 1 1 7 7 7 7", "\x1b[31m",
  };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char line[512];
    struct process_stat stat;
    (void)snprintf(line, sizeof line, "42 (%s)" TAIL, names[i]);
    if (process_parse_stat(line, &stat) != 0)
      fail_msg("refused: %s", line);
    assert_string_equal(stat.comm, names[i]);
    assert_true(stat.start_ticks == 123456 && stat.state == 'S');
  }
}

static void long_names_are_cut(void **state)
{
  (void)state;
  char line[512], name[101];
  struct process_stat stat;
  memset(name, 'n', 100);
  name[100] = '\0';
  (void)snprintf(line, sizeof line, "42 (%s)" TAIL, name);
  assert_int_equal(process_parse_stat(line, &stat), 0);
  assert_int_equal(strlen(stat.comm), sizeof stat.comm - 1);
}

static void broken_stat_lines_are_refused(void **state)
{
  (void)state;
  static const char *const lines[] = {
      "",
      "42",
      "42 cat S 1",
      ")(",
      "42 (cat) S 1 2 3",
      "42 (cat) S 1 2 3 0 -1 4194560 5 6 7 8 -150 50 11 12 20 0 9 0 123456 2867200 300 1",
      "42 (cat) S 1 2 3 0 -1 4194560 5 6 7 8 9223372036854775807 50 11 12 20 0 9 0 123456 2867200 "
      "300 1",
      "42 (cat) S 1 2 3 0 -1 4194560 5 6 7 8 99999999999999999999 50 11 12 20 0 9 0 123456 2867200 "
      "300 1",
      "42 (cat) S 1 2 3 0 -1 4194560 5 6 7 8 150 50 11 12 20 0 9 0 123456 2867200 x300 1",
  };
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    struct process_stat stat;
    if (process_parse_stat(lines[i], &stat) != -EINVAL)
      fail_msg("accepted: %s", lines[i]);
  }
}

static void the_v2_path_is_found_among_v1_hierarchies(void **state)
{
  (void)state;
  char path[64];
  const char *text = "12:memory:/old\n1:name=systemd:/x0::/y\n0::/user.slice/a b\n";
  assert_int_equal(process_parse_cgroup(text, path, sizeof path), 0);
  assert_string_equal(path, "/user.slice/a b");
  assert_int_equal(process_parse_cgroup("0::/", path, sizeof path), 0);
  assert_string_equal(path, "/");
  assert_int_equal(process_parse_cgroup("12:memory:/old\n", path, sizeof path), -EINVAL);
  assert_int_equal(process_parse_cgroup("", path, sizeof path), -EINVAL);
  assert_int_equal(process_parse_cgroup(text, path, 15), -EINVAL);
  assert_int_equal(process_parse_cgroup(text, path, 16), 0);
}

static void ids_in_nested_namespaces_are_counted(void **state)
{
  (void)state;
  int pids[2] = {0, 0};
  assert_int_equal(process_parse_nspid("Name:\tx\nNSpid:\t4711\t12\t1\nNSpgid:\t9\n", pids, 2), 3);
  assert_int_equal(pids[0], 4711);
  assert_int_equal(pids[1], 12);
  assert_int_equal(process_parse_nspid("Name:\tNSpid:\t1\nNSpid:\t7\n", pids, 2), 1);
  assert_int_equal(pids[0], 7);

  static const char *const broken[] = {
      "",
      "NSpid:\t1\n",
      "Name:\tx\nNSpid:\n",
      "Name:\tx\nNSpid:\t-1\n",
      "Name:\tx\nNSpid:\t0\n",
      "Name:\tx\nNSpid:\t1\tx\n",
      "Name:\tx\nNSpid:\t99999999999\n",
      "Name:\tx\nNSpid:\t1234567890123456789\n",
  };
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
    if (process_parse_nspid(broken[i], pids, 2) != -EINVAL)
      fail_msg("accepted: %s", broken[i]);
}

static void the_real_user_is_the_first_of_its_ids(void **state)
{
  (void)state;
  int64_t uid;
  assert_int_equal(process_parse_uid("Name:\tUid:\t5\nUid:\t1000\t0\t0\t0\n", &uid), 0);
  assert_int_equal(uid, 1000);
  assert_int_equal(process_parse_uid("Name:\tx\nUid:\tx\n", &uid), -EINVAL);
  assert_int_equal(process_parse_uid("Name:\tx\n", &uid), -EINVAL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_stat_line_is_taken_apart),
      cmocka_unit_test(hostile_names_shift_no_field),
      cmocka_unit_test(long_names_are_cut),
      cmocka_unit_test(broken_stat_lines_are_refused),
      cmocka_unit_test(the_v2_path_is_found_among_v1_hierarchies),
      cmocka_unit_test(ids_in_nested_namespaces_are_counted),
      cmocka_unit_test(the_real_user_is_the_first_of_its_ids),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
