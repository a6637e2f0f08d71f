/*
 * test_threads.h - real processes with threads in known states, and what the source reads of them. Used by
 * tests only.
 */
#ifndef IMPASSE_PROBE_THREAD_TEST_THREADS_H
#define IMPASSE_PROBE_THREAD_TEST_THREADS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "probe/processor/processor.h"
#include "probe/reach/reach.h"
#include "probe/reach/test_child.h"
#include "probe/source.h"

extern const struct source source_thread;

/* ---- in the child ---- */

/* A thread with a name whose number is known. */
struct test_thread {
  const char *name;
  void *(*run)(void *);
  pid_t tid;
  pthread_t thread;
};

static inline void *test_thread_run(void *context)
{
  struct test_thread *thread = context;
  (void)pthread_setname_np(pthread_self(), thread->name);
  __atomic_store_n(&thread->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
  return thread->run(thread);
}

static inline void test_thread_start(struct test_thread *thread)
{
  if (pthread_create(&thread->thread, NULL, test_thread_run, thread) != 0)
    _exit(1);
}

static inline bool test_thread_calls(void *context)
{
  struct test_thread *thread = context;
  pid_t tid = __atomic_load_n(&thread->tid, __ATOMIC_ACQUIRE);
  char path[64], text[32] = "";
  (void)snprintf(path, sizeof path, "/proc/self/task/%d/syscall", (int)tid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
  if (fd >= 0)
    (void)close(fd);
  return tid && length > 0 && text[0] >= '0' && text[0] <= '9';
}

/* Waits until the thread is asleep in a system call: its only one is the one to come. */
static inline void test_thread_await(struct test_thread *thread)
{
  if (!test_until(test_thread_calls, thread))
    _exit(1);
}

/* ---- in the test ---- */

struct test_target {
  struct test_child child;
  struct reach_target *reach;
  void *session;
  struct sweep *sweep; /* the newest */
};

static inline struct test_target test_target_start(void (*body)(void *, int, int), void *context)
{
  struct test_target target = {.child = test_child_start(body, context, true)};
  assert_int_equal(reach_open(target.child.pid, &target.reach), 0);
  return target;
}

static inline void test_target_open(struct test_target *target)
{
  char reason[SOURCE_REASON_BYTES] = "";
  int error = source_thread.open(target->reach, &target->session, reason);
  if (error)
    fail_msg("open gave %d: %s", error, reason);
}

static inline const struct sweep *test_target_take(struct test_target *target, struct sweep *sweep)
{
  sweep_free(target->sweep);
  target->sweep = sweep;
  assert_int_equal(sweep_check(sweep), 0);
  return sweep;
}

static inline const struct sweep *test_target_sweep(struct test_target *target)
{
  struct sweep *sweep = NULL;
  assert_int_equal(source_thread.sweep(target->session, &sweep), 0);
  return test_target_take(target, sweep);
}

static inline const struct sweep *test_target_round(struct test_target *target)
{
  struct sweep *sweep = NULL;
  assert_int_equal(source_thread.round(target->session, &sweep), 0);
  assert_int_equal(sweep->kind, SWEEP_ROUND);
  return test_target_take(target, sweep);
}

static inline void test_target_end(struct test_target *target)
{
  sweep_free(target->sweep);
  if (target->session)
    source_thread.close(target->session);
  reach_close(target->reach);
  test_child_kill(&target->child);
}

/* By the name of its thread, without the number behind it. */
static inline const struct sweep_actor *test_actor(const struct sweep *sweep, const char *name)
{
  for (size_t i = 0; i < sweep->actor_count; i++) {
    const char *text = sweep_text(sweep, sweep->actors[i].name);
    size_t length = strlen(name);
    if (text && strncmp(text, name, length) == 0 && text[length] == '/')
      return &sweep->actors[i];
  }
  fail_msg("no thread called %s", name);
  return NULL;
}

static inline const struct sweep_wait *test_wait_of(const struct sweep *sweep, uint64_t waiter)
{
  for (size_t i = 0; i < sweep->wait_count; i++)
    if (sweep->waits[i].waiter == waiter)
      return &sweep->waits[i];
  return NULL;
}

static inline const struct sweep_wait *test_wait(const struct sweep *sweep, const char *name)
{
  const struct sweep_wait *wait = test_wait_of(sweep, test_actor(sweep, name)->key);
  if (!wait)
    fail_msg("%s waits for nothing", name);
  return wait;
}

static inline const struct sweep_holder *test_holder(const struct sweep *sweep,
                                                     const struct sweep_wait *wait)
{
  assert_int_equal(wait->holder_count, 1);
  return &sweep->holders[wait->holder_first];
}

static inline void test_words(const char *got, const char *wanted)
{
  if (!got || !strstr(got, wanted))
    fail_msg("got \"%s\", wanted \"%s\"", got ? got : "(nothing)", wanted);
}

static inline const struct sweep_table *test_table(const struct sweep *sweep, const char *name)
{
  for (size_t i = 0; i < sweep->table_count; i++)
    if (strcmp(sweep_text(sweep, sweep->tables[i].name), name) == 0)
      return &sweep->tables[i];
  fail_msg("no lock called %s", name);
  return NULL;
}

#endif
