/*
 * self_cost.c - what impasse costs itself: processor time and memory while it watches a hooked program of 1,000 and of
 * 100,000 actors at one tick a second, and how soon `top` paints.
 *
 *   bench_self_cost [SECONDS [PATH_OF_IMPASSE]]
 *
 * The target is `impasse demo healthy`, whose idle actors are as many as asked for and whose others work. The baseline of
 * the same run is a program that does nothing for as long: what starting and ending a process costs.
 */
#include <errno.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/median.h"

static double now_s(void)
{
  struct timespec now;

  (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void die(const char *what)
{
  (void)fprintf(stderr, "bench_self_cost: %s: %s\n", what, strerror(errno));
  exit(2);
}

/* --- the target --- */

/* Starts the demo and waits until it says that it is ready. Returns its pid; *ret_out is what it prints to. */
static pid_t start_target(const char *impasse, const char *actors, FILE **ret_out)
{
  char line[256];
  int ends[2];
  pid_t child;

  if (pipe(ends) < 0 || (child = fork()) < 0)
    die("demo");
  if (child == 0) {
    (void)dup2(ends[1], STDOUT_FILENO);
    (void)close(ends[0]);
    (void)execl(impasse, impasse, "demo", "healthy", "--scale", actors, (char *)NULL);
    _exit(127);
  }
  (void)close(ends[1]);
  *ret_out = fdopen(ends[0], "r");
  while (*ret_out && fgets(line, sizeof(line), *ret_out))
    if (strcmp(line, "ready\n") == 0)
      return child;
  die("the demo did not start");
  return -1;
}

static void stop_target(pid_t child, FILE *out)
{
  (void)kill(child, SIGTERM); /* a child of ours */
  (void)waitpid(child, NULL, 0);
  (void)fclose(out);
}

/* --- what a child costs --- */

struct cost {
  double wall_s, cpu_s, rss_mib;
};

static struct cost run_quietly(char *const *argv)
{
  struct rusage usage;
  double begin = now_s();
  pid_t child = fork();
  struct cost cost;
  int status;

  if (child < 0)
    die("fork");
  if (child == 0) {
    if (!freopen("/dev/null", "w", stdout))
      _exit(127);
    (void)execvp(argv[0], argv);
    _exit(127);
  }
  if (wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
    die(argv[0]);
  cost.wall_s = now_s() - begin;
  cost.cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  cost.rss_mib = (double)usage.ru_maxrss / 1024;
  return cost;
}

static void measure_watching(const char *impasse, const char *actors, const char *seconds,
                             const char *promise)
{
  FILE *out;
  pid_t target = start_target(impasse, actors, &out);
  char pid[16], duration[32];
  char *watch[] = {(char *)impasse, "watch",  "--interval", "1s", "--target", pid,
                   "--duration",    duration, NULL};
  char *nothing[] = {"sleep", (char *)seconds, NULL};
  struct cost cost, baseline;

  (void)snprintf(pid, sizeof(pid), "%d", (int)target);
  (void)snprintf(duration, sizeof(duration), "%ss", seconds);
  cost = run_quietly(watch);
  stop_target(target, out);
  baseline = run_quietly(nothing);
  (void)printf("self_cost: %s actors, one tick a second, %.0f s: %.2f %% of a core, %.1f MiB "
               "(promised: %s); a program "
               "that does nothing: %.2f %%, %.1f MiB\n",
               actors, cost.wall_s, 100 * cost.cpu_s / cost.wall_s, cost.rss_mib, promise,
               100 * baseline.cpu_s / baseline.wall_s, baseline.rss_mib);
}

/* --- the first paint --- */

static int is_painted(const char *text, size_t length)
{
  return memmem(text, length, "impasse", strlen("impasse")) != NULL;
}

/* Milliseconds from exec to the header on the screen. */
static double paint_once(const char *impasse)
{
  struct winsize size = {.ws_row = 24, .ws_col = 80};
  char text[65536];
  size_t length = 0;
  ssize_t got;
  double begin = now_s(), painted = -1;
  int terminal;
  pid_t child = forkpty(&terminal, NULL, NULL, &size);

  if (child < 0)
    die("forkpty");
  if (child == 0) {
    (void)setenv("TERM", "xterm-256color", 1);
    (void)execl(impasse, impasse, "top", (char *)NULL);
    _exit(127);
  }
  while (painted < 0 && length < sizeof(text) &&
         (got = read(terminal, text + length, sizeof(text) - length)) > 0) {
    length += (size_t)got;
    if (is_painted(text, length))
      painted = now_s() - begin;
  }
  if (painted < 0)
    die("top painted nothing");
  (void)!write(terminal, "q", 1); /* else the signal ends it */
  while (read(terminal, text, sizeof(text)) > 0)
    continue;
  (void)kill(child, SIGTERM); /* a child of ours */
  (void)waitpid(child, NULL, 0);
  (void)close(terminal);
  return painted * 1000;
}

static void measure_first_paint(const char *impasse)
{
  enum { RUNS = 15 };
  char *version[] = {(char *)impasse, "--version", NULL};
  double ms[RUNS], baseline[RUNS];

  for (int i = 0; i < RUNS; i++) {
    baseline[i] = run_quietly(version).wall_s * 1000;
    ms[i] = paint_once(impasse);
  }
  double median_ms = median_of(ms, RUNS), baseline_ms = median_of(baseline, RUNS); /* sorts them */
  (void)printf("self_cost: first paint of top after %.1f ms, worst of %d %.1f ms (promised: 20 "
               "ms); impasse --version "
               "takes %.1f ms\n",
               median_ms, RUNS, ms[RUNS - 1], baseline_ms);
}

int main(int argc, char **argv)
{
  const char *seconds = argc > 1 ? argv[1] : "10";
  const char *impasse = argc > 2 ? argv[2] : IMPASSE_PATH;

  (void)setvbuf(stdout, NULL, _IOLBF, 0); /* cannot fail before the first output */
  measure_first_paint(impasse);
  measure_watching(impasse, "1000", seconds, "1 %, 32 MiB");
  measure_watching(impasse, "100000", seconds, "5 %, 160 MiB");
  return 0;
}
