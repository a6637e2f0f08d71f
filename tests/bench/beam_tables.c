/*
 * beam_tables.c - what sampling the locks of a node's ETS tables costs: processor time of a look at 151 and at 2,195
 * locks, and what the node loses by it.
 *
 *   bench_beam_tables [LOCKS...]    151 2195 by default
 *
 * Throughput: processes of an ETS storm count their operations; turns with the sampler at its own pace and without
 * alternate, and a control (no sampler on either side) tells how much of a difference is the machine's.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe/beam/attach/attach.h"
#include "probe/beam/table/lock_sampler.h"
#include "tests/bench/median.h"

enum { LOOKS = 200, PAIRS = 9, TURN_MS = 1500 };

struct node {
  pid_t pid;
  FILE *to, *from;
  struct reach_target *target;
  struct beam_memory memory;
  struct beam_node node;
  struct beam_table_list *list;
};

static void die(const char *what)
{
  (void)fprintf(stderr, "bench_beam_tables: %s\n", what);
  exit(2);
}

static double clock_us(clockid_t clock)
{
  struct timespec now;
  (void)clock_gettime(clock, &now); /* cannot fail */
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* ---- the node: makes tables, then says how many operations its fighters have done whenever it is asked ---- */

static void become_node(int in, int out, unsigned tables)
{
  char text[1024];
  (void)snprintf(text, sizeof text,
                 "[ets:new(one_of_many, [public]) || _ <- lists:seq(1, %u)], "
                 "ets:new(battlefield, [named_table, public]), C = counters:new(1, []), "
                 "[spawn(fun() -> (fun Loop() -> ets:update_counter(battlefield, I, 1, {I, 0}), "
                 "counters:add(C, 1, 1), Loop() end)() end) || I <- lists:seq(1, 8)], "
                 "io:format(\"ready~n\"), (fun Loop() -> case io:get_line(\"\") of eof -> halt(); "
                 "_ -> io:format(\"~b~n\", [counters:get(C, 1)]), Loop() end end)().",
                 tables);
  if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
    _exit(1);
  (void)execlp("erl", "erl", "-noshell", "-eval", text, (char *)NULL);
  _exit(1);
}

static const char *ask(struct node *node, const char *question)
{
  static char answer[64];
  if (question && (fprintf(node->to, "%s\n", question) < 0 || fflush(node->to) != 0))
    die("the node does not listen");
  if (!fgets(answer, sizeof answer, node->from))
    die("the node does not answer (is erlang-base installed?)");
  return answer;
}

static void node_start(struct node *node, unsigned tables)
{
  char reason[SOURCE_REASON_BYTES] = "";
  int in[2], out[2];
  if (pipe(in) != 0 || pipe(out) != 0)
    die("no pipe");
  node->pid = fork();
  if (node->pid == 0)
    become_node(in[0], out[1], tables);
  (void)close(in[0]);
  (void)close(out[1]);
  node->to = fdopen(in[1], "w");
  node->from = fdopen(out[0], "r");
  if (node->pid < 0 || !node->to || !node->from || strcmp(ask(node, NULL), "ready\n") != 0 ||
      reach_open(node->pid, &node->target) != 0)
    die("the node does not start");
  beam_memory_init(&node->memory, node->target);
  beam_memory_begin(&node->memory);
  if (beam_attach(node->target, &node->memory, &node->node, reason) != 0)
    die(reason);
  node->list = beam_table_list_new(&node->node);
  if (!node->list)
    die("no memory");
}

static void node_stop(struct node *node)
{
  beam_table_list_free(node->list);
  beam_memory_done(&node->memory);
  reach_close(node->target);
  (void)kill(node->pid, SIGKILL);
  (void)waitpid(node->pid, NULL, 0);
  (void)fclose(node->to);
  (void)fclose(node->from);
}

static struct beam_lock_plan *make_plan(struct node *node, size_t most, size_t *ret_locks)
{
  const struct beam_table *tables;
  size_t count;
  bool whole;
  if (beam_table_list_read(node->list, &tables, &count, &whole) != 0)
    die("the tables cannot be listed");
  struct beam_lock_plan *plan =
      beam_lock_plan_new(&node->node, tables, count < most ? count : most);
  if (!plan)
    die("no memory");
  *ret_locks = plan->leaf_count;
  for (size_t i = 0; i < plan->count; i++)
    *ret_locks += 1 + plan->tables[i].bucket_count;
  return plan;
}

/* ---- the cost of a look ---- */

static void measure_look(struct node *node, size_t most)
{
  double look[LOOKS], list[LOOKS / 10];
  size_t locks_count;
  struct beam_locks *locks = beam_locks_new(&node->node);
  if (!locks || beam_locks_adopt(locks, make_plan(node, most, &locks_count)) != 0)
    die("no memory");
  for (int i = 0; i < LOOKS; i++) {
    double begin = clock_us(CLOCK_THREAD_CPUTIME_ID);
    if (beam_locks_look(locks) != 0)
      die("the node is gone");
    beam_locks_count(locks, (uint64_t)i * 10000000, 10000000);
    look[i] = clock_us(CLOCK_THREAD_CPUTIME_ID) - begin;
  }
  for (int i = 0; i < LOOKS / 10; i++) {
    size_t ignored;
    double begin = clock_us(CLOCK_THREAD_CPUTIME_ID);
    beam_lock_plan_free(make_plan(node, most, &ignored));
    list[i] = clock_us(CLOCK_THREAD_CPUTIME_ID) - begin;
  }
  double cost = median_of(look, LOOKS), hertz = 1e6 / cost / 100;
  printf(
      "beam tables: a look at %5zu locks %7.1f us (%.2f us each): %.0f Hz within 1 %% of a core; "
      "listing them %.0f us\n",
      locks_count, cost, cost / (double)locks_count, hertz < 100 ? hertz : 100,
      median_of(list, LOOKS / 10));
  beam_locks_free(locks);
}

/* ---- what the node loses ---- */

static double operations(struct node *node)
{
  const struct timespec turn = {.tv_sec = TURN_MS / 1000, .tv_nsec = TURN_MS % 1000 * 1000000L};
  double begin = clock_us(CLOCK_MONOTONIC), before = strtod(ask(node, "count"), NULL);
  (void)nanosleep(&turn, NULL);
  double after = strtod(ask(node, "count"), NULL);
  return (after - before) / (clock_us(CLOCK_MONOTONIC) - begin);
}

static double operations_sampled(struct node *node)
{
  struct beam_lock_sampler *sampler = NULL;
  struct beam_lock_report report;
  size_t ignored;
  if (beam_lock_sampler_new(&node->node, node->target, &sampler) != 0)
    die("no sampler");
  beam_lock_sampler_plan(sampler, make_plan(node, SIZE_MAX, &ignored));
  double rate = operations(node);
  if (beam_lock_sampler_report(sampler, &report) != 0 || !report.samples || report.sample_count < 2)
    die("it did not sample (does another impasse?)");
  beam_lock_report_done(&report);
  beam_lock_sampler_free(sampler);
  return rate;
}

static void measure_throughput(struct node *node, size_t locks)
{
  double sampled[PAIRS], control[PAIRS];
  for (int i = 0; i < PAIRS; i++) {
    double without = operations(node);
    sampled[i] = operations_sampled(node) / without;
    without = operations(node);
    control[i] = operations(node) / without;
  }
  double sampled_ratio = median_of(sampled, PAIRS), control_ratio = median_of(control, PAIRS);
  printf("beam tables: throughput of an ETS storm, sampled (about %zu tables) against not: %.3f "
         "(%.3f to %.3f); control %.3f (%.3f to %.3f)\n",
         locks, sampled_ratio, sampled[0], sampled[PAIRS - 1], control_ratio, control[0],
         control[PAIRS - 1]);
}

static void run(unsigned locks)
{
  struct node node = {0};
  node_start(&node, locks);
  measure_look(&node, locks);
  measure_throughput(&node, locks);
  node_stop(&node);
}

int main(int argc, char **argv)
{
  (void)setvbuf(stdout, NULL, _IOLBF, 0); /* each figure as it is known */
  static const unsigned counts[] = {151, 2195};
  for (int i = 1; i < argc; i++)
    run((unsigned)strtoul(argv[i], NULL, 10));
  for (size_t i = 0; argc == 1 && i < sizeof counts / sizeof *counts; i++)
    run(counts[i]);
  return 0;
}
