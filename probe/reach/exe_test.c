/* exe_test.c - the files of a target that are opened for those above. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>

#include "probe/reach/reach.h"
#include "probe/reach/test_child.h"

static void the_executable_is_the_one_that_runs(void **state)
{
  (void)state;
  struct test_child child = test_child_start(NULL, NULL, false);
  struct reach_target *target;
  struct stat mine, theirs;
  int fd = -1;
  assert_int_equal(reach_open(child.pid, &target), 0);
  assert_int_equal(reach_exe_open(target, &fd), 0);
  assert_int_equal(fstat(fd, &theirs), 0);
  assert_int_equal(stat("/proc/self/exe", &mine), 0); /* a fork runs what its parent runs */
  assert_true(mine.st_ino == theirs.st_ino && mine.st_dev == theirs.st_dev);
  (void)close(fd);
  test_child_kill(&child);
  assert_int_equal(reach_exe_open(target, &fd), -ESRCH);
  reach_close(target);
}

/* The stack of the test is there and not swapped out; page 0 never is. */
static void the_pagemap_tells_what_is_there(void **state)
{
  (void)state;
  struct test_child child = test_child_start(NULL, NULL, false);
  struct reach_target *target;
  uint64_t entry;
  int fd = -1;
  assert_int_equal(reach_open(child.pid, &target), 0);
  assert_int_equal(reach_pagemap_open(target, &fd), 0);
  assert_int_equal(pread(fd, &entry, 8, 0), 8);
  assert_true(entry >> 62 == 0);
  assert_int_equal(pread(fd, &entry, 8, (off_t)((uintptr_t)&child / 4096 * 8)), 8);
  assert_true(entry >> 62 != 0);
  (void)close(fd);
  test_child_kill(&child);
  assert_int_equal(reach_pagemap_open(target, &fd), -ESRCH);
  reach_close(target);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_executable_is_the_one_that_runs),
      cmocka_unit_test(the_pagemap_tells_what_is_there),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
