/* A claim is had by one, seen by others with the pid of who has it, and ends with its process. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "probe/reach/reach.h"
#include "probe/reach/test_child.h"

static struct reach_target *open_target(pid_t pid)
{
  struct reach_target *target = NULL;
  assert_int_equal(reach_open(pid, &target), 0);
  return target;
}

/* Claims the process given, and keeps it until it is killed. */
static void claim_and_stay(void *context, int in, int out)
{
  struct reach_target *target = NULL;
  pid_t claimant = 0;
  int fd = -1;
  (void)in;
  if (reach_open(*(const pid_t *)context, &target) != 0 ||
      reach_claim(target, &fd, &claimant) != 0 || write(out, "r", 1) != 1)
    _exit(1);
}

static void one_at_a_time(void **state)
{
  (void)state;
  struct test_child child = test_child_start(NULL, NULL, false);
  struct reach_target *target = open_target(child.pid), *again = open_target(child.pid);
  pid_t claimant = -1;
  int first = -1, second = -1;
  assert_int_equal(reach_claim(target, &first, &claimant), 0);
  assert_int_equal(reach_claim(again, &second, &claimant), -EBUSY);
  assert_int_equal(claimant, getpid());
  assert_int_equal(second, -1);
  assert_int_equal(close(first), 0);
  assert_int_equal(reach_claim(again, &second, &claimant), 0);
  assert_int_equal(close(second), 0);
  reach_close(target);
  reach_close(again);
  test_child_kill(&child);
}

static void it_dies_with_its_process(void **state)
{
  (void)state;
  struct test_child child = test_child_start(NULL, NULL, false);
  struct reach_target *target = open_target(child.pid);
  struct test_child other = test_child_start(claim_and_stay, &child.pid, true);
  pid_t claimant = -1;
  int fd = -1;
  assert_int_equal(reach_claim(target, &fd, &claimant), -EBUSY);
  assert_int_equal(claimant, other.pid);
  test_child_kill(&other);
  assert_int_equal(reach_claim(target, &fd, &claimant), 0);
  assert_int_equal(close(fd), 0);
  reach_close(target);
  test_child_kill(&child);
}

static void processes_are_claimed_apart(void **state)
{
  (void)state;
  struct test_child a = test_child_start(NULL, NULL, false),
                    b = test_child_start(NULL, NULL, false);
  struct reach_target *of_a = open_target(a.pid), *of_b = open_target(b.pid);
  pid_t claimant = -1;
  int fd_a = -1, fd_b = -1;
  assert_int_equal(reach_claim(of_a, &fd_a, &claimant), 0);
  assert_int_equal(reach_claim(of_b, &fd_b, &claimant), 0);
  assert_int_equal(close(fd_a), 0);
  assert_int_equal(close(fd_b), 0);
  test_child_kill(&a);
  assert_int_equal(reach_claim(of_a, &fd_a, &claimant), -ESRCH);
  reach_close(of_a);
  reach_close(of_b);
  test_child_kill(&b);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_at_a_time),
      cmocka_unit_test(it_dies_with_its_process),
      cmocka_unit_test(processes_are_claimed_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
