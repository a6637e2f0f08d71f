/*
 * beam_probes.c - what the probes cost an Erlang node: its throughput in windows of a second, with a burst of `show
 * senders` in each, or with exact waits for locks on, against windows without; turns alternate, and a control (nothing
 * on either side) tells how much of a difference is the machine's.
 *
 *    messages    processes exchange messages as fast as they can: every send is a hit while a burst lasts
 *    a table     two processes go through it without end, four insert into it now and then: waits for its lock
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "probe/beam/exact/exact.h"
#include "probe/beam/exact/senders.h"
#include "probe/beam/exact/test_exact.h"
#include "tests/bench/median.h"

enum { TURNS = 8, WINDOW_MS = 1000 };

/* Each line that the node gets is answered with the number of things done until now. */
#define COUNTED                                                                                    \
  "Done = counters:new(1, [write_concurrency]), "                                                  \
  "spawn(fun F() -> io:get_line(\"\"), io:format(\"~p~n\", [counters:get(Done, 1)]), F() end), "

static const char MESSAGES[] = COUNTED
    "Echo = fun F() -> receive {P, M} -> P ! M, F() end end, "
    "[spawn(fun() -> E = spawn(Echo), "
    "  (fun F() -> E ! {self(), x}, receive x -> counters:add(Done, 1, 1) end, F() end)() end) "
    "  || _ <- [1, 2, 3, 4]], "
    "io:format(\"~p~n\", [self()])";

static const char A_TABLE[] = COUNTED
    "T = ets:new(fought, [public]), [ets:insert(T, {I, I}) || I <- lists:seq(1, 2000)], "
    "[spawn(fun F() -> ets:select_count(T, [{{'$1', '_'}, [{'<', '$1', 0}], [true]}]), "
    "  counters:add(Done, 1, 1), F() end) || _ <- [1, 2]], "
    "[spawn(fun F() -> ets:insert(T, {0, 0}), timer:sleep(1), F() end) || _ <- [1, 2, 3, 4]], "
    "io:format(\"~p~n\", [self()])";

struct bench {
  struct test_node *node;
  struct beam_atoms *atoms;
  struct beam_proc proc;
  double waits_per_s; /* of the last turn with exact waits */
};

static double now_ms(void)
{
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double done(struct bench *bench)
{
  char line[64];
  test_node_tell(bench->node, "count");
  if (!test_node_line(bench->node, line, sizeof line))
    test_node_fail("the node has ended");
  return strtod(line, NULL);
}

static void wait_until(double end_ms)
{
  while (now_ms() < end_ms)
    (void)poll(NULL, 0, 1);
}

/* ---- turns: things done per ms ---- */

static double plain(struct bench *bench)
{
  double begin_ms = now_ms(), before = done(bench);
  wait_until(begin_ms + WINDOW_MS);
  double after = done(bench);
  return (after - before) / (now_ms() - begin_ms);
}

static double with_burst(struct bench *bench)
{
  double begin_ms = now_ms(), before = done(bench);
  char *text;
  if (test_exact_senders(bench->node, bench->atoms, &bench->proc, &text) != 0)
    test_node_fail("no burst: %s", text);
  free(text);
  wait_until(begin_ms + WINDOW_MS);
  double after = done(bench);
  return (after - before) / (now_ms() - begin_ms);
}

static void add_waits(void *context, const struct waits_lock *lock)
{
  *(double *)context += (double)lock->count;
}

/* The probes are attached and taken away outside of the window. */
static double with_exact(struct bench *bench)
{
  char reason[SOURCE_REASON_BYTES];
  struct beam_exact *exact;
  double waits = 0;
  if (beam_exact_open(&bench->node->node, bench->node->target, &exact, reason) != 0)
    test_node_fail("no probes: %s", reason);
  double rate = plain(bench);
  if (beam_exact_stopped(exact, reason))
    test_node_fail("%s", reason);
  (void)beam_exact_collect(exact, add_waits, &waits); /* for the figure only */
  bench->waits_per_s = waits * 1000 / WINDOW_MS;
  beam_exact_close(exact);
  return rate;
}

static struct bench start(const char *text)
{
  struct bench bench = {.node = test_node_spawn(text, NULL)};
  bench.proc = test_exact_proc(bench.node);
  bench.atoms = beam_atoms_new(&bench.node->node);
  return bench;
}

static void stop(struct bench *bench)
{
  beam_atoms_free(bench->atoms);
  test_node_stop(bench->node);
}

/* Ratio of turns of that kind to plain ones beside them. */
static void compare(struct bench *bench, const char *name, double (*turn)(struct bench *bench))
{
  double ratios[TURNS], without[TURNS];
  for (size_t i = 0; i < TURNS; i++) {
    double with = i % 2 ? turn(bench) : 0;
    without[i] = plain(bench);
    if (i % 2 == 0)
      with = turn(bench);
    ratios[i] = with / without[i];
  }
  (void)printf("%-44s throughput x %.3f (%.0f/s without)\n", name, median_of(ratios, TURNS),
               median_of(without, TURNS) * 1e3);
}

int main(void)
{
  (void)setvbuf(stdout, NULL, _IOLBF, 0); /* each figure as it is known */
  test_exact_need_probes();
  struct bench bench = start(MESSAGES);
  compare(&bench, "messages: control", plain);
  compare(&bench, "messages: one show senders a second", with_burst);
  stop(&bench);
  bench = start(A_TABLE);
  compare(&bench, "a table: control", plain);
  compare(&bench, "a table: exact waits", with_exact);
  (void)printf("%-44s %.0f waits for locks a second\n", "a table: exact waits", bench.waits_per_s);
  stop(&bench);
  return 0;
}
