/*
 * thread_sweep.c - what a sweep of a program with blocked threads costs by both routes, against what any tool that lists
 * threads must do: open, read and close /proc/PID/task/TID/stat of each. Processor time, not wall-clock.
 * usage: bench_thread_sweep [THREADS...]   (10 100 1000 10000 by default)
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/clock.h"
#include "probe/reach/reach.h"
#include "probe/source.h"
#include "tests/bench/median.h"
#include "tests/bench/target.h"

extern const struct source source_thread;

enum { ROUNDS = 11, LOCKS = 64, STACK_BYTES = 65536, PATH_BYTES = 300 };

static double cpu_ms(void)
{
  return (double)clock_thread_ns() / 1e6;
}

/* ---- the program that is read: its first thread holds all locks, all others wait for one of them ---- */

static pthread_mutex_t locks[LOCKS];

static void *wait_for_lock(void *lock)
{
  (void)pthread_mutex_lock(lock);
  return NULL;
}

static bool all_asleep(size_t count)
{
  char path[64], line[64];
  size_t asleep = 0;
  DIR *tasks = opendir("/proc/self/task");
  for (struct dirent *entry; tasks && (entry = readdir(tasks)) != NULL;) {
    (void)snprintf(path, sizeof path, "/proc/self/task/%.20s/syscall", entry->d_name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, line, sizeof line);
    asleep += length > 0 && strncmp(line, "running", 7) != 0;
    if (fd >= 0)
      (void)close(fd);
  }
  if (tasks)
    (void)closedir(tasks);
  return asleep >= count;
}

__attribute__((noreturn)) static void be_target(size_t count, int ready)
{
  pthread_attr_t attributes;
  pthread_t thread;
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || pthread_attr_init(&attributes) != 0)
    _exit(1);
  (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
  for (size_t i = 0; i < LOCKS; i++) {
    (void)pthread_mutex_init(&locks[i], NULL);
    (void)pthread_mutex_lock(&locks[i]);
  }
  for (size_t i = 0; i < count; i++)
    if (pthread_create(&thread, &attributes, wait_for_lock, &locks[i % LOCKS]) != 0)
      _exit(1);
  while (!all_asleep(count))
    (void)usleep(10000);
  if (write(ready, "r", 1) != 1)
    _exit(1);
  for (;;)
    (void)pause();
}

/* ---- the baseline ---- */

static size_t list_threads(pid_t pid)
{
  char path[PATH_BYTES], line[1024];
  size_t bytes = 0;
  (void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
  DIR *tasks = opendir(path);
  for (struct dirent *entry; tasks && (entry = readdir(tasks)) != NULL;) {
    (void)snprintf(path, sizeof path, "/proc/%d/task/%s/stat", (int)pid, entry->d_name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, line, sizeof line);
    bytes += length > 0 ? (size_t)length : 0;
    if (fd >= 0)
      (void)close(fd);
  }
  if (tasks)
    (void)closedir(tasks);
  return bytes;
}

/* ---- the comparison ---- */

static int measure(void *session, pid_t pid, const char *route)
{
  double bare[ROUNDS], full[ROUNDS], round[ROUNDS];
  struct sweep *sweep = NULL;
  size_t waits = 0, actors = 0, bytes = 0;
  for (int i = -1; i < ROUNDS; i++) { /* the first sweep makes the names */
    double begin = cpu_ms(), after[3];
    bytes += list_threads(pid);
    after[0] = cpu_ms();
    if (source_thread.sweep(session, &sweep) != 0)
      return -1;
    after[1] = cpu_ms();
    waits = sweep->wait_count;
    actors = sweep->actor_count;
    sweep_free(sweep);
    double again = cpu_ms();
    if (source_thread.round(session, &sweep) != 0)
      return -1;
    after[2] = cpu_ms();
    sweep_free(sweep);
    if (i < 0) {
      printf("thread sweep by %-8s %6zu threads: first %8.3f ms\n", route, actors,
             after[1] - after[0]);
      continue;
    }
    bare[i] = after[0] - begin;
    full[i] = after[1] - after[0];
    round[i] = after[2] - again;
  }
  double full_ms = median_of(full, ROUNDS), bare_ms = median_of(bare, ROUNDS);
  printf(
      "thread sweep by %-8s %6zu threads, %zu waits: %8.3f ms, wait round %8.3f ms; reading stat "
      "of each %8.3f ms, ratio %.2f\n",
      route, actors, waits, full_ms, median_of(round, ROUNDS), bare_ms, full_ms / bare_ms);
  return bytes > 0 ? 0 : -1;
}

static int run_route(pid_t pid, const char *route)
{
  char reason[SOURCE_REASON_BYTES] = "";
  struct reach_target *target = NULL;
  void *session = NULL;
  int error = setenv("IMPASSE_THREAD_ROUTE", route, 1);
  if (!error)
    error = reach_open(pid, &target);
  if (!error)
    error = source_thread.open(target, &session, reason);
  if (!error)
    error = measure(session, pid, route);
  if (error)
    (void)fprintf(stderr, "thread sweep by %s: %s %s\n", route, strerror(-error), reason);
  if (session)
    source_thread.close(session);
  reach_close(target);
  return error;
}

static int run(size_t count)
{
  pid_t pid = target_start(be_target, count);
  int error = pid < 0 ? -1 : run_route(pid, "proc") | run_route(pid, "iterator");
  target_stop(pid);
  return error;
}

int main(int argc, char **argv)
{
  static const size_t counts[] = {10, 100, 1000, 10000};
  struct rlimit limit;
  int error = 0;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max; /* as the program does */
    (void)setrlimit(RLIMIT_NOFILE, &limit);
  }
  for (int i = 1; i < argc; i++)
    error |= run(strtoul(argv[i], NULL, 10));
  for (size_t i = 0; argc == 1 && i < sizeof counts / sizeof *counts; i++)
    error |= run(counts[i]);
  return error ? 1 : 0;
}
