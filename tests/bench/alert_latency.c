/*
 * alert_latency.c - from the last edge of a deadlock in a hooked program to the line that `impasse watch` prints of it.
 *
 *   bench_alert_latency [TIMES [PATH_OF_IMPASSE]]
 *
 * The program closes a circle of two calls, TIMES times at instants spread over the interval between two sweeps. What is
 * promised (two wait rounds of 100 ms) begins when the last edge has been read, so the wait for the sweep that reads it
 * comes on top: on average half an interval, at most a whole one. The baseline of the same run is that interval.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe/hook/impasse.h"

#define INTERVAL_MS 1000 /* between two sweeps of `impasse watch` */
#define ROUND_MS 100

static int64_t now_ms(void)
{
  struct timespec now;

  (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void die(const char *what)
{
  (void)fprintf(stderr, "bench_alert_latency: %s: %s\n", what, strerror(errno));
  exit(2);
}

/* The program: for each byte that comes in, two more actors call each other. */
static void lock_up_on_demand(int in)
{
  uint32_t names = impasse_class("server");
  char byte;

  for (uint64_t i = 0; read(in, &byte, 1) == 1; i += 2) {
    struct impasse_actor a = impasse_actor_open(impasse_numbered(names, i));
    struct impasse_actor b = impasse_actor_open(impasse_numbered(names, i + 1));

    (void)impasse_call_begin(a, b.ref, IMPASSE_TIMEOUT_NONE, IMPASSE_WAIT_EXCLUSIVE);
    (void)impasse_call_begin(b, a.ref, IMPASSE_TIMEOUT_NONE, IMPASSE_WAIT_EXCLUSIVE);
  }
  _exit(0);
}

static pid_t start_target(int *ret_order)
{
  int ends[2];
  pid_t child;

  if (pipe(ends) < 0 || (child = fork()) < 0)
    die("target");
  if (child == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)close(ends[1]);
    if (impasse_start(NULL) != 0)
      die("the hook library does not start");
    lock_up_on_demand(ends[0]);
  }
  (void)close(ends[0]);
  *ret_order = ends[1];
  return child;
}

static pid_t start_watch(const char *impasse, pid_t target, FILE **ret_lines)
{
  char pid[16];
  int ends[2];
  pid_t child;

  (void)snprintf(pid, sizeof pid, "%d", target);
  if (pipe(ends) < 0 || (child = fork()) < 0)
    die("watch");
  if (child == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)dup2(ends[1], STDOUT_FILENO);
    (void)close(ends[0]);
    (void)execl(impasse, impasse, "watch", "deadlock", "--target", pid, "--interval", "1s",
                (char *)NULL);
    _exit(127);
  }
  (void)close(ends[1]);
  *ret_lines = fdopen(ends[0], "r");
  if (!*ret_lines)
    die("watch");
  return child;
}

static void await(FILE *lines, const char *type)
{
  char line[16384], wanted[64];

  (void)snprintf(wanted, sizeof wanted, "\"type\":\"%s\"", type);
  while (fgets(line, sizeof line, lines))
    if (strstr(line, wanted))
      return;
  errno = EPIPE;
  die("watch ended early");
}

static int compare(const void *a, const void *b)
{
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

  return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
  enum { TIMES_MOST = 1000 };
  int times = argc > 1 ? atoi(argv[1]) : 11;
  int64_t took[TIMES_MOST];
  FILE *lines;
  int order;

  if (times < 1 || times > TIMES_MOST)
    return 2;
  pid_t target = start_target(&order);
  pid_t watch = start_watch(argc > 2 ? argv[2] : IMPASSE_PATH, target, &lines);
  await(lines, "start");
  for (int i = 0; i < times; i++) {
    /* another place in the interval each time */
    struct timespec pause = {.tv_sec = 1, .tv_nsec = (long)(i * 1000000000ll / times)};
    int64_t begin;

    (void)nanosleep(&pause, NULL);
    begin = now_ms();
    if (write(order, "", 1) != 1)
      die("target");
    await(lines, "firing");
    took[i] = now_ms() - begin;
  }
  qsort(took, (size_t)times, sizeof *took, compare);
  (void)printf(
      "alert after the last edge: %lld ms at least, %lld ms median, %lld ms at most of %d "
      "(baseline: %d ms between two sweeps, ratio %.2f; promise: two rounds of %d ms after "
      "the sweep)\n",
      (long long)took[0], (long long)took[times / 2], (long long)took[times - 1], times,
      INTERVAL_MS, (double)took[times / 2] / INTERVAL_MS, ROUND_MS);
  (void)kill(watch, SIGTERM);
  (void)kill(target, SIGKILL);
  while (wait(NULL) > 0)
    ;
  return 0;
}
