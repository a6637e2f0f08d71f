/* Which processes are worth reading, on real ones. */
#include <semaphore.h>
#include <signal.h>

#include "probe/thread/test_threads.h"

enum { NOBODY = 65534 };

static sem_t never;
static struct test_thread other;

static void *wait_in_futex(void *unused)
{
  for (;;)
    (void)sem_wait(&never);
  return unused;
}

static void *wait_in_pause(void *unused)
{
  (void)pause();
  return unused;
}

static void have_waiting_thread(void *context, int in, int out)
{
  (void)context, (void)in;
  other = (struct test_thread){.name = "other", .run = wait_in_futex};
  test_thread_start(&other);
  test_thread_await(&other);
  test_child_tell(out);
}

static void have_idle_thread(void *context, int in, int out)
{
  (void)context, (void)in;
  other = (struct test_thread){.name = "other", .run = wait_in_pause};
  test_thread_start(&other);
  test_thread_await(&other);
  test_child_tell(out);
}

static void wait_alone(void *context, int in, int out)
{
  (void)context, (void)in;
  test_child_tell(out);
  (void)sem_wait(&never);
}

struct asked {
  struct reach_target *target;
  int wanted;
  char reason[SOURCE_REASON_BYTES];
};

static bool is_answered(void *context)
{
  struct asked *asked = context;
  return source_thread.probe(asked->target, asked->reason) == asked->wanted;
}

static void expect(void (*body)(void *, int, int), int wanted, const char *reason)
{
  struct test_target target = test_target_start(body, NULL);
  struct asked asked = {.target = target.reach, .wanted = wanted};
  if (!test_until(is_answered, &asked)) /* a thread may be on its way into its wait */
    fail_msg("got the verdict %d, wanted %d", source_thread.probe(target.reach, asked.reason),
             wanted);
  if (reason)
    test_words(asked.reason, reason);
  test_target_end(&target);
}

static void a_process_with_a_thread_in_futex_is(void **state)
{
  (void)state;
  expect(have_waiting_thread, SOURCE_MINE, NULL);
}

static void its_only_thread_may_be_the_one(void **state)
{
  (void)state;
  expect(wait_alone, SOURCE_MINE, NULL);
}

static void threads_that_wait_for_nothing_of_interest_are_not(void **state)
{
  (void)state;
  expect(have_idle_thread, SOURCE_NOT_MINE, NULL);
}

/* As nobody; 0 the answer is as wanted, with a reason. */
static int ask_as_nobody(pid_t pid, int wanted)
{
  char reason[SOURCE_REASON_BYTES] = "";
  struct reach_target *target = NULL;
  if (setuid(NOBODY) != 0 || reach_open(pid, &target) != 0)
    return 2;
  return source_thread.probe(target, reason) == wanted && reason[0] ? 0 : 1;
}

static void expect_of_nobody(void (*body)(void *, int, int), int wanted)
{
  if (geteuid() != 0)
    skip(); /* nobody else's process can be made */
  struct test_target target = test_target_start(body, NULL);
  int status;
  pid_t pid = fork();
  if (pid == 0)
    _exit(ask_as_nobody(target.child.pid, wanted));
  assert_true(pid > 0);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
  test_target_end(&target);
}

static void of_another_user_it_is_only_told_to_who_asks(void **state)
{
  (void)state;
  expect_of_nobody(have_waiting_thread, -EACCES);
}

static void hide_as_nobody(void *context, int in, int out)
{
  (void)context, (void)in;
  other = (struct test_thread){.name = "other", .run = wait_in_futex};
  test_thread_start(&other);
  test_thread_await(&other);
  if (setuid(NOBODY) != 0) /* which makes it non-dumpable as well */
    _exit(1);
  test_child_tell(out);
}

static void ones_own_that_may_not_be_read_is_told_with_the_reason(void **state)
{
  (void)state;
  expect_of_nobody(hide_as_nobody, SOURCE_MINE_UNREADABLE);
}

static void kernel_threads_are_not(void **state)
{
  (void)state;
  char reason[SOURCE_REASON_BYTES];
  struct reach_target *target = NULL;
  if (reach_open(2, &target) != 0)
    skip(); /* a pid namespace of our own has none */
  assert_int_equal(source_thread.probe(target, reason), SOURCE_NOT_MINE);
  reach_close(target);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_process_with_a_thread_in_futex_is),
      cmocka_unit_test(its_only_thread_may_be_the_one),
      cmocka_unit_test(threads_that_wait_for_nothing_of_interest_are_not),
      cmocka_unit_test(of_another_user_it_is_only_told_to_who_asks),
      cmocka_unit_test(ones_own_that_may_not_be_read_is_told_with_the_reason),
      cmocka_unit_test(kernel_threads_are_not),
  };
  (void)sem_init(&never, 0, 0);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
