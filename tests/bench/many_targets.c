/*
 * many_targets.c - what a recorder costs where there are many small programs: processes of four threads each, three asleep
 * in a futex and one that accepts connections, read at one tick a second by the sources `thread` and `queue`. And what it
 * costs where nobody is to be read: discovery among sleeping processes. The baseline of the same run is a listing of all
 * of their threads once a second, as top -H makes it: open, read and close /proc/PID/task/TID/stat of each.
 *
 *   bench_many_targets [-s SECONDS] [-d SLEEPING] [PROCESSES...]   (-s 10 -d 10000 50 200 1000 by default)
 *
 * Other processes that begin and end on the machine are looked at, too: for figures that can be compared give it a pid
 * namespace of its own (unshare --pid --fork --mount-proc).
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe/clock.h"

enum { STACK_BYTES = 65536, PATH_BYTES = 300, SLEEPERS = 3, SETTLE_MOST_S = 60, LOOKS_S = 80 };

static unsigned seconds = 10;

static void die(const char *what)
{
  (void)fprintf(stderr, "bench_many_targets: %s: %s\n", what, strerror(errno));
  exit(2);
}

/* ---- the programs that are read ---- */

static void *sleep_in_futex(void *never)
{
  (void)sem_wait(never);
  return NULL;
}

__attribute__((noreturn)) static void be_target(size_t sleepers, bool listens, int ready)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  pthread_attr_t attributes;
  pthread_t thread;
  sem_t never;
  int listening = listens ? socket(AF_INET, SOCK_STREAM, 0) : -1;
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_NAME, "many_targets") != 0 ||
      sem_init(&never, 0, 0) != 0 || pthread_attr_init(&attributes) != 0)
    _exit(1);
  (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
  if (listens && (listening < 0 || bind(listening, (struct sockaddr *)&at, sizeof at) != 0 ||
                  listen(listening, 16) != 0))
    _exit(1);
  for (size_t i = 0; i < sleepers; i++)
    if (pthread_create(&thread, &attributes, sleep_in_futex, &never) != 0)
      _exit(1);
  if (write(ready, "r", 1) != 1)
    _exit(1);
  for (;;)
    if (listens)
      (void)accept(listening, NULL, NULL);
    else
      (void)pause();
}

static pid_t *start_targets(size_t count, size_t sleepers, bool listens)
{
  pid_t *pids = calloc(count + 1, sizeof *pids);
  int ends[2];
  char byte;
  if (!pids || pipe2(ends, O_CLOEXEC) != 0)
    die("targets");
  for (size_t i = 0; i < count; i++) {
    pids[i] = fork();
    if (pids[i] < 0)
      die("fork");
    if (pids[i] == 0)
      be_target(sleepers, listens, ends[1]);
  }
  (void)close(ends[1]);
  for (size_t i = 0; i < count; i++)
    if (read(ends[0], &byte, 1) != 1)
      die("a target did not start");
  (void)close(ends[0]);
  return pids;
}

static void stop_targets(pid_t *pids, size_t count)
{
  for (size_t i = 0; i < count; i++)
    (void)kill(pids[i], SIGKILL); /* children of ours */
  for (size_t i = 0; i < count; i++)
    (void)waitpid(pids[i], NULL, 0);
  free(pids);
}

/* ---- the baseline ---- */

static void list_threads(pid_t pid)
{
  char path[PATH_BYTES], line[1024];
  (void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
  DIR *tasks = opendir(path);
  for (struct dirent *entry; tasks && (entry = readdir(tasks)) != NULL;) {
    (void)snprintf(path, sizeof path, "/proc/%d/task/%s/stat", (int)pid, entry->d_name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
      continue;
    (void)!read(fd, line, sizeof line);
    (void)close(fd);
  }
  if (tasks)
    (void)closedir(tasks);
}

/* Milliseconds of processor time for one listing. */
static double listing_ms(const pid_t *pids, size_t count)
{
  uint64_t begin = clock_thread_ns();
  for (size_t i = 0; i < count; i++)
    list_threads(pids[i]);
  return (double)(clock_thread_ns() - begin) / 1e6;
}

/* ---- the recorder ---- */

struct usage {
  double cpu_ms, rss_mib;
  int threads;
};

static struct usage usage_of(pid_t pid)
{
  struct usage usage = {0};
  char path[PATH_BYTES], line[256];
  clockid_t clock;
  if (clock_getcpuclockid(pid, &clock) == 0)
    usage.cpu_ms = (double)clock_read_ns(clock) / 1e6;
  (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  FILE *status = fopen(path, "re");
  while (status && fgets(line, sizeof line, status)) {
    if (strncmp(line, "VmRSS:", 6) == 0)
      usage.rss_mib = strtod(line + 6, NULL) / 1024;
    if (strncmp(line, "Threads:", 8) == 0)
      usage.threads = (int)strtol(line + 8, NULL, 10);
  }
  if (status)
    (void)fclose(status);
  return usage;
}

/* Its first child; 0 none. */
static pid_t broker_of(pid_t pid)
{
  char path[PATH_BYTES], line[64] = "";
  (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
  FILE *children = fopen(path, "re");
  if (children) {
    (void)!fgets(line, sizeof line, children);
    (void)fclose(children);
  }
  return (pid_t)strtol(line, NULL, 10);
}

static pid_t start_recorder(const char *folder)
{
  char *argv[] = {IMPASSE_PATH,   "record",   "--interval",   "1s", "--db",
                  (char *)folder, "--target", "many_targets", NULL};
  pid_t child = fork();
  if (child < 0)
    die("fork");
  if (child > 0)
    return child;
  (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
    _exit(127);
  (void)execv(argv[0], argv);
  _exit(127);
}

/* Until it costs no more than it did a moment ago: it has opened all that it wants to. */
static void let_settle(pid_t recorder, bool looks, pid_t *ret_broker)
{
  double before = 0, spent = 0;
  (void)sleep(looks ? LOOKS_S : 0); /* the first looks at a process last a minute */
  for (int i = 0; i < SETTLE_MOST_S; i++) {
    (void)sleep(3);
    *ret_broker = broker_of(recorder);
    double now = usage_of(recorder).cpu_ms + (*ret_broker ? usage_of(*ret_broker).cpu_ms : 0);
    double last = spent;
    spent = now - before;
    before = now;
    if (i > 1 && spent > 0.8 * last && spent < 1.25 * last)
      return;
  }
}

static void measure(const char *what, const pid_t *pids, size_t count, bool looks)
{
  char folder[] = "/tmp/impasse-bench-XXXXXX", clear[64];
  pid_t broker = 0;
  if (!mkdtemp(folder))
    die(folder);
  pid_t recorder = start_recorder(folder);
  let_settle(recorder, looks, &broker);
  struct usage a = usage_of(recorder), b = broker ? usage_of(broker) : (struct usage){0};
  uint64_t begin = clock_mono_ns();
  double listing = 0;
  for (unsigned i = 0; i < seconds; i++) {
    listing += listing_ms(pids, count);
    (void)sleep(1);
  }
  double wall_ms = (double)(clock_mono_ns() - begin) / 1e6;
  struct usage a2 = usage_of(recorder), b2 = broker ? usage_of(broker) : (struct usage){0};
  double own = (a2.cpu_ms - a.cpu_ms) * 100 / wall_ms, its = (b2.cpu_ms - b.cpu_ms) * 100 / wall_ms,
         base = listing * 100 / wall_ms;
  (void)printf(
      "many targets, %5zu %s: %.2f %% of a core (impasse %.2f + broker %.2f); a listing of "
      "their threads %.2f %%, ratio %.2f; memory %.1f + %.1f MiB, threads %d + %d\n",
      count, what, own + its, own, its, base, (own + its) / base, a2.rss_mib, b2.rss_mib,
      a2.threads, b2.threads);
  (void)kill(recorder, SIGTERM);
  (void)waitpid(recorder, NULL, 0);
  (void)snprintf(clear, sizeof clear, "rm -rf %s", folder);
  if (system(clear) != 0)
    die(folder);
}

static void run(size_t count, size_t sleepers, bool listens, const char *what)
{
  pid_t *pids = start_targets(count, sleepers, listens);
  measure(what, pids, count, !listens);
  stop_targets(pids, count);
}

int main(int argc, char **argv)
{
  static const size_t counts[] = {50, 200, 1000};
  size_t sleeping = 0;
  int option;
  (void)setvbuf(stdout, NULL, _IOLBF, 0); /* cannot fail before the first output */
  while ((option = getopt(argc, argv, "s:d:")) != -1)
    if (option == 's')
      seconds = (unsigned)strtoul(optarg, NULL, 10);
    else if (option == 'd')
      sleeping = strtoul(optarg, NULL, 10);
  bool all = optind == argc && !sleeping;
  for (int i = optind; i < argc; i++)
    run(strtoul(argv[i], NULL, 10), SLEEPERS, true, "listening processes of 4 threads");
  for (size_t i = 0; all && i < sizeof counts / sizeof *counts; i++)
    run(counts[i], SLEEPERS, true, "listening processes of 4 threads");
  if (all || sleeping)
    run(all ? 10000 : sleeping, 0, false, "sleeping processes of 1 thread");
  return 0;
}
