/*
 * queue_sweep.c - what reading the queues of a process costs by both routes, with 10 to 10,000 sockets of which each
 * tenth holds something, against `ss -a` on the same machine at the same time. And what one look at a process costs
 * that has nothing to be read. Processor time, not wall-clock.
 * usage: bench_queue_sweep [SOCKETS...]   (10 1000 10000 by default)
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bpf/files.h"
#include "probe/queue/descriptors.h"
#include "probe/queue/rows.h"
#include "probe/queue/sockets.h"
#include "probe/reach/reach.h"
#include "tests/bench/median.h"
#include "tests/bench/target.h"

enum { ROUNDS = 11, BACKLOG = 128, FULL_EACH = 10 };

static double ms_of(struct timespec time)
{
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static double cpu_ms(void)
{
  struct timespec now;
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* others share the machine */
  return ms_of(now);
}

static double children_ms(void)
{
  struct rusage usage;
  (void)getrusage(RUSAGE_CHILDREN, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

/* ---- the program that is read: both ends of connections, and who accepted them ---- */

__attribute__((noreturn)) static void be_target(size_t count, int ready)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof at;
  struct rlimit files = {count + 100, count + 100};
  int listening = socket(AF_INET, SOCK_STREAM, 0);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || setrlimit(RLIMIT_NOFILE, &files) != 0 ||
      bind(listening, (struct sockaddr *)&at, length) != 0 || listen(listening, BACKLOG) != 0 ||
      getsockname(listening, (struct sockaddr *)&at, &length) != 0)
    _exit(1);
  for (size_t i = 0; i < count / 2; i++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&at, length) != 0 || accept(listening, NULL, NULL) < 0 ||
        (i % FULL_EACH == 0 && send(fd, "hello", 5, 0) != 5))
      _exit(1);
  }
  if (write(ready, "r", 1) != 1)
    _exit(1);
  for (;;)
    (void)pause();
}

/* ---- routes ---- */

static int make_rows(struct records *records, const struct reach_target *target, size_t *ret_rows)
{
  struct sweep *sweep = sweep_new(TARGET_KEY(reach_start_ticks(target), reach_pid(target)),
                                  SOURCE_TAG_QUEUE, SWEEP_FULL);
  int error = sweep ? rows_add(records, sweep) : -1;
  if (!error)
    *ret_rows = sweep->actor_count;
  sweep_free(sweep);
  records_done(records);
  return error;
}

static int by_kernel(const struct reach_target *target, struct files *files, size_t *ret_rows)
{
  struct records records = {0};
  const struct file_record *list;
  size_t count = 0;
  int error = files_read(files, RECORDS_MOST, &list, &count);
  for (size_t i = 0; i < count && !error; i++)
    error = records_add(&records, &list[i]);
  return error ? error : make_rows(&records, target, ret_rows);
}

static int list_anew(const struct reach_target *target)
{
  const struct sockets *sockets = NULL;
  int error = sockets_get(target, 0, &sockets);
  sockets_put(sockets);
  return error;
}

static int by_descriptors(const struct reach_target *target, size_t *ret_rows)
{
  struct records records = {0};
  bool cut;
  int error = descriptors_read(target, &records, &cut);
  return error ? error : make_rows(&records, target, ret_rows);
}

static int run_ss(void)
{
  static char *arguments[] = {"ss", "-a", "-p", NULL};
  posix_spawn_file_actions_t actions;
  pid_t pid;
  int status = -1;
  if (posix_spawn_file_actions_init(&actions) != 0)
    return -1;
  if (posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) == 0 &&
      posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO) == 0 &&
      posix_spawnp(&pid, "ss", &actions, NULL, arguments, environ) == 0)
    (void)waitpid(pid, &status, 0);
  (void)posix_spawn_file_actions_destroy(&actions);
  return status;
}

struct figures {
  double kernel[ROUNDS], list[ROUNDS], descriptors[ROUNDS], ss[ROUNDS], look[ROUNDS];
  size_t kernel_rows, rows;
};

static int measure_round(const struct reach_target *target, struct files *files,
                         const struct reach_target *other, struct figures *figures, int i)
{
  int error = 0;
  double begin = cpu_ms();
  if (files)
    error |= by_kernel(target, files, &figures->kernel_rows);
  figures->kernel[i] = cpu_ms() - begin;
  begin = cpu_ms();
  error |= list_anew(target);
  figures->list[i] = cpu_ms() - begin;
  begin = cpu_ms();
  error |= by_descriptors(target, &figures->rows);
  figures->descriptors[i] = cpu_ms() - begin;
  begin = cpu_ms();
  error |= descriptors_any(other) < 0;
  figures->look[i] = cpu_ms() - begin;
  begin = children_ms();
  error |= run_ss();
  figures->ss[i] = children_ms() - begin;
  return error;
}

static int measure(pid_t pid, const struct reach_target *target, const struct reach_target *other,
                   size_t count)
{
  struct figures figures = {0};
  struct files *files = NULL;
  char reason[256] = "";
  int error = 0;
  if (files_open(pid, &files, reason, sizeof reason) != 0)
    printf("queue sweep: the kernel's iterator is refused: %s\n", reason);
  for (int i = 0; i < ROUNDS && !error; i++)
    error = measure_round(target, files, other, &figures, i);
  files_close(files);
  double ss = median_of(figures.ss, ROUNDS), kernel = median_of(figures.kernel, ROUNDS),
         list = median_of(figures.list, ROUNDS), links = median_of(figures.descriptors, ROUNDS);
  printf("queue sweep %6zu sockets: iterator %7.3f ms (%zu rows), ratio to ss %.3f; descriptors "
         "%7.3f ms (%zu rows) and a list %7.3f ms for all targets, ratio %.3f; ss -a -p %7.2f ms; "
         "a look at a process without sockets %.3f ms\n",
         count, kernel, figures.kernel_rows, kernel / ss, links, figures.rows, list,
         (links + list) / ss, ss, median_of(figures.look, ROUNDS));
  return error;
}

static int run(size_t count)
{
  struct reach_target *target = NULL, *other = NULL;
  pid_t pid = target_start(be_target, count);
  int error = pid < 0 ? -1 : reach_open(pid, &target);
  if (!error)
    error = reach_open(getpid(), &other);
  if (!error)
    error = measure(pid, target, other, count);
  if (error)
    (void)fprintf(stderr, "queue sweep of %zu: %d\n", count, error);
  reach_close(target);
  reach_close(other);
  target_stop(pid);
  return error;
}

int main(int argc, char **argv)
{
  static const size_t counts[] = {10, 1000, 10000};
  int error = 0;
  for (int i = 1; i < argc; i++)
    error |= run(strtoul(argv[i], NULL, 10));
  for (size_t i = 0; argc == 1 && i < sizeof counts / sizeof *counts; i++)
    error |= run(counts[i]);
  return error ? 1 : 0;
}
