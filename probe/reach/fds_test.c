/* fds_test.c - descriptors of a real process, told as the kernel words them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "probe/reach/reach.h"
#include "probe/reach/test_child.h"

enum { SOCKET_FD = 100, NULL_FD = 101 };

static void open_some(void *context, int in, int out)
{
  (void)context, (void)in, (void)out;
  if (dup2(socket(AF_UNIX, SOCK_STREAM, 0), SOCKET_FD) < 0 ||
      dup2(open("/dev/null", O_RDONLY), NULL_FD) < 0)
    _exit(1);
}

static const struct reach_fd *find(const struct reach_fd *list, size_t count, int fd)
{
  for (size_t i = 0; i < count; i++)
    if (list[i].fd == fd)
      return &list[i];
  return NULL;
}

static void links_are_told_ascending(void **state)
{
  (void)state;
  struct test_child child = test_child_start(open_some, NULL, false);
  struct reach_target *target;
  struct reach_fd *list;
  size_t count;
  assert_int_equal(reach_open(child.pid, &target), 0);
  assert_int_equal(reach_fds(target, 1000, &list, &count), 0);
  assert_true(count >= 2);
  for (size_t i = 1; i < count; i++)
    assert_true(list[i].fd > list[i - 1].fd);
  assert_int_equal(strncmp(find(list, count, SOCKET_FD)->link, "socket:[", 8), 0);
  assert_string_equal(find(list, count, NULL_FD)->link, "/dev/null");
  free(list);
  test_child_kill(&child);
  assert_int_equal(reach_fds(target, 1000, &list, &count), -ESRCH);
  reach_close(target);
}

static void more_than_wanted_is_said(void **state)
{
  (void)state;
  struct test_child child = test_child_start(open_some, NULL, false);
  struct reach_target *target;
  struct reach_fd *list;
  size_t count;
  assert_int_equal(reach_open(child.pid, &target), 0);
  assert_int_equal(reach_fds(target, 1, &list, &count), -E2BIG);
  assert_int_equal(count, 1);
  free(list);
  reach_close(target);
  test_child_kill(&child);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(links_are_told_ascending),
      cmocka_unit_test(more_than_wanted_is_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
