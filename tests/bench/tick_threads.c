/*
 * tick_threads.c - tick_step and tick_round on one target with very many blocked threads: in one circle, behind one holder,
 * and in one circle where each thread runs an actor that another source tells of. The baseline is the circle itself.
 * usage: bench_tick_threads [THREADS...]   (1000 10000 by default)
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "model/tick.h"
#include "tests/bench/median.h"

enum { ROUNDS = 11 };
enum shape { CIRCLE, HERD, JOINED };

static double now_ms(void)
{
  struct timespec now;

  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now); /* others may be busy on this machine */
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void wait_for(struct sweep *sweep, uint64_t waiter, uint64_t holder, uint64_t lock)
{
  struct sweep_wait *wait = sweep_add_wait(sweep);

  wait->waiter = waiter;
  wait->id.lo = lock;
  wait->run_count = 1;
  wait->open = false;
  wait->exclusive = true;
  wait->needs = NEEDS_ALL;
  wait->via = VIA_LOCK;
  wait->timeout = TIMEOUT_NONE;
  wait->object = sweep_add_format(sweep, "mutex 0x%llx", (unsigned long long)lock);
  wait->holder_first = (uint32_t)sweep->holder_count;
  wait->holder_count = 1;
  sweep_add_holder(sweep)->actor = holder;
}

static uint64_t key_of(enum source_tag source, uint64_t i)
{
  return ACTOR_KEY(source, i + 1);
}

static struct sweep *read_rows(enum source_tag source, enum sweep_kind kind, enum shape shape,
                               uint64_t count, uint64_t at_ms)
{
  struct sweep *sweep = sweep_new(TARGET_KEY(1, 1), source, kind);
  bool threads = source == SOURCE_TAG_THREAD;

  sweep->begin_ns = sweep->end_ns = at_ms * 1000000;
  for (uint64_t i = 0; i < count; i++) {
    struct sweep_actor *actor = sweep_add_actor(sweep);
    bool waits = threads && !(shape == HERD && i == 0);

    actor->key = key_of(source, i);
    actor->kind = threads ? ACTOR_KIND_THREAD : ACTOR_KIND_ACTOR;
    actor->state = waits ? ACTOR_BLOCKED : ACTOR_RUNNING;
    actor->tid = 100 + (uint32_t)i;
    actor->name =
        sweep_add_format(sweep, threads ? "server/%llu" : "worker#%llu", (unsigned long long)i);
    if (waits)
      wait_for(sweep, actor->key, key_of(source, shape == HERD ? 0 : (i + 1) % count), i + 1);
  }
  return sweep;
}

/* The sweeps of both sources, one after the other. */
static size_t read_all(enum sweep_kind kind, enum shape shape, uint64_t count, uint64_t at_ms,
                       struct sweep *sweeps[2])
{
  size_t n = 0;

  if (shape == JOINED)
    sweeps[n++] = read_rows(SOURCE_TAG_HOOK, kind, shape, count, at_ms);
  sweeps[n++] = read_rows(SOURCE_TAG_THREAD, kind, shape, count, at_ms + 5);
  return n;
}

static double step_ms(struct tick_state *state, enum shape shape, uint64_t count, uint64_t at_ms,
                      uint32_t *ret_waits)
{
  struct sweep *sweeps[2];
  size_t n = read_all(SWEEP_FULL, shape, count, at_ms, sweeps);
  struct tick_clock now = {(at_ms + 10) * 1000000, (int64_t)at_ms};
  struct snapshot *snapshot = NULL;
  double begin = now_ms();

  if (tick_step(state, sweeps, n, now, &snapshot) < 0)
    abort();
  begin = now_ms() - begin;
  *ret_waits = snapshot_rows(snapshot, RELATION_WAITS);
  snapshot_unref(snapshot);
  return begin;
}

static double round_ms(struct tick_state *state, enum shape shape, uint64_t count, uint64_t at_ms)
{
  struct sweep *sweeps[2];
  size_t n = read_all(SWEEP_ROUND, shape, count, at_ms, sweeps);
  struct tick_clock now = {(at_ms + 10) * 1000000, (int64_t)at_ms};
  double begin = now_ms();
  bool changed;

  if (tick_round(state, sweeps, n, now, &changed) < 0)
    abort();
  return now_ms() - begin;
}

/* Returns what a tick takes. */
static double measure(const char *what, enum shape shape, uint64_t count, double baseline)
{
  struct tick_state *state = tick_state_new("host", "boot");
  double steps[ROUNDS], rounds[ROUNDS], step;
  uint32_t waits = 0;

  if (!state)
    abort();
  (void)step_ms(state, shape, count, 1000000, &waits); /* the first has nothing to merge with */
  for (unsigned i = 0; i < ROUNDS; i++) {
    rounds[i] = round_ms(state, shape, count, 1000100 + 1000 * i);
    steps[i] = step_ms(state, shape, count, 1001000 + 1000 * i, &waits);
  }
  step = median_of(steps, ROUNDS);
  printf("tick %-6s %6llu blocked threads %7.2f ms (%.1f x the circle)  round %7.2f ms  %u waits\n",
         what, (unsigned long long)count, step, baseline > 0 ? step / baseline : 1,
         median_of(rounds, ROUNDS), waits);
  tick_state_free(state);
  return step;
}

int main(int argc, char **argv)
{
  static const uint64_t usual[] = {1000, 10000};

  for (int i = 0; i < (argc > 1 ? argc - 1 : 2); i++) {
    uint64_t count = argc > 1 ? strtoull(argv[i + 1], NULL, 10) : usual[i];
    double circle = measure("circle", CIRCLE, count, 0);

    (void)measure("herd", HERD, count, circle);
    (void)measure("joined", JOINED, count, circle);
  }
  return 0;
}
