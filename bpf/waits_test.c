/* Exact times of waits on a real process: against what it measures itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <time.h>

#include "bpf/test_subject.h"
#include "bpf/waits.h"

enum { THREADS = 2, ROUNDS = 20, WAIT_NS = 2000000, WHO_OFFSET = 16, DEADLINE_MS = 20000 };

#define PID(n) ((uint64_t)(n) << 4 | 0x03)

struct runner {
  uint64_t filler[2], who;
};

/* Shared with the subject. */
static struct shared {
  struct runner runners[THREADS];
  struct runner *running[THREADS];
  uint64_t lock, private_lock;
  uint64_t inside_ns[THREADS], outside_ns[THREADS]; /* bounds of what the first waits took */
  bool go, done;
} * shared;

static uint64_t now_ns(void)
{
  struct timespec now;

  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The probed function: returns how long it waited. */
TEST_SUBJECT_PROBED uint64_t subject_wait(uint64_t *lock, const void *thread)
{
  uint64_t begin_ns = now_ns();

  __asm__ volatile("" ::"r"(lock), "r"(thread) : "memory");
  (void)nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
  return now_ns() - begin_ns;
}

static void *wait_in_rounds(void *context)
{
  size_t i = (size_t)(uintptr_t)context;

  for (int n = 0; n < ROUNDS; n++) {
    uint64_t begin_ns = now_ns();
    shared->inside_ns[i] += subject_wait(&shared->lock, &shared->running[i]);
    shared->outside_ns[i] += now_ns() - begin_ns;
  }
  return NULL;
}

static void pause_ns(long ns)
{
  (void)nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

static void subject(void *context)
{
  pthread_t threads[THREADS];

  (void)context;
  while (!__atomic_load_n(&shared->go, __ATOMIC_ACQUIRE))
    pause_ns(1000000);
  for (size_t i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, wait_in_rounds, (void *)(uintptr_t)i) != 0)
      _exit(1);
  for (size_t i = 0; i < THREADS; i++)
    (void)pthread_join(threads[i], NULL);
  (void)subject_wait(&shared->private_lock, NULL); /* of a thread that nobody told of */
  __atomic_store_n(&shared->done, true, __ATOMIC_RELEASE);
  for (;;)
    pause();
}

static int new_shared(void **state)
{
  (void)state;
  shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED)
    return -1;
  for (size_t i = 0; i < THREADS; i++) {
    shared->runners[i].who = PID(i + 1);
    shared->running[i] = &shared->runners[i];
  }
  return 0;
}

static int drop_shared(void **state)
{
  (void)state;
  return munmap(shared, sizeof(*shared));
}

static struct waits *open_at(pid_t pid)
{
  char words[256];
  struct waits_thread threads[THREADS];
  struct waits_at at = {.site = test_subject_site(pid, (const void *)(uintptr_t)subject_wait),
                        .who_offset = WHO_OFFSET,
                        .threads = threads,
                        .thread_count = THREADS};
  struct waits *waits;

  for (size_t i = 0; i < THREADS; i++)
    threads[i] = (struct waits_thread){(uint64_t)(uintptr_t)&shared->running[i],
                                       (uint64_t)(uintptr_t)&shared->running[i]};
  assert_int_equal(waits_open(&at, &waits, words, sizeof(words)), 0);
  (void)close(at.site.exe_fd);
  return waits;
}

static void run_subject(void)
{
  __atomic_store_n(&shared->go, true, __ATOMIC_RELEASE);
  for (int ms = 0; ms < DEADLINE_MS && !__atomic_load_n(&shared->done, __ATOMIC_ACQUIRE); ms++)
    pause_ns(1000000);
  assert_true(shared->done);
}

static const struct waits_waiter *waiter(const struct waits_totals *totals, uint64_t who)
{
  for (size_t i = 0; i < totals->waiter_count; i++)
    if (totals->waiters[i].who == who)
      return &totals->waiters[i];
  fail_msg("nobody is %llu", (unsigned long long)who);
  return NULL;
}

static const struct waits_lock *lock_at(const struct waits_totals *totals, const uint64_t *lock)
{
  for (size_t i = 0; i < totals->lock_count; i++)
    if (totals->locks[i].lock == (uint64_t)(uintptr_t)lock)
      return &totals->locks[i];
  fail_msg("the lock is not there");
  return NULL;
}

static void adds_up_by_lock_and_by_waiter(void **state)
{
  pid_t pid = test_subject_start(subject, NULL);
  struct waits *waits = open_at(pid);
  struct waits_totals totals;
  const struct waits_lock *lock;
  uint64_t sum_ns = 0;

  (void)state;
  run_subject();
  assert_int_equal(waits_collect(waits, &totals), 0);
  for (size_t i = 0; i < THREADS; i++) {
    const struct waits_waiter *w = waiter(&totals, PID(i + 1));
    assert_int_equal(w->count, ROUNDS);
    assert_in_range(w->waited_ns, shared->inside_ns[i], shared->outside_ns[i]);
    assert_in_range(w->max_ns, WAIT_NS, w->waited_ns);
    sum_ns += w->waited_ns;
  }
  lock = lock_at(&totals, &shared->lock);
  assert_int_equal(lock->count, THREADS * ROUNDS);
  assert_true(lock->waited_ns == sum_ns);
  /* they wait at the same time, so that time is less than the sum, and not less than either's */
  assert_in_range(lock->some_ns, sum_ns / THREADS - 16 * ROUNDS, sum_ns);
  lock = lock_at(&totals, &shared->private_lock);
  assert_int_equal(lock->count, 1);
  /* one waiter only: the same but for the units that its begin is kept in */
  assert_in_range(lock->some_ns, lock->waited_ns, lock->waited_ns + 16);
  assert_true(waiter(&totals, (uint64_t)pid << 4)->waited_ns == lock->waited_ns);
  assert_int_equal(totals.hits, 2 * (THREADS * ROUNDS + 1));
  assert_int_equal(totals.lost, 0);
  waits_totals_done(&totals);
  waits_close(waits);
  test_subject_stop(pid);
}

static void keeps_what_it_has_when_detached(void **state)
{
  pid_t pid = test_subject_start(subject, NULL);
  struct waits *waits = open_at(pid);
  struct waits_totals totals;

  (void)state;
  waits_detach(waits);
  run_subject();
  assert_int_equal(waits_collect(waits, &totals), 0);
  assert_int_equal(totals.lock_count, 0);
  assert_int_equal(totals.hits, 0);
  waits_totals_done(&totals);
  waits_close(waits);
  test_subject_stop(pid);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(adds_up_by_lock_and_by_waiter, new_shared, drop_shared),
      cmocka_unit_test_setup_teardown(keeps_what_it_has_when_detached, new_shared, drop_shared),
  };
  test_subject_need_probes();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
