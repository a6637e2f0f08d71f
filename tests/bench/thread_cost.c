/*
 * thread_cost.c - what being watched costs a threaded program: throughput of a contended and of an uncontended lock without
 * impasse, beside a recorder, and beside a recorder with --exact, as ratios to turns without it right before or after. And
 * how soon `check deadlock` names a deadlock that was there before it, by both routes, against a program that does nothing.
 *
 *   bench_thread_cost [SECONDS_A_TURN]
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/clock.h"
#include "tests/bench/median.h"

enum { TURNS = 5, CHECKS = 9, LINE_BYTES = 256, SETTLE_S = 5 };

static const char *seconds = "2";

static void die(const char *what)
{
  (void)fprintf(stderr, "bench_thread_cost: %s: %s\n", what, strerror(errno));
  exit(2);
}

/* ---- children ---- */

/* Runs it; *ret_out is its standard output, or it has none of ours (NULL). */
static pid_t start(char *const *argv, FILE **ret_out)
{
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0)
    die("pipe");
  pid_t child = fork();
  if (child < 0)
    die("fork");
  if (child == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    int out = ret_out ? ends[1] : open("/dev/null", O_WRONLY);
    (void)dup2(out, STDOUT_FILENO);
    if (!ret_out)
      (void)dup2(out, STDERR_FILENO);
    (void)execv(argv[0], argv);
    _exit(127);
  }
  (void)close(ends[1]);
  if (ret_out)
    *ret_out = fdopen(ends[0], "r");
  else
    (void)close(ends[0]);
  return child;
}

static int end_of(pid_t child)
{
  int status = 0;
  if (waitpid(child, &status, 0) != child)
    die("waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void wait_for_line(FILE *out, const char *begin)
{
  char line[LINE_BYTES];
  while (fgets(line, sizeof line, out))
    if (strncmp(line, begin, strlen(begin)) == 0)
      return;
  errno = EPIPE;
  die(begin);
}

/* ---- throughput ---- */

/* Locks a second that the program says at its end. */
static double run_locks(const char *kind)
{
  char *argv[] = {THREAD_LOCKS, (char *)kind, (char *)seconds, NULL};
  char line[LINE_BYTES];
  double rate = 0;
  FILE *out;
  pid_t child = start(argv, &out);
  while (fgets(line, sizeof line, out)) {
    char *rest;
    double value = strtod(line, &rest);
    if (rest != line)
      rate = value;
  }
  (void)fclose(out);
  if (end_of(child) != 0 || rate <= 0)
    die(kind);
  return rate;
}

/* Throughput beside a recorder of all that there is, which has looked at everybody else before the program starts, and
 * lives longer. */
static double run_watched(const char *kind, const char *folder, bool exact)
{
  char *argv[] = {IMPASSE_PATH, "record", "--db", (char *)folder, exact ? "--exact" : NULL, NULL};
  pid_t recorder = start(argv, NULL);
  (void)sleep(SETTLE_S);
  double rate = run_locks(kind);
  (void)kill(recorder, SIGTERM);
  (void)end_of(recorder);
  return rate;
}

static void compare(const char *kind, const char *folder)
{
  double watched[TURNS], exact[TURNS], control[TURNS], without[TURNS];
  for (int i = 0; i < TURNS; i++) {
    without[i] = run_locks(kind);
    watched[i] = run_watched(kind, folder, false) / without[i];
    control[i] = run_locks(kind) / without[i];
    exact[i] = run_watched(kind, folder, true) / without[i];
  }
  (void)printf("thread cost, %-11s lock: throughput x %.3f beside a recorder, x %.3f with --exact; "
               "control x %.3f (%.0f/s without)\n",
               kind, median_of(watched, TURNS), median_of(exact, TURNS), median_of(control, TURNS),
               median_of(without, TURNS));
}

/* ---- how soon a deadlock is named ---- */

static double check_ms(const char *pid)
{
  char *check[] = {IMPASSE_PATH, "check", "deadlock", "--target", (char *)pid, NULL};
  uint64_t begin = clock_mono_ns();
  if (end_of(start(check, NULL)) != 2)
    die("check deadlock found none");
  return (double)(clock_mono_ns() - begin) / 1e6;
}

static double version_ms(void)
{
  char *version[] = {IMPASSE_PATH, "--version", NULL};
  uint64_t begin = clock_mono_ns();
  (void)end_of(start(version, NULL));
  return (double)(clock_mono_ns() - begin) / 1e6;
}

static void find_deadlock(const char *shape, const char *count, const char *route)
{
  char *argv[] = {THREAD_LOCKS, (char *)shape, (char *)count, NULL};
  double ms[CHECKS], baseline[CHECKS];
  char pid[16];
  FILE *out;
  pid_t child = start(argv, &out);
  wait_for_line(out, "ready");
  (void)snprintf(pid, sizeof pid, "%d", (int)child);
  if (setenv("IMPASSE_THREAD_ROUTE", route, 1) != 0)
    die(route);
  for (int i = 0; i < CHECKS; i++) {
    baseline[i] = version_ms();
    ms[i] = check_ms(pid);
  }
  double median_ms = median_of(ms, CHECKS);
  (void)printf(
      "thread deadlock, %s %-4s by %-8s: check names it after %.0f ms, worst of %d %.0f ms; "
      "impasse --version takes %.1f ms\n",
      shape, count ? count : "", route, median_ms, CHECKS, ms[CHECKS - 1],
      median_of(baseline, CHECKS));
  (void)unsetenv("IMPASSE_THREAD_ROUTE");
  (void)kill(child, SIGKILL);
  (void)end_of(child);
  (void)fclose(out);
}

int main(int argc, char **argv)
{
  static const char *const routes[] = {"proc", "iterator"};
  char folder[] = "/tmp/impasse-bench-XXXXXX";
  (void)setvbuf(stdout, NULL, _IOLBF, 0); /* cannot fail before the first output */
  if (argc > 1)
    seconds = argv[1];
  if (!mkdtemp(folder))
    die(folder);
  for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
    find_deadlock("abba", NULL, routes[i]);
    find_deadlock("circle", "1000", routes[i]);
  }
  compare("contended", folder);
  compare("uncontended", folder);
  char *clear[] = {"/bin/rm", "-rf", folder, NULL};
  return end_of(start(clear, NULL));
}
