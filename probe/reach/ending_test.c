/* ending_test.c - how a process ended is told before and after its parent has waited for it. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "probe/reach/reach.h"

static pid_t start_child(struct reach_target **ret_target)
{
  pid_t pid = fork();
  if (pid == 0) {
    (void)pause();
    _exit(0);
  }
  assert_true(pid > 0);
  assert_int_equal(reach_open(pid, ret_target), 0);
  return pid;
}

static void wait_for_end(const struct reach_target *target)
{
  struct pollfd end = {.fd = reach_pidfd(target), .events = POLLIN};
  assert_int_equal(poll(&end, 1, 10000), 1);
}

static void zombie_and_reaped(void **state)
{
  struct reach_target *target;
  int status = -1;
  pid_t pid = start_child(&target);
  (void)state;
  assert_int_equal(reach_ending(target, &status), -EAGAIN);
  assert_int_equal(kill(pid, SIGTERM), 0);
  wait_for_end(target);
  assert_int_equal(reach_ending(target, &status), 0);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  assert_int_equal(waitpid(pid, NULL, 0), pid);
  status = -1;
  int error = reach_ending(target, &status);
  reach_close(target);
  if (error == -ENODATA) {
    print_message("this kernel forgets how a process ended once it is reaped (before 6.15)\n");
    assert_int_equal(status, -1);
    return;
  }
  assert_int_equal(error, 0);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(zombie_and_reaped)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
