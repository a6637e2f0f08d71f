/* threads_test.c - threads that wait, come, go and get each other's numbers, read again and again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "probe/reach/reach.h"
#include "probe/reach/test_child.h"

enum { CROWD = 300 };

/* In the child: threads that wait until they are told to end. */
struct waiting {
  pthread_t thread;
  int end[2];
  pid_t tid;
};

static void *wait_for_end(void *argument)
{
  struct waiting *waiting = argument;
  char byte;
  __atomic_store_n(&waiting->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
  (void)!read(waiting->end[0], &byte, 1); /* returns once its other end is closed */
  return NULL;
}

static void start_waiting(struct waiting *waiting)
{
  waiting->tid = 0;
  if (pipe(waiting->end) != 0 || pthread_create(&waiting->thread, NULL, wait_for_end, waiting) != 0)
    _exit(1);
  while (__atomic_load_n(&waiting->tid, __ATOMIC_ACQUIRE) == 0)
    (void)sched_yield();
}

static void end_waiting(struct waiting *waiting)
{
  (void)close(waiting->end[1]);
  (void)pthread_join(waiting->thread, NULL);
  (void)close(waiting->end[0]);
}

static void tell_number(int out, int number)
{
  if (write(out, &number, sizeof number) != sizeof number)
    _exit(1);
}

/* A sanitizer has some of its own. */
static int own_threads(void)
{
  DIR *tasks = opendir("/proc/self/task");
  int count = 0;
  if (!tasks)
    _exit(1);
  for (const struct dirent *task; (task = readdir(tasks));)
    count += task->d_name[0] != '.';
  (void)closedir(tasks);
  return count;
}

/* Starts a crowd, tells its first and how many threads that makes; when told, ends the first. */
static void be_a_crowd(void *context, int in, int out)
{
  static struct waiting crowd[CROWD];
  (void)context;
  for (size_t i = 0; i < CROWD; i++)
    start_waiting(&crowd[i]);
  test_child_tell(out);
  tell_number(out, crowd[0].tid);
  tell_number(out, own_threads());
  test_child_await(in);
  end_waiting(&crowd[0]);
  test_child_tell(out);
}

static bool set_last_pid(pid_t pid)
{
  char text[16];
  int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
  int length = snprintf(text, sizeof text, "%d", (int)pid);
  bool done = fd >= 0 && write(fd, text, (size_t)length) == length;
  (void)close(fd);
  return done;
}

/* Starts one thread; when told, ends it and starts others until one has its number. Says 0 where it may not. */
static void take_the_number_again(void *context, int in, int out)
{
  struct waiting one;
  (void)context;
  start_waiting(&one);
  pid_t tid = one.tid;
  test_child_tell(out);
  tell_number(out, tid);
  test_child_await(in);
  end_waiting(&one);
  for (int tries = 0; tries < 10000 && set_last_pid(tid - 1); tries++) {
    start_waiting(&one);
    if (one.tid == tid)
      break;
    end_waiting(&one);
    one.tid = 0;
  }
  test_child_tell(out);
  tell_number(out, one.tid == tid ? tid : 0);
}

static int told_number(const struct test_child *child)
{
  int number = -1;
  assert_int_equal(read(child->from, &number, sizeof number), sizeof number);
  return number;
}

static const struct reach_thread *find(const struct reach_thread *list, size_t count, pid_t tid)
{
  for (size_t i = 0; i < count; i++)
    if (list[i].tid == tid)
      return &list[i];
  return NULL;
}

struct fixture {
  struct test_child child;
  struct reach_target *target;
  struct reach_threads *threads;
  const struct reach_thread *list;
  size_t count;
};

static struct fixture start(void (*body)(void *context, int in, int out))
{
  struct fixture f = {.child = test_child_start(body, NULL, true)};
  assert_int_equal(reach_open(f.child.pid, &f.target), 0);
  assert_int_equal(reach_threads_open(f.target, &f.threads), 0);
  return f;
}

static void end(struct fixture *f)
{
  reach_threads_close(f->threads);
  reach_close(f->target);
  test_child_kill(&f->child);
}

static void read_all(struct fixture *f)
{
  assert_int_equal(reach_threads_read(f->threads, NULL, 0, &f->list, &f->count), 0);
}

/* The number of the system call in which it waits. */
static bool waits_in_read(const struct reach_thread *thread)
{
  return thread && atoi(thread->syscall) == SYS_read && strchr(thread->syscall, ' ');
}

static bool all_wait(void *context)
{
  struct fixture *f = context;
  size_t waiting = 0;
  read_all(f);
  for (size_t i = 0; i < f->count; i++)
    waiting += waits_in_read(&f->list[i]);
  return waiting == CROWD + 1; /* and whoever made it */
}

static void a_crowd_is_read_again_and_again(void **state)
{
  (void)state;
  struct fixture f = start(be_a_crowd);
  pid_t first = told_number(&f.child);
  size_t crowd = (size_t)told_number(&f.child);
  read_all(&f);
  assert_int_equal(f.count, crowd);
  for (size_t i = 0; i < f.count; i++) {
    assert_true(f.list[i].fresh);
    assert_true(i == 0 || f.list[i].tid > f.list[i - 1].tid);
    assert_int_equal(strchr(f.list[i].schedstat, '\n'), NULL);
  }
  assert_true(test_until(all_wait, &f));
  assert_false(find(f.list, f.count, first)->fresh);
  test_child_step(&f.child);
  read_all(&f);
  assert_int_equal(f.count, crowd - 1);
  assert_null(find(f.list, f.count, first));
  end(&f);
}

static void a_list_is_read_and_the_others_stay_known(void **state)
{
  (void)state;
  struct fixture f = start(be_a_crowd);
  pid_t first = told_number(&f.child);
  size_t crowd = (size_t)told_number(&f.child);
  read_all(&f);
  pid_t last = f.list[f.count - 1].tid, wanted[] = {1, first, last, 1 << 22};
  assert_int_equal(reach_threads_read(f.threads, wanted, 4, &f.list, &f.count), 0);
  assert_int_equal(f.count, 2);
  assert_int_equal(f.list[0].tid, first);
  assert_int_equal(f.list[1].tid, last);
  read_all(&f);
  assert_int_equal(f.count, crowd);
  for (size_t i = 0; i < f.count; i++)
    assert_false(f.list[i].fresh);
  assert_int_equal(reach_threads_read(f.threads, wanted, 0, &f.list, &f.count), 0);
  assert_int_equal(f.count, 0);
  end(&f);
}

static size_t open_fds(void)
{
  size_t count = 0;
  for (int fd = 0; fd < 4096; fd++)
    count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

static void descriptors_are_kept_up_to_half_of_the_limit(void **state)
{
  (void)state;
  struct rlimit before, low;
  struct fixture f = start(be_a_crowd);
  pid_t first = told_number(&f.child);
  size_t crowd = (size_t)told_number(&f.child);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  low = (struct rlimit){128, before.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
  size_t open_before = open_fds();
  read_all(&f);
  assert_true(test_until(all_wait, &f));
  assert_int_equal(f.count, crowd);
  assert_int_equal(open_fds(), open_before + 64);
  assert_false(f.list[f.count - 1].fresh);
  assert_int_not_equal(f.list[f.count - 1].schedstat[0], '\0');
  test_child_step(&f.child);
  read_all(&f);
  assert_null(find(f.list, f.count, first));
  end(&f);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
  assert_true(open_fds() < open_before);
}

static void the_next_thread_of_a_number_is_fresh(void **state)
{
  (void)state;
  struct fixture f = start(take_the_number_again);
  pid_t tid = told_number(&f.child);
  read_all(&f);
  read_all(&f);
  assert_false(find(f.list, f.count, tid)->fresh);
  test_child_step(&f.child);
  bool taken = told_number(&f.child) == tid;
  read_all(&f);
  const struct reach_thread *thread = find(f.list, f.count, tid);
  bool fresh = taken && thread && thread->fresh;
  end(&f);
  if (!taken) {
    print_message("skipped: numbers cannot be chosen here (CAP_CHECKPOINT_RESTORE)\n");
    skip();
  }
  assert_true(fresh);
}

static void wait_otherwise(void *context, int in, int out)
{
  (void)context;
  test_child_tell(out);
  test_child_await(in);
  for (;;)
    (void)poll(NULL, 0, -1);
}

static bool waits_in_poll(void *context)
{
  struct fixture *f = context;
  read_all(f);
  const struct reach_thread *thread = find(f->list, f->count, reach_pid(f->target));
  return thread && strchr(thread->syscall, ' ') && atoi(thread->syscall) != SYS_read;
}

static bool first_waits_in_read(void *context)
{
  struct fixture *f = context;
  read_all(f);
  return waits_in_read(find(f->list, f->count, reach_pid(f->target)));
}

static void who_ran_and_sleeps_elsewhere_is_read_anew(void **state)
{
  (void)state;
  struct fixture f = start(wait_otherwise);
  assert_true(test_until(first_waits_in_read, &f));
  assert_true(first_waits_in_read(&f));
  assert_true(write(f.child.to, "", 1) == 1);
  assert_true(test_until(waits_in_poll, &f));
  assert_true(waits_in_poll(&f));
  end(&f);
}

static void a_process_that_ended_is_gone(void **state)
{
  (void)state;
  struct fixture f = start(be_a_crowd);
  read_all(&f);
  test_child_kill(&f.child);
  assert_int_equal(reach_threads_read(f.threads, NULL, 0, &f.list, &f.count), -ESRCH);
  assert_int_equal(reach_threads_read(f.threads, &f.child.pid, 1, &f.list, &f.count), -ESRCH);
  reach_threads_close(f.threads);
  assert_int_equal(reach_threads_open(f.target, &f.threads), -ESRCH);
  reach_threads_close(NULL);
  reach_close(f.target);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_crowd_is_read_again_and_again),
      cmocka_unit_test(a_list_is_read_and_the_others_stay_known),
      cmocka_unit_test(descriptors_are_kept_up_to_half_of_the_limit),
      cmocka_unit_test(the_next_thread_of_a_number_is_fresh),
      cmocka_unit_test(who_ran_and_sleeps_elsewhere_is_read_anew),
      cmocka_unit_test(a_process_that_ended_is_gone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
