/*
 * bpf_threads.c - what programs for the kernel cost: a walk over the blocked threads of a process (bpf/tasks.h), against
 * opening, reading and closing /proc/PID/task/TID/stat of each; and a context switch while waits are counted
 * (bpf/contention.h), of others or of the very threads that switch, against one without, in interleaved turns.
 * usage: bench_bpf_threads [THREADS...]   (10 100 1000 10000 by default)
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/clock.h"
#include "bpf/contention.h"
#include "bpf/tasks.h"
#include "tests/bench/median.h"

enum { WALKS = 15, TURNS = 15, ROUNDS = 20000, STACK_BYTES = 65536, MOST = 65536, FEW = 10 };

static void die(const char *what)
{
  (void)fprintf(stderr, "bench_bpf_threads: %s\n", what);
  exit(2);
}

/* ---- walks ---- */

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

static void *block(void *context)
{
  (void)pthread_mutex_lock(&held);
  return context;
}

/* A process with so many threads blocked in a mutex. */
static pid_t start_blocked(size_t threads)
{
  pid_t pid = fork();
  pthread_attr_t attributes;
  pthread_t thread;

  if (pid != 0)
    return pid;
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  (void)pthread_attr_init(&attributes);
  (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
  (void)pthread_mutex_lock(&held);
  for (size_t i = 0; i < threads; i++)
    if (pthread_create(&thread, &attributes, block, NULL) != 0)
      _exit(1);
  for (;;)
    (void)pause();
}

static void await_blocked(struct tasks *tasks, size_t threads)
{
  const struct task_record *list;
  size_t count = 0, blocked = 0;
  uint64_t lost;

  while (blocked < threads) {
    (void)usleep(1000);
    blocked = 0;
    if (tasks_read(tasks, NULL, 0, MOST, &list, &count, &lost) != 0)
      die("tasks_read");
    for (size_t i = 0; i < count; i++)
      blocked += list[i].lock_read;
  }
}

/* Processor time, not wall-clock. */
static double cpu_ms(void)
{
  struct timespec spent;

  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent); /* cannot fail */
  return (double)spent.tv_sec * 1e3 + (double)spent.tv_nsec / 1e6;
}

static double walk_ms(struct tasks *tasks, const pid_t *tids, size_t tid_count)
{
  const struct task_record *list;
  double begin_ms = cpu_ms();
  uint64_t lost;
  size_t count;

  if (tasks_read(tasks, tids, tid_count, MOST, &list, &count, &lost) != 0)
    die("tasks_read");
  return cpu_ms() - begin_ms;
}

static double stat_ms(pid_t pid, const pid_t *tids, size_t count)
{
  double begin_ms = cpu_ms();
  char path[64], text[1024];

  for (size_t i = 0; i < count; i++) {
    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tids[i]);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof(text)) <= 0)
      die(path);
    (void)close(fd);
  }
  return cpu_ms() - begin_ms;
}

static void bench_walks(size_t threads)
{
  double all[WALKS], few[WALKS], stat[WALKS];
  pid_t pid = start_blocked(threads), *tids = calloc(threads + 1, sizeof(*tids)), some[FEW];
  const struct task_record *list;
  struct tasks *tasks;
  char words[256];
  uint64_t lost;
  size_t count;

  if (tasks_open(pid, &tasks, words, sizeof(words)) != 0)
    die(words);
  await_blocked(tasks, threads);
  if (!tids || tasks_read(tasks, NULL, 0, threads + 1, &list, &count, &lost) != 0)
    die("tasks_read");
  for (size_t i = 0; i < count; i++)
    tids[i] = (pid_t)list[i].tid;
  for (size_t i = 0; i < FEW; i++)
    some[i] = tids[i * count / FEW];
  for (size_t i = 0; i < WALKS; i++) {
    all[i] = walk_ms(tasks, NULL, 0);
    few[i] = walk_ms(tasks, some, FEW);
    stat[i] = stat_ms(pid, tids, count);
  }
  (void)printf(
      "walk over %5zu blocked threads %8.3f ms, for %d of them %8.3f ms; reading stat of each "
      "%8.3f ms, ratio %.2f\n",
      threads, median_of(all, WALKS), FEW, median_of(few, WALKS), median_of(stat, WALKS),
      median_of(all, WALKS) / median_of(stat, WALKS));
  tasks_close(tasks);
  free(tids);
  (void)kill(pid, SIGKILL);
  (void)waitpid(pid, NULL, 0);
}

/* ---- context switches: two threads on one processor hand each other the turn ---- */

static uint32_t turn; /* of the one or the other, in a futex */
static int there[2], back[2];

static void swap_turn(uint32_t own)
{
  __atomic_store_n(&turn, !own, __ATOMIC_RELEASE);
  (void)syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL);
  while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != own)
    (void)syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, !own, NULL);
}

static void *answer_by_futex(void *context)
{
  while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != 1)
    (void)syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, 0, NULL);
  for (;;)
    swap_turn(1);
  return context;
}

static void *answer_by_pipe(void *context)
{
  char byte;

  while (read(there[0], &byte, 1) == 1)
    if (write(back[1], &byte, 1) != 1)
      break;
  return context;
}

/* Of a switch: two a round. */
static double switch_ns(bool by_futex)
{
  uint64_t begin_ns = clock_ns();
  char byte = 'x';

  for (int i = 0; i < ROUNDS; i++) {
    if (by_futex)
      swap_turn(0);
    else if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
      die("pipe");
  }
  return (double)(clock_ns() - begin_ns) / ROUNDS / 2;
}

static double counted_ns(bool by_futex, pid_t counted)
{
  struct contention *contention;
  char words[256];
  double ns;

  if (contention_open(counted, &contention, words, sizeof(words)) != 0)
    die(words);
  ns = switch_ns(by_futex);
  contention_close(contention);
  return ns;
}

static void bench_switches(const char *what, bool by_futex, pid_t other)
{
  double without[TURNS], others[TURNS], own[TURNS], add_others[TURNS], add_own[TURNS];

  for (size_t i = 0; i < TURNS; i++) {
    without[i] = switch_ns(by_futex);
    others[i] = counted_ns(by_futex, other);
    own[i] = counted_ns(by_futex, getpid());
    add_others[i] = others[i] - without[i];
    add_own[i] = own[i] - without[i];
  }
  (void)printf(
      "context switch by %-5s %6.0f ns; while waits of others are counted %+5.0f ns, ratio "
      "%.3f; while its own are %+5.0f ns, ratio %.3f\n",
      what, median_of(without, TURNS), median_of(add_others, TURNS),
      median_of(others, TURNS) / median_of(without, TURNS), median_of(add_own, TURNS),
      median_of(own, TURNS) / median_of(without, TURNS));
}

static void bench_all_switches(void)
{
  pid_t other = start_blocked(1);
  cpu_set_t one;
  pthread_t threads[2];

  CPU_ZERO(&one);
  CPU_SET(0, &one);
  if (sched_setaffinity(0, sizeof(one), &one) != 0 || pipe(there) != 0 || pipe(back) != 0 ||
      pthread_create(&threads[0], NULL, answer_by_futex, NULL) != 0 ||
      pthread_create(&threads[1], NULL, answer_by_pipe, NULL) != 0)
    die("threads");
  bench_switches("pipe", false, other);
  bench_switches("futex", true, other);
  (void)kill(other, SIGKILL);
  (void)waitpid(other, NULL, 0);
}

int main(int argc, char **argv)
{
  static const size_t usual[] = {10, 100, 1000, 10000};

  if (argc > 1)
    for (int i = 1; i < argc; i++)
      bench_walks(strtoul(argv[i], NULL, 10));
  else
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
      bench_walks(usual[i]);
  bench_all_switches();
  return 0;
}
