/* The iterator over threads on real children: what it tells of each, and who may read it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/futex.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "bpf/clock.h"
#include "bpf/tasks.h"
#include "bpf/test_subject.h"
#include "probe/processor/processor.h"

enum { MOST = 100000, DEADLINE_MS = 20000, MANY = 1000, PAGE = 4096, MARK = 0x5a };

static void pause_ns(long ns)
{
  (void)nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

/* Shared with the subject. */
static struct shared {
  pid_t tid[4], nobody;
  uint64_t asleep_ns;
  char *end; /* of the last page that is mapped */
  pthread_mutex_t mutex;
} * shared;

static int new_shared(void **state)
{
  (void)state;
  shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return shared == MAP_FAILED ? -1 : 0;
}

static int drop_shared(void **state)
{
  (void)state;
  return munmap(shared, sizeof(*shared));
}

static struct tasks *open_tasks(pid_t pid)
{
  struct tasks *tasks = NULL;
  char words[256] = "";
  int error = tasks_open(pid, &tasks, words, sizeof(words));

  assert_string_equal(words, "");
  assert_int_equal(error, 0);
  return tasks;
}

static const struct task_record *read_tid(struct tasks *tasks, pid_t tid)
{
  const struct task_record *list;
  uint64_t lost;
  size_t count;

  assert_int_equal(tasks_read(tasks, NULL, 0, MOST, &list, &count, &lost), 0);
  assert_int_equal(lost, 0);
  for (size_t i = 0; i < count; i++)
    if (list[i].tid == (uint32_t)tid)
      return &list[i];
  return NULL;
}

/* Until the thread is in that system call (or runs: call -1). */
static const struct task_record *await(struct tasks *tasks, const pid_t *tid, int64_t call)
{
  for (int ms = 0; ms < DEADLINE_MS; ms++) {
    const struct task_record *record =
        read_tid(tasks, (pid_t)__atomic_load_n(tid, __ATOMIC_ACQUIRE));
    if (record && record->call == call && record->activity == (call < 0 ? TASK_RUNS : TASK_CALLS))
      return record;
    pause_ns(1000000);
  }
  fail_msg("thread %d is never in call %" PRId64, *tid, call);
  return NULL;
}

static void say_tid(pid_t *place)
{
  __atomic_store_n(place, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
}

static void *lock_forever(void *place)
{
  (void)prctl(PR_SET_NAME, "locker");
  say_tid(place);
  (void)pthread_mutex_lock(&shared->mutex);
  return NULL;
}

static void *spin_forever(void *place)
{
  say_tid(place);
  for (;;)
    __asm__ volatile("" ::: "memory");
  return NULL;
}

/* Computes for a while, so that it got its processor long before it falls asleep. */
static void *sleep_forever(void *place)
{
  uint64_t until_ns = clock_ns() + 50 * 1000000;

  while (clock_ns() < until_ns)
    ;
  say_tid(place);
  shared->asleep_ns = clock_ns();
  (void)syscall(SYS_pause);
  return NULL;
}

static void start(void *(*body)(void *place), pid_t *place)
{
  pthread_t thread;

  if (pthread_create(&thread, NULL, body, place) != 0)
    _exit(1);
}

static void mixed_subject(void *context)
{
  (void)context;
  (void)pthread_mutex_init(&shared->mutex, NULL);
  (void)pthread_mutex_lock(&shared->mutex);
  start(lock_forever, &shared->tid[0]);
  start(spin_forever, &shared->tid[1]);
  start(sleep_forever, &shared->tid[2]);
  for (;;)
    (void)syscall(SYS_pause);
}

static uint32_t word_at(const struct task_record *record, size_t offset)
{
  uint32_t word;

  memcpy(&word, record->lock + TASK_WORD + offset, sizeof(word));
  return word;
}

static void tells_what_each_thread_does(void **state)
{
  pid_t pid = test_subject_start(mixed_subject, NULL);
  struct tasks *tasks = open_tasks(pid);
  const struct task_record *record = await(tasks, &shared->tid[0], PROCESSOR_CALL_FUTEX);
  uint64_t now_ns = clock_ns();

  (void)state;
  assert_true(record->arguments[0] == (uint64_t)(uintptr_t)&shared->mutex);
  assert_int_equal((int)record->arguments[1] & FUTEX_CMD_MASK, FUTEX_WAIT);
  assert_int_equal(record->lock_read, 1);
  assert_int_equal(word_at(record, 0), 2);
  assert_int_equal(word_at(record, PROCESSOR_MUTEX_OWNER), pid);
  assert_string_equal(record->comm, "locker");
  assert_int_equal(record->tgid, pid);
  assert_int_equal(record->tid_inside, record->tid);
  assert_true(record->sp != 0 && record->pc != 0);
  assert_true(record->since_ns != 0 && record->since_ns <= now_ns);
  (void)await(tasks, &shared->tid[1], -1);
  record = await(tasks, &shared->tid[2], SYS_pause);
  /* Computing before it is no sleep, and the clocks agree. */
  print_message("asleep since %+" PRId64 " us of what it says\n",
                (int64_t)(record->since_ns - shared->asleep_ns) / 1000);
  assert_in_range(record->since_ns + 20000000, shared->asleep_ns, shared->asleep_ns + 40000000);
  assert_true(await(tasks, &shared->tid[2], SYS_pause)->run_count == record->run_count);
  tasks_close(tasks);
  test_subject_stop(pid);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(tells_what_each_thread_does, new_shared, drop_shared),
  };
  test_subject_need_probes();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
