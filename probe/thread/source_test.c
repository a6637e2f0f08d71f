/*
 * Real processes whose threads wait in known ways, read by each route that this kernel and user allow:
 * right holder or none, what lasts and what ends.
 */
#include <poll.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "probe/clock.h"
#include "probe/thread/test_threads.h"

/* Named in findings. */
pthread_mutex_t test_first = PTHREAD_MUTEX_INITIALIZER, test_second = PTHREAD_MUTEX_INITIALIZER;
pthread_rwlock_t test_ledger = PTHREAD_RWLOCK_INITIALIZER;

static pthread_barrier_t both;
static sem_t never;

static void *rest(void *unused)
{
  (void)unused;
  for (;;)
    (void)sem_wait(&never);
  return NULL;
}

static void *hold_first(void *unused)
{
  (void)pthread_mutex_lock(&test_first);
  return rest(unused);
}

static void *take_first(void *unused)
{
  (void)pthread_mutex_lock(&test_first);
  return rest(unused);
}

/* ---- a circle ---- */

static struct test_thread one, two;

static void *cross_one(void *unused)
{
  (void)pthread_mutex_lock(&test_first);
  (void)pthread_barrier_wait(&both);
  (void)pthread_mutex_lock(&test_second);
  return rest(unused);
}

static void *cross_two(void *unused)
{
  (void)pthread_mutex_lock(&test_second);
  (void)pthread_barrier_wait(&both);
  (void)pthread_mutex_lock(&test_first);
  return rest(unused);
}

static bool crossed(void *unused)
{
  (void)unused;
  return __atomic_load_n(&test_first.__data.__lock, __ATOMIC_RELAXED) == 2 &&
         __atomic_load_n(&test_second.__data.__lock, __ATOMIC_RELAXED) == 2;
}

static void begin_circle(void)
{
  one = (struct test_thread){.name = "one", .run = cross_one};
  two = (struct test_thread){.name = "two", .run = cross_two};
  (void)pthread_barrier_init(&both, NULL, 2);
  test_thread_start(&one);
  test_thread_start(&two);
  if (!test_until(crossed, NULL))
    _exit(1);
  test_thread_await(&one);
  test_thread_await(&two);
}

static void circle(void *context, int in, int out)
{
  (void)context, (void)in;
  begin_circle();
  test_child_tell(out);
}

static void expect_edge(const struct sweep *sweep, const char *waiter, const char *holder,
                        const char *object)
{
  const struct sweep_wait *wait = test_wait(sweep, waiter);
  assert_int_equal(test_holder(sweep, wait)->actor, test_actor(sweep, holder)->key);
  assert_int_equal(test_holder(sweep, wait)->target, 0);
  assert_string_equal(sweep_text(sweep, wait->object), object);
  assert_int_equal(wait->via, VIA_LOCK);
  assert_int_equal(wait->timeout, TIMEOUT_NONE);
  assert_true(wait->exclusive);
  assert_false(wait->open);
  assert_int_equal(test_actor(sweep, waiter)->state, ACTOR_BLOCKED);
}

static void a_circle_is_read_and_lasts(void **state)
{
  (void)state;
  struct test_target target = test_target_start(circle, NULL);
  test_target_open(&target);
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(sweep->kind, SWEEP_FULL);
  assert_int_equal(sweep->target.state, TARGET_RUNNING);
  assert_int_equal(sweep->wait_count, 2);
  assert_true(sweep->actor_count >= 3); /* a sanitizer has threads of its own */
  expect_edge(sweep, "one", "two", "mutex test_second");
  expect_edge(sweep, "two", "one", "mutex test_first");
  assert_string_equal(sweep_text(sweep, test_actor(sweep, "one")->function), "cross_one");
  struct sweep_wait first = *test_wait(sweep, "one");
  assert_true(first.since_ns <= sweep->end_ns && first.since_ns > 0);

  sweep = test_target_round(&target);
  assert_int_equal(sweep->actor_count, 2);
  const struct sweep_wait *again = test_wait_of(sweep, first.waiter);
  assert_non_null(again);
  assert_memory_equal(&again->id, &first.id, sizeof first.id);
  assert_int_equal(again->run_count, first.run_count);
  assert_int_equal(again->since_ns, first.since_ns);
  assert_string_equal(sweep_text(sweep, again->object), "mutex test_second");

  const struct sweep_table *lock = test_table(test_target_sweep(&target), "test_first");
  assert_int_equal(lock->kind, TABLE_MUTEX);
  assert_int_equal(lock->write_waiters, 1);
  assert_int_equal(lock->read_waiters, 0);
  assert_int_equal(lock->contended_count, 1);
  assert_int_equal(lock->owner, test_actor(target.sweep, "one")->key);
  assert_true(lock->wait_ns > 0);
  assert_int_equal(lock->max_wait_ns, 0); /* it has not ended */
  test_target_end(&target);
}

/* ---- other ways to wait ---- */

static void *lock_timed(void *unused)
{
  struct timespec until;
  (void)clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 3600;
  (void)pthread_mutex_timedlock(&test_first, &until);
  return rest(unused);
}

static void *read_ledger(void *unused)
{
  (void)pthread_rwlock_rdlock(&test_ledger);
  return rest(unused);
}

static void *write_ledger(void *unused)
{
  (void)pthread_rwlock_wrlock(&test_ledger);
  return rest(unused);
}

static struct test_thread holder, joiner;

static void *join_holder(void *unused)
{
  (void)pthread_join(holder.thread, NULL);
  return rest(unused);
}

static void many_ways(void *context, int in, int out)
{
  static struct test_thread reader = {.name = "reader", .run = read_ledger},
                            writer = {.name = "writer", .run = write_ledger},
                            timed = {.name = "timed", .run = lock_timed},
                            idle = {.name = "idle", .run = rest};
  struct test_thread *in_order[] = {&holder, &joiner, &reader, &writer, &timed, &idle};
  (void)context, (void)in;
  holder = (struct test_thread){.name = "holder", .run = hold_first};
  joiner = (struct test_thread){.name = "joiner", .run = join_holder};
  for (size_t i = 0; i < sizeof in_order / sizeof in_order[0]; i++) {
    test_thread_start(in_order[i]);
    test_thread_await(in_order[i]);
  }
  test_child_tell(out);
}

static void every_way_to_wait_is_told_for_what_it_is(void **state)
{
  (void)state;
  struct test_target target = test_target_start(many_ways, NULL);
  char object[64];
  test_target_open(&target);
  const struct sweep *sweep = test_target_sweep(&target);
  uint64_t key = test_actor(sweep, "holder")->key;

  const struct sweep_wait *wait = test_wait(sweep, "timed");
  assert_int_equal(test_holder(sweep, wait)->actor, key);
  assert_int_equal(wait->timeout, TIMEOUT_SOME);
  assert_false(wait->exclusive && wait->timeout == TIMEOUT_NONE);

  wait = test_wait(sweep, "joiner");
  (void)snprintf(object, sizeof object, "thread holder/%u", test_actor(sweep, "holder")->tid);
  assert_int_equal(test_holder(sweep, wait)->actor, key);
  assert_int_equal(wait->via, VIA_JOIN);
  assert_string_equal(sweep_text(sweep, wait->object), object);

  wait = test_wait(sweep, "writer");
  assert_int_equal(wait->holder_count, 0);
  assert_true(wait->open);
  assert_false(wait->exclusive);
  assert_string_equal(sweep_text(sweep, wait->object), "rwlock test_ledger, held by 1 reader");
  assert_int_equal(test_table(sweep, "test_ledger")->kind, TABLE_RWLOCK);
  assert_int_equal(test_table(sweep, "test_ledger")->write_waiters, 1);

  assert_int_equal(test_actor(sweep, "idle")->state, ACTOR_RECEIVE);
  assert_int_equal(test_actor(sweep, "holder")->state, ACTOR_RECEIVE);
  assert_null(test_wait_of(sweep, test_actor(sweep, "idle")->key));
  assert_int_equal(sweep->wait_count, 3);
  test_target_end(&target);
}

/* ---- an owner that is no more ---- */

static void *lock_and_end(void *unused)
{
  (void)pthread_mutex_lock(&test_first);
  return unused;
}

static void leave_locked(void *context, int in, int out)
{
  static struct test_thread lost = {.name = "lost", .run = lock_and_end},
                            late = {.name = "late", .run = take_first};
  (void)context, (void)in;
  test_thread_start(&lost);
  (void)pthread_join(lost.thread, NULL);
  test_thread_start(&late);
  test_thread_await(&late);
  test_child_tell(out);
}

static void a_lock_whose_owner_ended_is_held_by_nobody_for_ever(void **state)
{
  (void)state;
  struct test_target target = test_target_start(leave_locked, NULL);
  test_target_open(&target);
  for (int i = 0; i < 2; i++) {
    const struct sweep_wait *wait = test_wait(test_target_sweep(&target), "late");
    assert_int_equal(wait->holder_count, 0);
    assert_false(wait->open);
    assert_string_equal(sweep_text(target.sweep, wait->object), "mutex test_first");
  }
  test_target_end(&target);
}

/* ---- processes that share a lock ---- */

struct common {
  pthread_mutex_t lock;
  pid_t holder; /* tid */
};

static void *hold_common(void *context)
{
  struct test_thread *thread = context;
  (void)thread;
  return rest(NULL);
}

static struct common *common;

static void hold_in_another_process(void *context, int in, int out)
{
  static struct test_thread extra = {.name = "extra", .run = hold_common};
  (void)context, (void)in;
  (void)pthread_mutex_lock(&common->lock);
  common->holder = (pid_t)syscall(SYS_gettid);
  test_thread_start(&extra);
  test_thread_await(&extra);
  test_child_tell(out);
}

static void *take_common(void *unused)
{
  (void)pthread_mutex_lock(&common->lock);
  return rest(unused);
}

static void wait_in_this_process(void *context, int in, int out)
{
  static struct test_thread taker = {.name = "taker", .run = take_common};
  (void)context, (void)in;
  test_thread_start(&taker);
  test_thread_await(&taker);
  test_child_tell(out);
}

static void the_owner_may_be_of_another_process(void **state)
{
  (void)state;
  pthread_mutexattr_t attributes;
  common = mmap(NULL, sizeof *common, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_ptr_not_equal(common, MAP_FAILED);
  (void)pthread_mutexattr_init(&attributes);
  (void)pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  (void)pthread_mutex_init(&common->lock, &attributes);
  struct test_target other = test_target_start(hold_in_another_process, NULL);
  struct test_target target = test_target_start(wait_in_this_process, NULL);
  test_target_open(&target);
  test_target_open(&other);
  const struct sweep *sweep = test_target_sweep(&target), *theirs = test_target_sweep(&other);
  const struct sweep_holder *owner = test_holder(sweep, test_wait(sweep, "taker"));
  uint64_t wanted = 0;
  for (size_t i = 0; i < theirs->actor_count; i++)
    if ((pid_t)theirs->actors[i].tid == common->holder)
      wanted = theirs->actors[i].key;
  assert_int_equal(owner->actor, wanted);
  assert_int_equal(owner->target, theirs->target_key);
  test_target_end(&other);

  /* It died with the lock: nobody can be named any more, and nobody is called dead for sure. */
  const struct sweep_wait *wait = test_wait(test_target_sweep(&target), "taker");
  assert_int_equal(wait->holder_count, 0);
  assert_true(wait->open);
  test_target_end(&target);
  (void)munmap(common, sizeof *common);
}

/* ---- the lives of a target ---- */

static bool is_stopped(void *context)
{
  struct test_target *target = context;
  const struct sweep *sweep = test_target_sweep(target);
  bool stopped = sweep->target.state == TARGET_STOPPED;
  for (size_t i = 0; i < sweep->actor_count; i++) /* each on its own way into the stop */
    stopped &= sweep->actors[i].state != ACTOR_RUNNING;
  return stopped;
}

static void a_stopped_target_still_waits(void **state)
{
  (void)state;
  struct test_target target = test_target_start(circle, NULL);
  test_target_open(&target);
  (void)test_target_sweep(&target);
  assert_int_equal(kill(target.child.pid, SIGSTOP), 0);
  if (!test_until(is_stopped, &target))
    fail_msg("it is not told as stopped");
  const struct sweep *sweep = test_target_sweep(&target);
  expect_edge(sweep, "one", "two", "mutex test_second");
  expect_edge(sweep, "two", "one", "mutex test_first");
  test_target_end(&target);
}

static bool is_dead(void *reach)
{
  return !reach_alive(reach);
}

static void who_is_gone_blocks_nobody(void **state)
{
  (void)state;
  struct test_target target = test_target_start(circle, NULL);
  struct sweep *round = NULL;
  test_target_open(&target);
  (void)test_target_sweep(&target);
  assert_int_equal(kill(target.child.pid, SIGKILL), 0);
  if (!test_until(is_dead, target.reach))
    fail_msg("the process does not end");
  assert_true(source_thread.round(target.session, &round) < 0);
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(sweep->kind, SWEEP_FAILED);
  assert_int_equal(sweep->target.state, TARGET_GONE);
  test_target_end(&target);
}

static void become_another(void *context, int in, int out)
{
  (void)context;
  begin_circle();
  test_child_tell(out);
  test_child_await(in);
  (void)execl("/bin/sleep", "sleep", "1000", (char *)NULL);
  _exit(1);
}

static bool sleeps(void *context)
{
  struct test_target *target = context;
  const struct sweep *sweep = test_target_sweep(target);
  const char *name = sweep->actor_count == 1 ? sweep_text(sweep, sweep->actors[0].name) : NULL;
  return name && strncmp(name, "sleep/", 6) == 0;
}

static void after_exec_nothing_of_before_is_left(void **state)
{
  (void)state;
  struct test_target target = test_target_start(become_another, NULL);
  test_target_open(&target);
  assert_int_equal(test_target_sweep(&target)->table_count, 2);
  assert_int_equal(write(target.child.to, "g", 1), 1);
  if (!test_until(sleeps, &target))
    fail_msg("the new program does not show");
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(sweep->wait_count, 0);
  assert_int_equal(sweep->table_count, 0);
  test_target_end(&target);
}

static void first_thread_ends(void *context, int in, int out)
{
  (void)context, (void)in;
  begin_circle();
  test_child_tell(out);
  pthread_exit(NULL);
}

static bool first_is_zombie(void *context)
{
  struct test_target *target = context;
  char *stat = NULL;
  bool zombie =
      reach_file(target->reach, "stat", 4096, &stat, NULL) == 0 && strstr(stat, ") Z ") != NULL;
  free(stat);
  return zombie;
}

static void the_first_thread_may_end_before_the_others(void **state)
{
  (void)state;
  struct test_target target = test_target_start(first_thread_ends, NULL);
  if (!test_until(first_is_zombie, &target))
    fail_msg("the first thread does not end");
  test_target_open(&target);
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(sweep->kind, SWEEP_FULL);
  assert_int_equal(sweep->target.state, TARGET_RUNNING);
  assert_int_equal(test_holder(sweep, test_wait(sweep, "one"))->actor,
                   test_actor(sweep, "two")->key);
  assert_int_equal(test_holder(sweep, test_wait(sweep, "two"))->actor,
                   test_actor(sweep, "one")->key);
  test_target_end(&target);
}

/* ---- contention ---- */

static void *listen_in_turn(void *unused)
{
  struct pollfd nothing = {.fd = -1};
  (void)pthread_mutex_lock(&test_first);
  (void)poll(&nothing, 1, -1);
  return unused;
}

static void take_turns(void *context, int in, int out)
{
  static struct test_thread leader = {.name = "leader", .run = listen_in_turn},
                            follower = {.name = "follower", .run = take_first};
  (void)context, (void)in;
  test_thread_start(&leader);
  test_thread_await(&leader);
  test_thread_start(&follower);
  test_thread_await(&follower);
  test_child_tell(out);
}

static void waiting_for_a_turn_to_listen_is_no_contention(void **state)
{
  (void)state;
  struct test_target target = test_target_start(take_turns, NULL);
  test_target_open(&target);
  (void)test_target_sweep(&target);
  const struct sweep *sweep = test_target_sweep(&target);
  assert_int_equal(test_holder(sweep, test_wait(sweep, "follower"))->actor,
                   test_actor(sweep, "leader")->key);
  assert_int_equal(test_table(sweep, "test_first")->write_waiters, 1);
  assert_int_equal(test_table(sweep, "test_first")->wait_ns, 0);
  test_target_end(&target);
}

/* ---- both routes ---- */

/* The iterator takes capabilities: where they are missing the reason is told. */
static int choose_iterator(void **state)
{
  char reason[SOURCE_REASON_BYTES] = "";
  struct reach_target *self = NULL;
  void *session = NULL;
  (void)state;
  (void)setenv("IMPASSE_THREAD_ROUTE", "iterator", 1);
  if (reach_open(getpid(), &self) != 0)
    return -1;
  int error = source_thread.open(self, &session, reason);
  if (!error)
    source_thread.close(session);
  reach_close(self);
  if (error)
    print_message("the iterator cannot be used here: %s\n", reason);
  return error ? 77 : 0;
}

#define ALL_TESTS                                                                                  \
  cmocka_unit_test(a_circle_is_read_and_lasts),                                                    \
      cmocka_unit_test(every_way_to_wait_is_told_for_what_it_is),                                  \
      cmocka_unit_test(a_lock_whose_owner_ended_is_held_by_nobody_for_ever),                       \
      cmocka_unit_test(the_owner_may_be_of_another_process),                                       \
      cmocka_unit_test(a_stopped_target_still_waits), cmocka_unit_test(who_is_gone_blocks_nobody), \
      cmocka_unit_test(after_exec_nothing_of_before_is_left),                                      \
      cmocka_unit_test(the_first_thread_may_end_before_the_others),                                \
      cmocka_unit_test(waiting_for_a_turn_to_listen_is_no_contention)

int main(void)
{
  const struct CMUnitTest by_proc[] = {ALL_TESTS}, by_iterator[] = {ALL_TESTS};
  (void)sem_init(&never, 0, 0);
  (void)setenv("IMPASSE_THREAD_ROUTE", "proc", 1);
  int failed = cmocka_run_group_tests(by_proc, NULL, NULL);
  if (choose_iterator(NULL) == 0)
    failed += cmocka_run_group_tests(by_iterator, NULL, NULL);
  return failed;
}
