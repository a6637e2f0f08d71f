/* Exact waits of a real process with a mutex and a condition variable, through the source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/ladder.h"
#include "probe/clock.h"
#include "probe/reach/reach.h"
#include "probe/source.h"

extern const struct source source_thread;

enum { ROUNDS = 20, HOLD_NS = 2000000, DEADLINE_MS = 20000, SKIPPED = 77 };

pthread_mutex_t exact_test_fought_over = PTHREAD_MUTEX_INITIALIZER;

/* Shared with the subject. */
static struct shared {
  pid_t waiter;
  uint32_t begin, round, round_done, asleep, go, done;
  uint64_t held_ns, longest_ns; /* while it waited: less than what it waited */
} * shared;

static void pause_ns(long ns)
{
  (void)nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

static void set(uint32_t *flag, uint32_t value)
{
  __atomic_store_n(flag, value, __ATOMIC_RELEASE);
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

/* ---- the subject: one holds a mutex until the other sleeps for it, in rounds; a third waits on a condition
 * variable ---- */

static pthread_mutex_t mutex_of_condition = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

static void *wait_in_rounds(void *context)
{
  (void)context;
  __atomic_store_n(&shared->waiter, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
  for (uint32_t n = 1; n <= ROUNDS; n++) {
    await(&shared->round, n);
    (void)pthread_mutex_lock(&exact_test_fought_over);
    (void)pthread_mutex_unlock(&exact_test_fought_over);
    set(&shared->round_done, n);
  }
  return NULL;
}

static void *wait_on_condition(void *context)
{
  (void)pthread_mutex_lock(&mutex_of_condition);
  for (;;)
    (void)pthread_cond_wait(&condition, &mutex_of_condition);
  return context;
}

/* Is it off its processor, in a call for the mutex? */
static bool sleeps_for_mutex(pid_t tid)
{
  char path[64], text[256] = "", address[32];
  (void)snprintf(path, sizeof path, "/proc/self/task/%d/syscall", tid);
  (void)snprintf(address, sizeof address, " 0x%" PRIxPTR " ", (uintptr_t)&exact_test_fought_over);
  FILE *file = fopen(path, "re");
  if (file) {
    (void)!fgets(text, sizeof text, file);
    (void)fclose(file);
  }
  return strstr(text, address) != NULL;
}

static void hold_until_slept_for(uint32_t round)
{
  (void)pthread_mutex_lock(&exact_test_fought_over);
  set(&shared->round, round);
  while (!sleeps_for_mutex(shared->waiter))
    pause_ns(100000);
  uint64_t begin = clock_mono_ns(), held;
  if (round == 1) {
    set(&shared->asleep, 1);
    await(&shared->go, 1);
  }
  pause_ns(HOLD_NS);
  held = clock_mono_ns() - begin;
  shared->held_ns += held;
  shared->longest_ns = held > shared->longest_ns ? held : shared->longest_ns;
  (void)pthread_mutex_unlock(&exact_test_fought_over);
}

static void subject(void)
{
  pthread_t threads[2];
  if (pthread_create(&threads[0], NULL, wait_in_rounds, NULL) != 0 ||
      pthread_create(&threads[1], NULL, wait_on_condition, NULL) != 0)
    _exit(1);
  while (__atomic_load_n(&shared->waiter, __ATOMIC_ACQUIRE) == 0)
    pause_ns(100000);
  await(&shared->begin, 1);
  for (uint32_t n = 1; n <= ROUNDS; n++) {
    hold_until_slept_for(n);
    await(&shared->round_done, n);
    (void)pthread_cond_broadcast(&condition);
  }
  set(&shared->done, 1);
  for (;;)
    (void)pause();
}

/* ---- the test ---- */

struct scene {
  pid_t pid;
  struct reach_target *target;
  void *session;
};

static int scene_open(void **state)
{
  static struct scene scene;
  char reason[SOURCE_REASON_BYTES] = "";
  shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED)
    return -1;
  scene.pid = fork();
  if (scene.pid == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    subject();
  }
  if (reach_open(scene.pid, &scene.target) != 0 ||
      source_thread.open(scene.target, &scene.session, reason) != 0) {
    print_error("%s\n", reason);
    return -1;
  }
  *state = &scene;
  return 0;
}

static int scene_close(void **state)
{
  struct scene *scene = *state;
  source_thread.close(scene->session);
  reach_close(scene->target);
  (void)kill(scene->pid, SIGKILL);
  (void)waitpid(scene->pid, NULL, 0);
  return munmap(shared, sizeof(*shared));
}

static struct sweep *sweep_of(struct scene *scene)
{
  struct sweep *sweep = NULL;
  assert_int_equal(source_thread.sweep(scene->session, &sweep), 0);
  assert_int_equal(sweep->kind, SWEEP_FULL);
  return sweep;
}

static const struct sweep_table *table_named(const struct sweep *sweep, const char *name)
{
  for (size_t i = 0; i < sweep->table_count; i++) {
    const char *text = sweep_text(sweep, sweep->tables[i].name);
    if (text && strcmp(text, name) == 0)
      return &sweep->tables[i];
  }
  return NULL;
}

/* Waits that ended, once the lock is known by its name: while somebody has it. */
static int64_t await_contended(struct scene *scene)
{
  for (int ms = 0; ms < DEADLINE_MS; ms++) {
    struct sweep *sweep = sweep_of(scene);
    const struct sweep_table *table = table_named(sweep, "exact_test_fought_over");
    int64_t count = table ? table->contended_count : 0;
    sweep_free(sweep);
    if (table)
      return count;
    pause_ns(1000000);
  }
  fail_msg("nobody waits for the lock");
  return 0;
}

static void counts_waits_for_the_lock_and_for_nothing_else(void **state)
{
  struct scene *scene = *state;
  char reason[SOURCE_REASON_BYTES] = "", *text = NULL, expected[128];
  const struct sweep_table *table;
  struct sweep *sweep;

  assert_int_equal(source_thread.exact(scene->session, true, reason), 0);
  assert_non_null(strstr(reason, "each context switch"));
  set(&shared->begin, 1);
  await(&shared->asleep, 1);
  assert_int_equal(await_contended(scene), 0);
  set(&shared->go, 1);
  await(&shared->done, 1);
  sweep = sweep_of(scene);
  assert_int_equal(sweep->gap_count, 0);
  table = table_named(sweep, "exact_test_fought_over");
  assert_non_null(table);
  assert_int_equal(table->contended_count, ROUNDS);
  assert_true((uint64_t)table->max_wait_ns >= shared->longest_ns);
  assert_true((uint64_t)table->wait_ns + 16 * ROUNDS >= shared->held_ns);
  assert_int_equal(sweep->table_count, 1); /* not the condition variable */
  sweep_free(sweep);

  assert_int_equal(source_thread.ask(scene->session, 0, FEED_LOCKS, &text), 0);
  print_message("%s", text);
  (void)snprintf(expected, sizeof expected, "mutex exact_test_fought_over  %d waits, ", ROUNDS);
  assert_non_null(strstr(text, expected));
  assert_non_null(strstr(text, "1 lock word\n"));
  assert_non_null(strstr(text, " other futex word"));
  assert_non_null(strchr(text, '#'));
  free(text);
  assert_int_equal(source_thread.exact(scene->session, false, reason), 0);
}

static void a_question_counts_for_a_second(void **state)
{
  struct scene *scene = *state;
  char *text = NULL;
  struct sweep *sweep;

  set(&shared->begin, 1);
  await(&shared->asleep, 1);
  assert_int_equal(await_contended(scene), 1);
  /* It waits all the while. */
  assert_int_equal(source_thread.ask(scene->session, 0, FEED_LOCKS, &text), 0);
  assert_non_null(
      strstr(text, "mutex exact_test_fought_over  0 waits, 0.000 ms in all, the longest 0.000 ms; "
                   "somebody waited "));
  free(text);
  sweep = sweep_of(scene);
  /* What was counted for the question alone is in no sweep: there one wait was seen. */
  assert_int_equal(table_named(sweep, "exact_test_fought_over")->contended_count, 1);
  sweep_free(sweep);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(counts_waits_for_the_lock_and_for_nothing_else, scene_open,
                                      scene_close),
      cmocka_unit_test_setup_teardown(a_question_counts_for_a_second, scene_open, scene_close),
  };
  char words[256];

  if (ladder_try(words, sizeof words) != 0) {
    (void)fprintf(stderr, "skipped: %s\n", words);
    return SKIPPED;
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
