/* How targets live and end, with real processes: the source tells each ending apart. */
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "probe/hook/test_target.h"
#include "probe/process/process.h"

enum { NOBODY = 65534 };

static void open_one(void *context, int in, int out)
{
  (void)context;
  struct impasse_actor waiter = impasse_actor_open(impasse_text("waiter"));
  (void)impasse_call_begin(waiter, waiter.ref, 0, 0);
  test_child_tell(out);
  test_child_await(in);
  exit(0);
}

static bool is_dead(void *reach)
{
  return !reach_alive(reach);
}

static void expect_dead(struct test_target *target)
{
  if (!test_until(is_dead, target->reach))
    fail_msg("the process does not end");
}

/* ---- not ours ---- */

static void a_program_without_the_library_is_not_ours(void **state)
{
  (void)state;
  char reason[SOURCE_REASON_BYTES] = "";
  void *session = NULL;
  struct test_child child = test_child_start(NULL, NULL, false);
  struct reach_target *reach = NULL;
  assert_int_equal(reach_open(child.pid, &reach), 0);
  assert_int_equal(source_hook.probe(reach, reason), 0);
  assert_int_equal(source_hook.open(reach, &session, reason), -ENOENT);
  test_words(reason, "publishes no region");
  assert_null(session);
  reach_close(reach);
  test_child_kill(&child);
}

/* ---- ends ---- */

static void an_orderly_exit_is_no_crash(void **state)
{
  (void)state;
  struct test_target target = test_target_start(open_one, NULL);
  test_target_open(&target);
  assert_int_equal(test_target_sweep(&target)->wait_count, 1);
  assert_int_equal(write(target.child.to, "g", 1), 1);
  expect_dead(&target);
  assert_int_equal(test_target_round(&target)->wait_count, 0); /* the dead block nobody */
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(sweep->kind, SWEEP_FULL);
  assert_int_equal(sweep->target.state, TARGET_GONE);
  assert_false(sweep->target.crashed);
  test_reason(sweep, "exited in order");
  sweep = test_target_sweep(&target);
  assert_int_equal(sweep->kind, SWEEP_FAILED);
  assert_int_equal(sweep->target.state, TARGET_GONE);
  test_reason(sweep, "exited in order");
  test_target_end(&target);
}

static void after_a_kill_the_last_state_is_still_there(void **state)
{
  (void)state;
  struct test_target target = test_target_start(open_one, NULL);
  test_target_open(&target);
  assert_int_equal(kill(target.child.pid, SIGKILL), 0);
  expect_dead(&target);
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(sweep->kind, SWEEP_FULL);
  assert_int_equal(sweep->target.state, TARGET_GONE);
  assert_true(sweep->target.crashed);
  test_reason(sweep, "crashed or was killed");
  test_holders(sweep, test_wait(sweep, "waiter"), "waiter");
  sweep = test_target_sweep(&target);
  assert_int_equal(sweep->kind, SWEEP_FAILED);
  assert_true(sweep->target.crashed);
  test_target_end(&target);
}

static void stop_in_mid_update(void *context, int in, int out)
{
  (void)context, (void)in;
  struct impasse_actor actor = impasse_actor_open(impasse_text("half"));
  (void)impasse_call_begin(actor, actor.ref, 0, 0);
  impasse_edit_begin(actor.ref.slot);
  test_child_tell(out);
}

static void a_slot_that_stays_half_written_is_counted_and_told(void **state)
{
  (void)state;
  struct test_target target = test_target_start(stop_in_mid_update, NULL);
  test_target_open(&target);
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(test_actor(sweep, "half")->state, ENUM_UNKNOWN);
  assert_int_equal(sweep->wait_count, 0);
  assert_int_equal(sweep->target.lost_count, 1);
  test_words(sweep_text(sweep, sweep->gaps[0].reason), "torn read");
  assert_int_equal(kill(target.child.pid, SIGKILL), 0);
  expect_dead(&target);
  sweep = test_target_sweep(&target);
  assert_true(sweep->target.crashed);
  test_reason(sweep, "in the middle of an update of 1");
  test_words(sweep_text(sweep, sweep->gaps[0].reason), "died in mid-update");
  test_target_end(&target);
}

static void exec_sleep(void *context, int in, int out)
{
  (void)context;
  struct impasse_actor waiter = impasse_actor_open(impasse_text("waiter"));
  (void)impasse_call_begin(waiter, waiter.ref, 0, 0);
  test_child_tell(out);
  test_child_await(in);
  execl("/bin/sleep", "sleep", "1000", NULL);
  _exit(1);
}

static bool has_execed(void *reach)
{
  struct reach_memfd found[1];
  return reach_memfds(reach, IMPASSE_REGION_NAME, found, 1) == 0;
}

static void exec_is_told_and_ends_the_waits(void **state)
{
  (void)state;
  char reason[SOURCE_REASON_BYTES];
  struct test_target target = test_target_start(exec_sleep, NULL);
  test_target_open(&target);
  assert_int_equal(test_target_sweep(&target)->wait_count, 1);
  assert_int_equal(write(target.child.to, "g", 1), 1);
  if (!test_until(has_execed, target.reach))
    fail_msg("sleep was not started");
  assert_int_equal(test_target_round(&target)->wait_count, 0);
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(sweep->kind, SWEEP_FAILED);
  assert_int_equal(sweep->target.state, TARGET_UNREADABLE);
  assert_false(sweep->target.crashed);
  test_reason(sweep, "exec'd into sleep");
  assert_int_equal(source_hook.probe(target.reach, reason), 0);
  test_target_end(&target);
}

static void stop_library(void *context, int in, int out)
{
  (void)context;
  (void)impasse_actor_open(impasse_text("one"));
  test_child_tell(out);
  test_child_await(in);
  impasse_stop();
  test_child_tell(out);
}

static void a_program_that_stops_publishing_is_not_gone(void **state)
{
  (void)state;
  struct test_target target = test_target_start(stop_library, NULL);
  test_target_open(&target);
  assert_int_equal(test_target_sweep(&target)->actor_count, 1);
  test_child_step(&target.child);
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(sweep->kind, SWEEP_FAILED);
  assert_int_equal(sweep->target.state, TARGET_UNREADABLE);
  test_reason(sweep, "stopped publishing");
  test_target_end(&target);
}

static void a_stopped_process_is_read_and_shown_as_stopped(void **state)
{
  (void)state;
  int status;
  struct test_target target = test_target_start(open_one, NULL);
  test_target_open(&target);
  assert_int_equal(kill(target.child.pid, SIGSTOP), 0);
  assert_int_equal(waitpid(target.child.pid, &status, WUNTRACED), target.child.pid);
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(sweep->wait_count, 1);
  assert_int_equal(process_fill(target.reach, target.sweep), 0);
  assert_int_equal(sweep->target.state, TARGET_STOPPED);
  test_target_end(&target);
}

/* ---- forks ---- */

static void fork_once(void *context, int in, int out)
{
  (void)context;
  (void)impasse_actor_open(impasse_text("parent"));
  test_child_tell(out);
  pid_t pid = fork();
  if (pid == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    test_child_await(in);
    (void)impasse_actor_open(impasse_text("child"));
    test_child_tell(out);
    for (;;)
      pause();
  }
  if (write(out, &pid, sizeof pid) != sizeof pid)
    _exit(1);
}

static void a_forked_child_is_silent_until_it_calls_and_then_itself(void **state)
{
  (void)state;
  char reason[SOURCE_REASON_BYTES];
  pid_t pid;
  struct test_target parent = test_target_start(fork_once, NULL), child = {.child = parent.child};
  assert_int_equal(read(parent.child.from, &pid, sizeof pid), sizeof pid);
  assert_int_equal(reach_open(pid, &child.reach), 0);
  assert_int_equal(source_hook.probe(child.reach, reason), 0);
  assert_int_equal(source_hook.open(child.reach, &child.session, reason), -ENOENT);
  test_words(reason, "no region of its own");

  test_child_step(&parent.child); /* the child reads from the same pipe */
  test_target_open(&child);
  const struct sweep *sweep = test_target_sweep(&child);
  assert_int_equal(sweep->actor_count, 1);
  (void)test_actor(sweep, "child");
  assert_int_equal(TARGET_KEY_PID(sweep->target_key), pid);
  test_target_open(&parent);
  sweep = test_target_sweep(&parent);
  assert_int_equal(sweep->actor_count, 1);
  (void)test_actor(sweep, "parent");

  assert_int_equal(kill(pid, SIGKILL), 0);
  sweep_free(child.sweep);
  source_hook.close(child.session);
  reach_close(child.reach);
  test_target_end(&parent);
}

/* Start times are told in ticks: a region is seen to be older than a process from the
 * second tick on. */
static void await_ticks(void)
{
  struct timespec now, begin;
  long ns = 2 * (1000000000 / sysconf(_SC_CLK_TCK));
  (void)clock_gettime(CLOCK_MONOTONIC, &begin);
  do
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
  while ((now.tv_sec - begin.tv_sec) * 1000000000 + now.tv_nsec - begin.tv_nsec < ns);
}

__attribute__((noreturn)) static void fork_and_leave(void *context, int in, int out)
{
  (void)context;
  (void)impasse_actor_open(impasse_text("parent"));
  test_child_await(in);
  await_ticks();
  pid_t pid = fork();
  if (pid != 0)
    _exit(0);
  test_child_tell(out);
  pid = getpid();
  if (write(out, &pid, sizeof pid) != sizeof pid)
    _exit(1);
  test_child_await(in);
  _exit(0);
}

static void a_child_whose_parent_is_gone_is_silent_too(void **state)
{
  (void)state;
  char reason[SOURCE_REASON_BYTES];
  pid_t pid;
  int up[2], down[2];
  struct reach_target *reach = NULL;
  assert_int_equal(pipe(up), 0);
  assert_int_equal(pipe(down), 0);
  pid_t parent = fork();
  if (parent == 0)
    fork_and_leave(NULL, down[0], up[1]);
  struct test_child child = {parent, up[0], down[1]};
  test_child_step(&child);
  assert_int_equal(read(up[0], &pid, sizeof pid), sizeof pid);
  assert_int_equal(waitpid(parent, NULL, 0), parent);
  assert_int_equal(reach_open(pid, &reach), 0);
  assert_int_equal(source_hook.probe(reach, reason), 0);
  assert_int_equal(write(down[1], "g", 1), 1);
  reach_close(reach);
  for (int i = 0; i < 2; i++)
    (void)close(up[i]), (void)close(down[i]);
}

/* ---- containers ---- */

/* Forks a process that is number 1 in a pid namespace of its own. */
static void contain(void *context, int in, int out)
{
  (void)context;
  if (unshare(CLONE_NEWPID) != 0)
    _exit(1);
  pid_t pid = fork();
  if (pid != 0) {
    test_child_tell(out);
    if (write(out, &pid, sizeof pid) != sizeof pid)
      _exit(1);
    return;
  }
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  test_child_await(in);
  struct impasse_pool none = {impasse_unknown()};
  struct impasse_worker worker = impasse_worker_begin(none);
  impasse_run_begin(&worker, impasse_actor_open(impasse_text("contained")));
  test_child_tell(out);
  for (;;)
    pause();
}

static void a_contained_process_is_itself_and_its_threads_have_our_numbers(void **state)
{
  (void)state;
  pid_t pid;
  if (geteuid() != 0) {
    print_message("needs root, to make a pid namespace\n");
    skip();
  }
  struct test_target outside = test_target_start(contain, NULL), inside = {.child = outside.child};
  assert_int_equal(read(outside.child.from, &pid, sizeof pid), sizeof pid);
  test_child_step(&outside.child); /* the inner one reads from the same pipe */
  assert_int_equal(reach_open(pid, &inside.reach), 0);
  test_target_open(&inside);
  const struct sweep *sweep = test_target_sweep(&inside);
  assert_int_equal(test_actor(sweep, "contained")->tid, pid);
  assert_int_equal(TARGET_KEY_PID(sweep->target_key), pid);
  sweep_free(inside.sweep);
  source_hook.close(inside.session);
  reach_close(inside.reach);
  assert_int_equal(kill(pid, SIGKILL), 0);
  test_target_end(&outside);
}

/* ---- threads ---- */

static void run_and_lay_down(void *context, int in, int out)
{
  (void)context;
  struct impasse_pool none = {impasse_unknown()};
  struct impasse_worker worker = impasse_worker_begin(none);
  struct impasse_actor first = impasse_actor_open(impasse_text("first"));
  struct impasse_actor second = impasse_actor_open(impasse_text("second"));
  impasse_run_begin(&worker, first);
  test_child_tell(out);
  test_child_await(in);
  impasse_run_end(first, IMPASSE_RECEIVE);
  impasse_run_begin(&worker, second);
  test_child_tell(out);
  test_child_await(in);
}

/* A thread may be blocked where only another source sees it: which actor it runs is read as often as
 * that. */
static void a_round_reads_again_who_is_on_a_thread(void **state)
{
  (void)state;
  struct test_target target = test_target_start(run_and_lay_down, NULL);
  uint32_t tid = (uint32_t)target.child.pid;
  test_target_open(&target);
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(test_actor(sweep, "first")->tid, tid);
  assert_int_equal(test_actor(sweep, "second")->tid, 0);
  sweep = test_target_round(&target);
  assert_int_equal(test_actor(sweep, "first")->tid, tid);
  assert_null(test_find(sweep, "second"));
  test_child_step(&target.child);
  sweep = test_target_round(&target);
  assert_int_equal(test_actor(sweep, "first")->tid, 0); /* laid down: it is nobody's now */
  sweep = test_target_sweep(&target);
  assert_int_equal(test_actor(sweep, "first")->tid, 0);
  assert_int_equal(test_actor(sweep, "second")->tid, tid);
  test_target_end(&target);
}

/* ---- closed descriptors ---- */

struct closing {
  uid_t uid;
};

static void close_descriptors(void *context, int in, int out)
{
  const struct closing *closing = context;
  if (closing->uid &&
      (setresgid(closing->uid, closing->uid, closing->uid) != 0 ||
       setresuid(closing->uid, closing->uid, closing->uid) != 0 || prctl(PR_SET_DUMPABLE, 1) != 0))
    _exit(1);
  struct impasse_actor server = impasse_actor_open(impasse_registered("server"));
  struct impasse_actor client = impasse_actor_open(impasse_numbered(impasse_class("client"), 1));
  struct impasse_service service = impasse_service_open(impasse_text("service"));
  struct impasse_table table = impasse_table_open(impasse_text("table"), IMPASSE_MUTEX);
  impasse_service_join(service, server);
  impasse_put(impasse_mailbox_of(server), 7);
  impasse_table_acquired(table, server, IMPASSE_WRITE);
  (void)impasse_call_begin(client, service.ref, 0, 0);
  (void)impasse_table_wait_begin(table, impasse_actor_open(impasse_text("third")), IMPASSE_WRITE,
                                 0);
  for (int fd = 3; fd < 1024; fd++)
    if (fd != in && fd != out)
      (void)close(fd);
  test_child_tell(out);
  for (;;) {
    test_child_await(in);
    impasse_take(impasse_mailbox_of(server), 1);
    test_child_tell(out);
  }
}

static void expect_all_of_it(const struct sweep *sweep, int64_t depth)
{
  assert_int_equal(test_actor(sweep, "server")->depth, depth);
  test_holders(sweep, test_wait(sweep, "client/1"), "server");
  test_holders(sweep, test_wait(sweep, "third"), "server");
  assert_true(test_table(sweep, "table")->owner == test_actor(sweep, "server")->key);
}

static void read_with_closed_descriptors(uid_t uid)
{
  struct closing closing = {uid};
  struct test_target target = test_target_start(close_descriptors, &closing);
  test_target_open(&target);
  expect_all_of_it(test_target_sweep(&target), 7);
  test_child_step(&target.child);
  expect_all_of_it(test_target_sweep(&target), 6);
  assert_int_equal(test_target_round(&target)->wait_count, 2);
  assert_int_equal(kill(target.child.pid, SIGKILL), 0);
  expect_dead(&target);
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(sweep->target.state, TARGET_GONE);
  if (sweep->kind == SWEEP_FAILED)
    test_reason(sweep, "how cannot be told");
  test_target_end(&target);
}

static void closed_descriptors_are_no_hindrance(void **state)
{
  (void)state;
  read_with_closed_descriptors(0);
}

static void closed_descriptors_are_no_hindrance_without_privileges(void **state)
{
  (void)state;
  if (geteuid() != 0) {
    print_message("the test before was this one already: it runs as an ordinary user\n");
    skip();
  }
  assert_int_equal(setresgid(NOBODY, NOBODY, 0), 0);
  assert_int_equal(setresuid(NOBODY, NOBODY, 0), 0);
  read_with_closed_descriptors(NOBODY);
  assert_int_equal(setresuid(0, 0, 0), 0);
  assert_int_equal(setresgid(0, 0, 0), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_program_without_the_library_is_not_ours),
      cmocka_unit_test(an_orderly_exit_is_no_crash),
      cmocka_unit_test(after_a_kill_the_last_state_is_still_there),
      cmocka_unit_test(a_slot_that_stays_half_written_is_counted_and_told),
      cmocka_unit_test(exec_is_told_and_ends_the_waits),
      cmocka_unit_test(a_program_that_stops_publishing_is_not_gone),
      cmocka_unit_test(a_stopped_process_is_read_and_shown_as_stopped),
      cmocka_unit_test(a_forked_child_is_silent_until_it_calls_and_then_itself),
      cmocka_unit_test(a_child_whose_parent_is_gone_is_silent_too),
      cmocka_unit_test(a_contained_process_is_itself_and_its_threads_have_our_numbers),
      cmocka_unit_test(a_round_reads_again_who_is_on_a_thread),
      cmocka_unit_test(closed_descriptors_are_no_hindrance),
      cmocka_unit_test(closed_descriptors_are_no_hindrance_without_privileges),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
