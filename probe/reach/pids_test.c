/* Listing the processes of the machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "probe/reach/reach.h"
#include "probe/reach/test_child.h"

static bool listed(pid_t pid)
{
  pid_t *pids = NULL;
  size_t count = 0;
  bool found = false;
  assert_int_equal(reach_pids(&pids, &count), 0);
  assert_true(count > 0);
  for (size_t i = 0; i < count; i++) {
    assert_true(pids[i] > 0 && (i == 0 || pids[i - 1] < pids[i]));
    found |= pids[i] == pid;
  }
  free(pids);
  return found;
}

static void a_child_is_listed_until_it_is_gone(void **state)
{
  (void)state;
  struct test_child child = test_child_start(NULL, NULL, false);
  assert_true(listed(getpid()));
  assert_true(listed(child.pid));
  test_child_kill(&child);
  assert_false(listed(child.pid));
}

static void *wait_for_ever(void *context)
{
  (void)context;
  pause();
  return NULL;
}

static void start_a_thread(void *context, int in, int out)
{
  pthread_t thread;
  (void)context, (void)in, (void)out;
  if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0)
    _exit(1);
}

static void the_threads_of_a_process_are_listed(void **state)
{
  (void)state;
  struct test_child child = test_child_start(start_a_thread, NULL, false);
  struct reach_target *target = NULL;
  pid_t *tids = NULL;
  size_t count = 0;
  assert_int_equal(reach_open(child.pid, &target), 0);
  assert_int_equal(reach_tids(target, &tids, &count), 0);
  assert_true(count >= 2); /* a sanitizer may run a thread of its own */
  assert_int_equal(tids[0], child.pid);
  free(tids);
  test_child_kill(&child);
  assert_int_equal(reach_tids(target, &tids, &count), -ESRCH);
  reach_close(target);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_child_is_listed_until_it_is_gone),
      cmocka_unit_test(the_threads_of_a_process_are_listed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
