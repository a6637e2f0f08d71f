/* Exact times of waits for futexes on real processes: against what they measure themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "bpf/clock.h"
#include "bpf/contention.h"
#include "bpf/contention_key.h"
#include "bpf/test_subject.h"

enum { ROUNDS = 20, WAIT_NS = 2000000, DEADLINE_MS = 20000, SLEEPERS = 50 };

/* Shared with the subject. */
static struct shared {
  uint32_t word;                  /* waited for */
  pid_t waiter;                   /* thread */
  uint64_t inside_ns, outside_ns; /* bounds of what the waits took together */
  uint64_t inside_max_ns, outside_max_ns;
  uint32_t asleep, go, done;
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

static void pause_ns(long ns)
{
  (void)nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

static void set(uint32_t *flag)
{
  __atomic_add_fetch(flag, 1, __ATOMIC_RELEASE);
}

static void await(const uint32_t *flag, uint32_t wanted)
{
  for (int ms = 0; ms < DEADLINE_MS; ms++) {
    if (__atomic_load_n(flag, __ATOMIC_ACQUIRE) >= wanted)
      return;
    pause_ns(1000000);
  }
  _exit(3);
}

/* How often a thread of ours went to sleep. */
static unsigned long sleeps(pid_t tid)
{
  char path[64], line[256];
  unsigned long count = 0;
  FILE *file;

  (void)snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
  file = fopen(path, "re");
  while (file && fgets(line, sizeof(line), file))
    (void)sscanf(line, "voluntary_ctxt_switches: %lu", &count);
  if (file)
    (void)fclose(file);
  return count;
}

/* --- one who waits at a word in rounds, and one who wakes it once it sleeps --- */

static void *wait_in_rounds(void *context)
{
  (void)context;
  __atomic_store_n(&shared->waiter, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
  for (uint32_t n = 0; n < ROUNDS; n++) {
    uint64_t begin_ns = clock_ns(), took_ns;
    while (__atomic_load_n(&shared->word, __ATOMIC_ACQUIRE) == n)
      (void)syscall(SYS_futex, &shared->word, FUTEX_WAIT, n, NULL);
    took_ns = clock_ns() - begin_ns;
    shared->outside_ns += took_ns;
    if (took_ns > shared->outside_max_ns)
      shared->outside_max_ns = took_ns;
  }
  return NULL;
}

static void wake_in_rounds(void)
{
  unsigned long slept = 0;

  for (uint32_t n = 0; n < ROUNDS; n++) {
    uint64_t begin_ns, took_ns;
    while (sleeps(shared->waiter) == slept)
      pause_ns(100000);
    slept = sleeps(shared->waiter);
    begin_ns = clock_ns();
    set(&shared->asleep);
    if (n == 0)
      await(&shared->go, 1);
    pause_ns(WAIT_NS);
    took_ns = clock_ns() - begin_ns;
    shared->inside_ns += took_ns;
    if (took_ns > shared->inside_max_ns)
      shared->inside_max_ns = took_ns;
    __atomic_store_n(&shared->word, n + 1, __ATOMIC_RELEASE);
    (void)syscall(SYS_futex, &shared->word, FUTEX_WAKE, 1);
  }
}

static void subject(void *context)
{
  pthread_t thread;

  (void)context;
  if (pthread_create(&thread, NULL, wait_in_rounds, NULL) != 0)
    _exit(1);
  while (__atomic_load_n(&shared->waiter, __ATOMIC_ACQUIRE) == 0)
    pause_ns(100000);
  wake_in_rounds();
  (void)pthread_join(thread, NULL);
  set(&shared->done);
  for (;;)
    (void)syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
}

static struct contention *open_at(pid_t pid)
{
  struct contention *contention = NULL;
  char words[256] = "";
  int error = contention_open(pid, &contention, words, sizeof(words));

  assert_string_equal(words, "");
  assert_int_equal(error, 0);
  return contention;
}

static const struct contention_lock *lock_at(const struct contention_totals *totals,
                                             const void *word)
{
  for (size_t i = 0; i < totals->lock_count; i++)
    if (totals->locks[i].word == (uint64_t)(uintptr_t)word)
      return &totals->locks[i];
  return NULL;
}

static void assert_all_rounds(const struct contention_lock *lock)
{
  uint64_t counted = 0, longer = 0;

  assert_non_null(lock);
  assert_int_equal(lock->count, ROUNDS);
  assert_in_range(lock->total_ns, shared->inside_ns, shared->outside_ns);
  assert_in_range(lock->max_ns, shared->inside_max_ns, shared->outside_max_ns);
  /* one waiter: the same but for the units that its begin is kept in */
  assert_in_range(lock->some_ns, lock->total_ns - 16 * ROUNDS, lock->total_ns + 16 * ROUNDS);
  assert_int_equal(lock->operation, FUTEX_WAIT);
  assert_int_equal(lock->value, ROUNDS - 1);
  assert_true(lock->timeout == 0);
  for (size_t i = 0; i < CONTENTION_BUCKETS; i++)
    counted += lock->histogram[i];
  for (size_t i = 20; i < CONTENTION_BUCKETS; i++) /* 2^20 ns are less than WAIT_NS */
    longer += lock->histogram[i];
  assert_int_equal(counted, ROUNDS);
  assert_int_equal(longer, ROUNDS);
}

/* The first wait began before anybody counted; seeded, it counts with all of its time. Its begin is then
 * known by the scheduler's clock only, to a part of a millisecond; it waits for a multiple of that. */
static void counts_each_wait_with_its_time(void **state)
{
  pid_t pid = test_subject_start(subject, NULL);
  struct contention *contention;
  struct contention_totals totals;
  const struct contention_lock *lock;

  (void)state;
  await(&shared->asleep, 1);
  pause_ns(20 * WAIT_NS);
  contention = open_at(pid);
  assert_int_equal(contention_collect(contention, &totals), 0);
  lock = lock_at(&totals, &shared->word);
  assert_non_null(lock);
  assert_int_equal(lock->count, 0);
  contention_totals_done(&totals);
  set(&shared->go);
  await(&shared->done, 1);
  assert_int_equal(contention_collect(contention, &totals), 0);
  lock = lock_at(&totals, &shared->word);
  assert_non_null(lock);
  assert_int_equal(lock->count, ROUNDS);
  /* its begin is late by the moment between two clocks at most */
  assert_in_range(lock->max_ns, shared->inside_max_ns - WAIT_NS, shared->outside_max_ns);
  assert_int_equal(totals.lost, 0);
  contention_totals_done(&totals);
  contention_close(contention);
  test_subject_stop(pid);
}

static void idle_until_told(void *context)
{
  await(&shared->go, 1);
  subject(context);
}

static void counts_what_begins_later(void **state)
{
  pid_t pid = test_subject_start(idle_until_told, NULL);
  struct contention *contention = open_at(pid);
  struct contention_totals totals;

  (void)state;
  set(&shared->go);
  await(&shared->done, 1);
  assert_int_equal(contention_collect(contention, &totals), 0);
  assert_all_rounds(lock_at(&totals, &shared->word));
  assert_int_equal(totals.lost, 0);
  contention_totals_done(&totals);
  contention_close(contention);
  test_subject_stop(pid);
}

static size_t bpf_descriptors(void)
{
  char path[320], link[64];
  struct dirent *entry;
  size_t count = 0;
  DIR *fds = opendir("/proc/self/fd");

  while (fds && (entry = readdir(fds)) != NULL) {
    ssize_t length;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
    length = readlink(path, link, sizeof(link) - 1);
    link[length > 0 ? length : 0] = '\0';
    count += strstr(link, "bpf") != NULL;
  }
  if (fds)
    (void)closedir(fds);
  return count;
}

static void one_attachment_serves_all_and_goes_with_the_last(void **state)
{
  pid_t other = test_subject_start(idle_until_told, NULL);
  pid_t pid = test_subject_start(idle_until_told, NULL);
  size_t before = bpf_descriptors(), with_one;
  struct contention *first = open_at(other), *second, *third;
  struct contention_totals totals;
  char words[256] = "";

  (void)state;
  test_subject_stop(other);
  with_one = bpf_descriptors();
  assert_true(with_one > before);
  second = open_at(pid);
  assert_int_equal(bpf_descriptors(), with_one);
  assert_int_equal(contention_open(pid, &third, words, sizeof(words)), -EBUSY);
  assert_string_equal(words, "its waits are counted already");
  assert_int_equal(contention_open(other, &third, words, sizeof(words)), -ESRCH);
  contention_close(first);
  assert_int_equal(bpf_descriptors(), with_one);
  set(&shared->go);
  await(&shared->done, 1);
  assert_int_equal(contention_collect(second, &totals), 0);
  assert_all_rounds(lock_at(&totals, &shared->word));
  contention_totals_done(&totals);
  contention_close(second);
  assert_int_equal(bpf_descriptors(), before);
  test_subject_stop(pid);
}

/* --- who is killed --- */

static void *sleep_at_word(void *context)
{
  (void)context;
  set(&shared->asleep);
  (void)syscall(SYS_futex, &shared->word, FUTEX_WAIT_PRIVATE, 0, NULL);
  return NULL;
}

static void sleeping_subject(void *context)
{
  pthread_t thread;

  (void)context;
  await(&shared->go, 1);
  for (int i = 0; i < SLEEPERS; i++)
    if (pthread_create(&thread, NULL, sleep_at_word, NULL) != 0)
      _exit(1);
  for (;;)
    (void)syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
}

/* Entries for waits at our word in all maps that say who has begun to wait. */
static size_t begun_at_word(void)
{
  __u32 id = 0;
  size_t count = 0;

  while (bpf_map_get_next_id(id, &id) == 0) {
    struct bpf_map_info info = {0};
    __u32 bytes = sizeof(info), key, *last = NULL;
    struct contention_begun begun;
    int map = bpf_map_get_fd_by_id(id);

    if (map < 0)
      continue;
    if (bpf_obj_get_info_by_fd(map, &info, &bytes) == 0 && strcmp(info.name, "begun") == 0)
      for (; bpf_map_get_next_key(map, last, &key) == 0; last = &key)
        count += bpf_map_lookup_elem(map, &key, &begun) == 0 &&
                 begun.word == (uint64_t)(uintptr_t)&shared->word;
    (void)close(map);
  }
  return count;
}

static void who_is_killed_leaves_no_wait(void **state)
{
  pid_t pid = test_subject_start(sleeping_subject, NULL);
  struct contention *contention = open_at(pid);
  struct contention_totals totals;
  const struct contention_lock *lock;
  size_t begun = 0;

  (void)state;
  set(&shared->go);
  for (int ms = 0; ms < DEADLINE_MS && begun < SLEEPERS; ms++) {
    begun = begun_at_word();
    pause_ns(1000000);
  }
  assert_int_equal(begun, SLEEPERS);
  assert_int_equal(contention_collect(contention, &totals), 0);
  lock = lock_at(&totals, &shared->word);
  assert_true(lock && lock->some_ns > 0 && lock->count == 0);
  contention_totals_done(&totals);
  test_subject_stop(pid);
  for (int ms = 0; ms < DEADLINE_MS && begun > 0; ms++) {
    begun = begun_at_word();
    pause_ns(1000000);
  }
  assert_int_equal(begun, 0);
  assert_int_equal(contention_collect(contention, &totals), 0);
  assert_int_equal(totals.lost, 0);
  contention_totals_done(&totals);
  contention_close(contention);
}

/* --- without capabilities --- */

static void takes_capabilities_for_the_first_only(void **state)
{
  pid_t pid = test_subject_start(idle_until_told, NULL), reader;
  int status = 0;

  (void)state;
  reader = fork();
  if (reader == 0) {
    struct contention *contention = open_at(getppid()), *second;
    struct contention_totals totals;
    const struct contention_lock *lock;
    if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
      _exit(2);
    second = open_at(pid);
    set(&shared->go);
    await(&shared->done, 1);
    if (contention_collect(second, &totals) != 0)
      _exit(4);
    lock = lock_at(&totals, &shared->word);
    _exit(lock && lock->count == ROUNDS && contention ? 0 : 5);
  }
  assert_true(waitpid(reader, &status, 0) == reader);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  test_subject_stop(pid);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, new_shared, drop_shared)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(counts_each_wait_with_its_time),
      TEST(counts_what_begins_later),
      TEST(one_attachment_serves_all_and_goes_with_the_last),
      TEST(who_is_killed_leaves_no_wait),
      TEST(takes_capabilities_for_the_first_only),
  };
  test_subject_need_probes();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
