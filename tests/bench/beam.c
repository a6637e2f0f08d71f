/*
 * beam.c - what reading an Erlang node costs: impasse, against the same asked of the node from inside; blocked callers;
 * and what the node loses by it.
 *
 *   bench_beam [PROCESSES...]      1000 10000 100000 1000000 by default
 *
 * The node is the machine's own release, its processes idle. "all" is process_info with the fields of a sweep, "length"
 * message_queue_len alone, of every process, as recon and observer_cli do it. Times of impasse are processor time of the
 * thread that sweeps; of the node, the wall clock in it.
 * Throughput: pairs of processes exchange messages; turns with sweeps and without alternate, and a control (no sweeps on
 * either side) tells how much of a difference is the machine's.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "model/sweep.h"
#include "probe/reach/reach.h"
#include "probe/source.h"
#include "tests/bench/median.h"

extern const struct source source_beam;

enum { SWEEPS = 7, PAIRS = 9, WORK_MS = 1500, ANSWER_BYTES = 64 };

struct node {
  pid_t pid;
  FILE *to, *from;
  struct reach_target *target;
  void *session;
};

static void die(const char *what)
{
  (void)fprintf(stderr, "bench_beam: %s\n", what);
  exit(2);
}

static double clock_ms(clockid_t clock)
{
  struct timespec now;
  (void)clock_gettime(clock, &now); /* cannot fail */
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double rss_mib(void)
{
  char line[128];
  double kib = 0;
  FILE *status = fopen("/proc/self/status", "re");
  while (status && fgets(line, sizeof line, status))
    if (sscanf(line, "VmRSS: %lf", &kib) == 1)
      break;
  if (status)
    (void)fclose(status);
  return kib / 1024;
}

/* ---- the node ---- */

static void become_node(int in, int out)
{
  if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
      chdir(BEAM_PROGRAMS) != 0)
    _exit(1);
  (void)execlp("erl", "erl", "-noshell", "+P", "2097152", "-eval",
               "{ok, inside, Code} = compile:file(inside, [binary]),"
               "{module, inside} = code:load_binary(inside, \"inside\", Code),"
               "{ok, relay, Relay} = compile:file(relay, [binary]),"
               "{module, relay} = code:load_binary(relay, \"relay\", Relay),"
               "inside:main([]).",
               (char *)NULL);
  _exit(1);
}

static const char *ask(struct node *node, const char *question)
{
  static char answer[ANSWER_BYTES];
  if (question && (fprintf(node->to, "%s\n", question) < 0 || fflush(node->to) != 0))
    die("the node does not listen");
  if (!fgets(answer, sizeof answer, node->from))
    die("the node does not answer (is erlang-base installed?)");
  return answer;
}

static double ask_number(struct node *node, const char *question)
{
  return strtod(ask(node, question), NULL);
}

static void node_start(struct node *node)
{
  char reason[SOURCE_REASON_BYTES] = "";
  int in[2], out[2];
  if (pipe(in) != 0 || pipe(out) != 0)
    die(strerror(errno));
  node->pid = fork();
  if (node->pid == 0)
    become_node(in[0], out[1]);
  (void)close(in[0]);
  (void)close(out[1]);
  node->to = fdopen(in[1], "w");
  node->from = fdopen(out[0], "r");
  if (node->pid < 0 || !node->to || !node->from || strcmp(ask(node, NULL), "ready\n") != 0)
    die("the node does not start");
  if (reach_open(node->pid, &node->target) != 0 ||
      source_beam.open(node->target, &node->session, reason) != 0)
    die(*reason ? reason : "the node cannot be opened");
}

static void node_stop(struct node *node)
{
  source_beam.close(node->session);
  reach_close(node->target);
  (void)kill(node->pid, SIGKILL);
  (void)waitpid(node->pid, NULL, 0);
  (void)fclose(node->to);
  (void)fclose(node->from);
}

/* ---- sweeps ---- */

typedef int read_fn(void *session, struct sweep **ret_sweep);

struct cost {
  double cpu_ms, wall_ms;
  size_t actors, waits;
};

static struct cost cost_of(struct node *node, read_fn *read)
{
  double cpu[SWEEPS], wall[SWEEPS];
  struct cost cost = {0};
  for (int i = 0; i < SWEEPS; i++) {
    struct sweep *sweep = NULL;
    double cpu_begin = clock_ms(CLOCK_THREAD_CPUTIME_ID), begin = clock_ms(CLOCK_MONOTONIC);
    if (read(node->session, &sweep) != 0)
      die("a sweep failed");
    cpu[i] = clock_ms(CLOCK_THREAD_CPUTIME_ID) - cpu_begin;
    wall[i] = clock_ms(CLOCK_MONOTONIC) - begin;
    cost.actors = sweep->actor_count;
    cost.waits = sweep->wait_count;
    sweep_free(sweep);
  }
  cost.cpu_ms = median_of(cpu, SWEEPS);
  cost.wall_ms = median_of(wall, SWEEPS);
  return cost;
}

static void sweeps_of(size_t processes)
{
  char order[ANSWER_BYTES];
  struct node node;
  node_start(&node);
  (void)snprintf(order, sizeof order, "spawn %zu", processes);
  (void)ask(&node, order);
  struct cost full = cost_of(&node, source_beam.sweep);
  struct cost part = cost_of(&node, source_beam.part);
  double rss = rss_mib();
  double all = ask_number(&node, "all") / 1e3, length = ask_number(&node, "length") / 1e3;
  printf("%8zu processes: sweep %.1f ms (cpu %.1f), hot part %.2f ms, impasse holds %.0f MiB; "
         "inside the node: all %.1f "
         "ms (%.1f times as long), length %.1f ms (%.1f times)\n",
         full.actors, full.wall_ms, full.cpu_ms, part.cpu_ms, rss, all, all / full.wall_ms, length,
         length / full.wall_ms);
  node_stop(&node);
}

static void blocked_of(size_t callers)
{
  char order[ANSWER_BYTES];
  struct node node;
  node_start(&node);
  struct cost before = cost_of(&node, source_beam.sweep);
  (void)snprintf(order, sizeof order, "spawn %zu", callers);
  (void)ask(&node, order);
  struct cost idle = cost_of(&node, source_beam.sweep);
  (void)snprintf(order, sizeof order, "block %zu", callers);
  (void)ask(&node, order);
  struct cost blocked = cost_of(&node, source_beam.sweep),
              round = cost_of(&node, source_beam.round);
  printf("%8zu blocked callers (%zu waits read): %.1f ms more than %zu idle processes; a wait "
         "round %.1f ms\n",
         callers, blocked.waits, blocked.cpu_ms - 2 * idle.cpu_ms + before.cpu_ms, callers,
         round.cpu_ms);
  node_stop(&node);
}

/* ---- what the node loses ---- */

struct sweeping {
  struct node *node;
  atomic_bool stop;
  unsigned pause_ms;
};

static void *keep_sweeping(void *argument)
{
  struct sweeping *sweeping = argument;
  while (!atomic_load(&sweeping->stop)) {
    struct sweep *sweep = NULL;
    if (source_beam.sweep(sweeping->node->session, &sweep) == 0)
      sweep_free(sweep);
    for (unsigned ms = 0; ms < sweeping->pause_ms && !atomic_load(&sweeping->stop); ms += 10)
      (void)usleep(10000);
  }
  return NULL;
}

static double work(struct node *node, bool swept, unsigned pause_ms)
{
  struct sweeping sweeping = {.node = node, .pause_ms = pause_ms};
  char order[ANSWER_BYTES];
  pthread_t thread;
  (void)snprintf(order, sizeof order, "work %d", WORK_MS);
  if (swept && pthread_create(&thread, NULL, keep_sweeping, &sweeping) != 0)
    die("no thread");
  double messages = ask_number(node, order);
  atomic_store(&sweeping.stop, true);
  if (swept)
    (void)pthread_join(thread, NULL);
  return messages;
}

static double ratio_of(struct node *node, bool swept, unsigned pause_ms)
{
  double ratios[PAIRS];
  for (int i = 0; i < PAIRS; i++) {
    double first = work(node, swept && i % 2 == 0, pause_ms);
    double second = work(node, swept && i % 2 != 0, pause_ms);
    ratios[i] = i % 2 == 0 ? first / second : second / first;
  }
  return median_of(ratios, PAIRS);
}

static void throughput_of(size_t processes)
{
  char order[ANSWER_BYTES];
  struct node node;
  node_start(&node);
  (void)snprintf(order, sizeof order, "spawn %zu", processes);
  (void)ask(&node, order);
  double control = ratio_of(&node, false, 0), each_second = ratio_of(&node, true, 1000);
  printf("%8zu processes: messages exchanged with a sweep a second against without: %.3f; control: "
         "%.3f\n",
         processes, each_second, control);
  node_stop(&node);
}

int main(int argc, char **argv)
{
  static const size_t defaults[] = {1000, 10000, 100000, 1000000};
  (void)signal(SIGPIPE, SIG_IGN);
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int i = 1; i < argc; i++)
    sweeps_of(strtoul(argv[i], NULL, 10));
  if (argc > 1)
    return 0;
  for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
    sweeps_of(defaults[i]);
  blocked_of(100000);
  throughput_of(10000);
  return 0;
}
