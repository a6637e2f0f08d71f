/* The iterator over threads on real children: what it tells of each, and who may read it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>

#include "bpf/clock.h"
#include "bpf/load.h"
#include "bpf/loader.h"
#include "bpf/tasks.h"
#include "bpf/test_subject.h"
#include "probe/processor/processor.h"

enum {
  MOST = 100000,
  DEADLINE_MS = 20000,
  MANY = 1000,
  PAGE = 4096,
  MARK = 0x5a,
  BUSY_NS = 50000000
};

static void pause_ns(long ns)
{
  (void)nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

/* Shared with the subject. */
static struct shared {
  pid_t tid[4], nobody;
  uint64_t asleep_ns;
  char *pages;
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
  uint64_t until_ns = clock_ns() + BUSY_NS;

  while (clock_ns() < until_ns)
    ;
  say_tid(place);
  shared->asleep_ns = clock_ns();
  (void)syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
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
    (void)syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
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
  record = await(tasks, &shared->tid[2], SYS_ppoll);
  /* Computing before it is no sleep, and the clocks agree. */
  print_message("asleep since %+" PRId64 " us of what it says\n",
                (int64_t)(record->since_ns - shared->asleep_ns) / 1000);
  assert_true(record->since_ns + BUSY_NS / 2 > shared->asleep_ns);
  assert_true(record->since_ns <= clock_ns());
  assert_true(await(tasks, &shared->tid[2], SYS_ppoll)->run_count == record->run_count);
  tasks_close(tasks);
  test_subject_stop(pid);
}

/* Who was given the descriptors needs nothing more: loaded first, all capabilities dropped then. */
static void takes_capabilities_to_open_only(void **state)
{
  pid_t subject = test_subject_start(mixed_subject, NULL), reader;
  int status = 0;

  (void)state;
  reader = fork();
  if (reader == 0) {
    struct tasks *tasks = open_tasks(subject);
    const struct task_record *record;
    if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
      _exit(2);
    record = await(tasks, &shared->tid[0], PROCESSOR_CALL_FUTEX);
    _exit(record->lock_read && word_at(record, PROCESSOR_MUTEX_OWNER) == (uint32_t)subject ? 0 : 3);
  }
  assert_true(waitpid(reader, &status, 0) == reader);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  test_subject_stop(subject);
}

static void crowded_subject(void *context)
{
  pthread_attr_t attributes;
  pthread_t thread;

  (void)context;
  (void)pthread_mutex_init(&shared->mutex, NULL);
  (void)pthread_mutex_lock(&shared->mutex);
  (void)pthread_attr_init(&attributes);
  (void)pthread_attr_setstacksize(&attributes, 65536);
  for (int i = 0; i < MANY; i++)
    if (pthread_create(&thread, &attributes, lock_forever, &shared->nobody) != 0)
      _exit(1);
  for (;;)
    (void)syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
}

static size_t count_blocked(struct tasks *tasks, const struct task_record **ret_list)
{
  size_t count, blocked = 0;
  uint64_t lost;

  assert_int_equal(tasks_read(tasks, NULL, 0, MOST, ret_list, &count, &lost), 0);
  for (size_t i = 0; i < count; i++)
    blocked += (*ret_list)[i].call == PROCESSOR_CALL_FUTEX && (*ret_list)[i].lock_read &&
               word_at(&(*ret_list)[i], 0) == 2;
  return blocked;
}

static void reads_many_a_few_of_them_and_no_more_than_wanted(void **state)
{
  pid_t pid = test_subject_start(crowded_subject, NULL), wanted[3];
  struct tasks *tasks = open_tasks(pid);
  const struct task_record *list;
  size_t count = 0, all; /* a sanitizer has a thread of its own */
  uint64_t lost = 0;

  (void)state;
  for (int ms = 0; ms < DEADLINE_MS && count < MANY; ms++) {
    count = count_blocked(tasks, &list);
    pause_ns(1000000);
  }
  assert_int_equal(count, MANY);
  for (size_t i = 0; i < 3; i++)
    wanted[i] = (pid_t)list[MANY / 4 * (i + 1)].tid;
  assert_int_equal(tasks_read(tasks, wanted, 3, MOST, &list, &count, &lost), 0);
  assert_int_equal(count, 3);
  for (size_t i = 0; i < 3; i++)
    assert_int_equal(list[i].tid, wanted[i]);
  assert_int_equal(tasks_read(tasks, NULL, 0, MOST, &list, &all, &lost), 0);
  assert_int_equal(lost, 0);
  assert_int_equal(tasks_read(tasks, NULL, 0, 10, &list, &count, &lost), 0);
  assert_int_equal(count, 10);
  assert_int_equal(lost, all - 10);
  tasks_close(tasks);
  test_subject_stop(pid);
}

/* Waits at the word whose address is given. */
static void *wait_at(void *word)
{
  (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 0, NULL);
  return NULL;
}

/* One page between two that are not mapped, with a word at each end. */
static void bordering_subject(void *context)
{
  char *pages = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  (void)context;
  if (pages == MAP_FAILED)
    _exit(1);
  memset(pages, MARK, 3 * PAGE);
  memset(pages + PAGE, 0, 4);
  memset(pages + 2 * PAGE - 4, 0, 4);
  (void)munmap(pages, PAGE);
  (void)munmap(pages + 2 * PAGE, PAGE);
  start(wait_at, (pid_t *)(void *)(pages + PAGE));
  start(wait_at, (pid_t *)(void *)(pages + 2 * PAGE - 4));
  __atomic_store_n(&shared->pages, pages, __ATOMIC_RELEASE);
  for (;;)
    (void)syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
}

static const struct task_record *await_word(struct tasks *tasks, const char *word)
{
  for (int ms = 0; ms < DEADLINE_MS; ms++) {
    const struct task_record *list;
    uint64_t lost;
    size_t count;
    assert_int_equal(tasks_read(tasks, NULL, 0, MOST, &list, &count, &lost), 0);
    for (size_t i = 0; i < count; i++)
      if (list[i].call == PROCESSOR_CALL_FUTEX &&
          list[i].arguments[0] == (uint64_t)(uintptr_t)word && list[i].arguments[2] == 0)
        return &list[i];
    pause_ns(1000000);
  }
  fail_msg("nobody waits at %p", (const void *)word);
  return NULL;
}

static void reads_what_is_mapped_around_a_word(void **state)
{
  static const uint8_t NONE[TASK_LOCK_BYTES];
  uint8_t marks[TASK_LOCK_BYTES];
  pid_t pid = test_subject_start(bordering_subject, NULL);
  struct tasks *tasks = open_tasks(pid);
  const struct task_record *record;
  const char *pages = NULL;

  (void)state;
  memset(marks, MARK, sizeof(marks));
  for (int ms = 0; ms < DEADLINE_MS && !pages; ms++) {
    pages = __atomic_load_n(&shared->pages, __ATOMIC_ACQUIRE);
    pause_ns(1000000);
  }
  record = await_word(tasks, pages + PAGE);
  assert_int_equal(record->lock_read, 1);
  assert_memory_equal(record->lock, NONE, TASK_WORD + 4);
  assert_memory_equal(record->lock + TASK_WORD + 4, marks, TASK_LOCK_BYTES - TASK_WORD - 4);
  record = await_word(tasks, pages + 2 * PAGE - 4);
  assert_int_equal(record->lock_read, 1);
  assert_memory_equal(record->lock, marks, TASK_WORD);
  assert_memory_equal(record->lock + TASK_WORD, NONE, TASK_LOCK_BYTES - TASK_WORD);
  tasks_close(tasks);
  test_subject_stop(pid);
}

static void leave_soon(void *context)
{
  (void)context;
  (void)pthread_mutex_init(&shared->mutex, NULL);
  (void)pthread_mutex_lock(&shared->mutex);
  start(lock_forever, &shared->tid[0]);
  pthread_exit(NULL);
}

static void leaves_out_who_has_ended(void **state)
{
  pid_t pid = test_subject_start(leave_soon, NULL);
  struct tasks *tasks = open_tasks(pid);
  const struct task_record *list;
  uint64_t lost;
  size_t count;

  (void)state;
  (void)await(tasks, &shared->tid[0], PROCESSOR_CALL_FUTEX);
  for (int ms = 0; ms < DEADLINE_MS && read_tid(tasks, pid); ms++)
    pause_ns(1000000);
  assert_null(read_tid(tasks, pid));
  assert_non_null(read_tid(tasks, shared->tid[0]));
  test_subject_stop(pid);
  assert_int_equal(tasks_read(tasks, NULL, 0, MOST, &list, &count, &lost), 0);
  assert_int_equal(count, 0);
  tasks_close(tasks);
}

static void *nap_forever(void *place)
{
  say_tid(place);
  for (;;)
    pause_ns(1000000);
  return NULL;
}

static void napping_subject(void *context)
{
  (void)context;
  (void)nap_forever(&shared->tid[0]);
}

static void counts_runs(void **state)
{
  pid_t pid = test_subject_start(napping_subject, NULL);
  struct tasks *tasks = open_tasks(pid);
  uint64_t before = await(tasks, &shared->tid[0], SYS_clock_nanosleep)->run_count, after = before;

  (void)state;
  for (int ms = 0; ms < DEADLINE_MS && after < before + 3; ms++) {
    after = await(tasks, &shared->tid[0], SYS_clock_nanosleep)->run_count;
    pause_ns(1000000);
  }
  assert_true(after >= before + 3);
  tasks_close(tasks);
  test_subject_stop(pid);
}

/* The first process of a pid namespace, which reads its own child in there. */
static void read_inside(void *context)
{
  pid_t pid = test_subject_start(mixed_subject, NULL);
  struct tasks *tasks = open_tasks(pid);
  const struct task_record *record = await(tasks, &shared->tid[0], PROCESSOR_CALL_FUTEX);
  bool right = getpid() == 1 && pid < 10 && record->tgid == (uint32_t)pid && record->lock_read;

  (void)context;
  /* small numbers, whatever they are called outside */
  __atomic_store_n(&shared->nobody, right ? 1 : -1, __ATOMIC_RELEASE);
  for (;;)
    (void)syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
}

/* Says how its child in a new pid namespace is called outside. */
static void enter_namespace(void *context)
{
  if (unshare(CLONE_NEWPID) != 0)
    _exit(1);
  __atomic_store_n(&shared->tid[3], test_subject_start(read_inside, context), __ATOMIC_RELEASE);
  for (;;)
    (void)syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
}

static void knows_numbers_of_each_namespace(void **state)
{
  pid_t helper = test_subject_start(enter_namespace, NULL), pid = 0, said = 0;
  struct tasks *tasks;
  const struct task_record *record;

  (void)state;
  for (int ms = 0; ms < DEADLINE_MS && (pid == 0 || said == 0); ms++) {
    pid = __atomic_load_n(&shared->tid[3], __ATOMIC_ACQUIRE);
    said = __atomic_load_n(&shared->nobody, __ATOMIC_ACQUIRE);
    pause_ns(1000000);
  }
  assert_int_equal(said, 1);
  tasks = open_tasks(pid);
  record = await(tasks, &pid, SYS_ppoll);
  assert_int_equal(record->tid, pid);
  assert_int_equal(record->tgid, pid);
  assert_int_equal(record->tid_inside, 1);
  tasks_close(tasks);
  test_subject_stop(pid);
  test_subject_stop(helper);
}

static int load_as_before_6_1(void *context, const struct load_order *order,
                              struct loaded *ret_loaded)
{
  int32_t pid;

  (void)context;
  memcpy(&pid, order->parameters, sizeof(pid));
  *ret_loaded = (struct loaded){0};
  return tasks_load_passing_over(pid, ret_loaded);
}

/* As /proc has it: a sanitizer may have threads of its own. */
static size_t count_threads(pid_t pid)
{
  char path[64];
  size_t count = 0;

  (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
  DIR *tasks = opendir(path);
  assert_non_null(tasks);
  for (const struct dirent *task; (task = readdir(tasks));)
    count += task->d_name[0] != '.';
  (void)closedir(tasks);
  return count;
}

/* Also where the kernel walks over all processes. */
static void reads_one_process_only(void **state)
{
  pid_t pid = test_subject_start(mixed_subject, NULL);
  const struct task_record *list;
  struct tasks *tasks;
  uint64_t lost;
  size_t count;

  (void)state;
  load_elsewhere(load_as_before_6_1, NULL);
  tasks = open_tasks(pid);
  load_elsewhere(load_here, NULL);
  (void)await(tasks, &shared->tid[2], SYS_ppoll); /* the last to start */
  assert_int_equal(tasks_read(tasks, NULL, 0, MOST, &list, &count, &lost), 0);
  assert_true(count >= 4);
  assert_int_equal(count, count_threads(pid));
  for (size_t i = 0; i < count; i++)
    assert_int_equal(list[i].tgid, pid);
  tasks_close(tasks);
  test_subject_stop(pid);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, new_shared, drop_shared)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(tells_what_each_thread_does),
      TEST(takes_capabilities_to_open_only),
      TEST(reads_many_a_few_of_them_and_no_more_than_wanted),
      TEST(reads_what_is_mapped_around_a_word),
      TEST(leaves_out_who_has_ended),
      TEST(counts_runs),
      TEST(knows_numbers_of_each_namespace),
      TEST(reads_one_process_only),
  };
  test_subject_need_probes();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
