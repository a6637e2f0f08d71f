/* Opening, reading and losing real processes. */
#include "probe/reach/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "probe/reach/test_child.h"

static const char secret[] = "bytes of the target";

static struct reach_target *open_child(const struct test_child *child)
{
  struct reach_target *target = NULL;
  assert_int_equal(reach_open(child->pid, &target), 0);
  return target;
}

static void a_living_process_is_opened_with_its_identity(void **state)
{
  (void)state;
  struct test_child child = test_child_start(NULL, NULL, false);
  struct reach_target *target = open_child(&child);
  assert_int_equal(reach_pid(target), child.pid);
  assert_true(reach_start_ticks(target) > 0);
  assert_true(reach_pidfd(target) >= 0);
  assert_true(reach_alive(target));
  reach_close(target);
  test_child_kill(&child);
}

static void memory_files_and_links_are_read(void **state)
{
  (void)state;
  char bytes[sizeof secret] = "", link[PATH_MAX], *text;
  size_t length;
  struct test_child child = test_child_start(NULL, NULL, false);
  struct reach_target *target = open_child(&child);

  /* A forked child has our layout. */
  assert_int_equal(reach_read(target, (uintptr_t)secret, bytes, sizeof bytes), sizeof bytes);
  assert_string_equal(bytes, secret);
  assert_int_equal(reach_file(target, "status", 16384, &text, &length), 0);
  assert_int_equal(strlen(text), length);
  assert_non_null(strstr(text, "\nUid:"));
  free(text);
  assert_int_equal(reach_file(target, "status", 10, &text, &length), -EFBIG);
  assert_int_equal(reach_file(target, "no-such-file", 10, &text, &length), -ENOENT);
  assert_int_equal(reach_link(target, "exe", link, sizeof link), 0);
  assert_int_equal(link[0], '/');
  assert_int_equal(reach_link(target, "exe", link, 3), -ENAMETOOLONG);
  reach_close(target);
  test_child_kill(&child);
}

static void map_one_page(void *context, int in, int out)
{
  (void)context, (void)in;
  size_t size = (size_t)sysconf(_SC_PAGESIZE);
  char *pages = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED || munmap(pages + size, size) != 0)
    _exit(1);
  memset(pages, 'x', size);
  uint64_t address = (uintptr_t)pages;
  test_child_tell(out);
  if (write(out, &address, sizeof address) != sizeof address)
    _exit(1);
}

static void a_read_ends_where_the_mapping_ends(void **state)
{
  (void)state;
  size_t size = (size_t)sysconf(_SC_PAGESIZE);
  char *bytes = malloc(size), link[64];
  uint64_t address;
  struct test_child child = test_child_start(map_one_page, NULL, true);
  assert_int_equal(read(child.from, &address, sizeof address), sizeof address);
  struct reach_target *target = open_child(&child);

  assert_int_equal(reach_read(target, address + size - 100, bytes, size), 100);
  assert_int_equal(bytes[99], 'x');
  assert_int_equal(reach_read(target, 0, bytes, 8), -EFAULT);
  assert_int_equal(reach_read(target, address, bytes, 0), 0);
  assert_int_equal(reach_link(target, "fd/99999", link, sizeof link), -ENOENT);
  free(bytes);
  reach_close(target);
  test_child_kill(&child);
}

static void pieces_that_are_not_there_are_left_out(void **state)
{
  (void)state;
  enum { COUNT = 600 }; /* more than one call takes */
  static char bytes[COUNT][sizeof secret];
  struct reach_piece pieces[COUNT];
  struct test_child child = test_child_start(NULL, NULL, false);
  struct reach_target *target = open_child(&child);
  for (size_t i = 0; i < COUNT; i++)
    pieces[i] =
        (struct reach_piece){i % 7 == 3 ? 16 : (uintptr_t)secret, bytes[i], sizeof secret, true};
  assert_int_equal(reach_read_pieces(target, pieces, COUNT), 0);
  for (size_t i = 0; i < COUNT; i++) {
    assert_int_equal(pieces[i].read, i % 7 != 3);
    assert_string_equal(bytes[i], i % 7 == 3 ? "" : secret);
  }
  assert_int_equal(reach_read_pieces(target, NULL, 0), 0);
  test_child_kill(&child);
  assert_int_equal(reach_read_pieces(target, pieces, COUNT), -ESRCH);
  reach_close(target);
}

static void a_dead_process_is_gone_and_its_number_reads_nothing(void **state)
{
  (void)state;
  char bytes[8], *text;
  struct test_child child = test_child_start(NULL, NULL, false);
  struct reach_target *target = open_child(&child), *again = NULL;
  assert_int_equal(kill(child.pid, SIGKILL), 0);
  struct pollfd gone = {.fd = reach_pidfd(target), .events = POLLIN};
  assert_int_equal(poll(&gone, 1, TEST_CHILD_DEADLINE_MS), 1);

  /* Dead, and its zombie still holds the number. */
  assert_false(reach_alive(target));
  assert_int_equal(reach_read(target, (uintptr_t)secret, bytes, sizeof bytes), -ESRCH);
  assert_int_equal(reach_file(target, "stat", 4096, &text, NULL), -ESRCH);
  assert_int_equal(reach_open(child.pid, &again), -ESRCH);
  test_child_kill(&child);
  assert_int_equal(reach_file(target, "stat", 4096, &text, NULL), -ESRCH);
  assert_int_equal(reach_open(child.pid, &again), -ESRCH);
  assert_null(again);
  reach_close(target);
}

static void numbers_of_no_process_are_refused(void **state)
{
  (void)state;
  struct reach_target *target = NULL;
  assert_int_equal(reach_open(0, &target), -ESRCH);
  assert_int_equal(reach_open(-1, &target), -ESRCH);
  assert_int_equal(reach_open(INT_MAX, &target), -ESRCH);
  assert_null(target);
  reach_close(NULL);
}

static void a_stopped_process_is_read_like_any_other(void **state)
{
  (void)state;
  char bytes[sizeof secret] = "", *text;
  int status;
  struct test_child child = test_child_start(NULL, NULL, false);
  assert_int_equal(kill(child.pid, SIGSTOP), 0);
  assert_int_equal(waitpid(child.pid, &status, WUNTRACED), child.pid);
  struct reach_target *target = open_child(&child);
  assert_true(reach_alive(target));
  assert_int_equal(reach_read(target, (uintptr_t)secret, bytes, sizeof bytes), sizeof bytes);
  assert_int_equal(reach_file(target, "stat", 4096, &text, NULL), 0);
  free(text);
  reach_close(target);
  test_child_kill(&child);
}

static void exec_sleep(void *context, int in, int out)
{
  (void)context;
  test_child_tell(out);
  test_child_await(in);
  execl("/bin/sleep", "sleep", "1000", NULL);
  _exit(1);
}

static bool has_execed(void *context)
{
  char link[PATH_MAX];
  return reach_link(context, "exe", link, sizeof link) == 0 && strstr(link, "/sleep");
}

static void a_process_that_execs_stays_the_same_process_with_other_memory(void **state)
{
  (void)state;
  char bytes[sizeof secret] = "";
  struct test_child child = test_child_start(exec_sleep, NULL, true);
  struct reach_target *target = open_child(&child), *again = NULL;
  assert_int_equal(write(child.to, "g", 1), 1);
  if (!test_until(has_execed, target)) { /* a busybox sleep resolves to another name */
    reach_close(target);
    test_child_kill(&child);
    skip();
  }
  assert_true(reach_alive(target));
  assert_int_equal(reach_open(child.pid, &again), 0);
  assert_true(reach_start_ticks(again) == reach_start_ticks(target));
  ssize_t got = reach_read(target, (uintptr_t)secret, bytes, sizeof bytes);
  assert_true(got == -EFAULT || memcmp(bytes, secret, sizeof secret) != 0);
  reach_close(again);
  reach_close(target);
  test_child_kill(&child);
}

static void take_hostile_name(void *context, int in, int out)
{
  (void)context, (void)in, (void)out;
  (void)prctl(PR_SET_NAME, ") S 1\n 1 (x) 9");
}

static void a_hostile_name_does_not_shift_the_start_time(void **state)
{
  (void)state;
  struct test_child child = test_child_start(take_hostile_name, NULL, false);
  struct test_child plain = test_child_start(NULL, NULL, false);
  struct reach_target *target = open_child(&child), *other = open_child(&plain);
  /* Both were started within the same seconds; any other field is far smaller or far larger. */
  assert_true(reach_start_ticks(other) - reach_start_ticks(target) < 10000);
  reach_close(target);
  reach_close(other);
  test_child_kill(&child);
  test_child_kill(&plain);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_living_process_is_opened_with_its_identity),
      cmocka_unit_test(memory_files_and_links_are_read),
      cmocka_unit_test(a_read_ends_where_the_mapping_ends),
      cmocka_unit_test(pieces_that_are_not_there_are_left_out),
      cmocka_unit_test(a_dead_process_is_gone_and_its_number_reads_nothing),
      cmocka_unit_test(numbers_of_no_process_are_refused),
      cmocka_unit_test(a_stopped_process_is_read_like_any_other),
      cmocka_unit_test(a_process_that_execs_stays_the_same_process_with_other_memory),
      cmocka_unit_test(a_hostile_name_does_not_shift_the_start_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
