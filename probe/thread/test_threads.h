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
#define TEST_SOURCE source_thread
#include "probe/test_target.h"

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
