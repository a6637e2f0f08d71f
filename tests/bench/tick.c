/*
 * tick.c - tick_step on 100,000 and 1,000,000 actors: idle (nothing moved since the last sweep),
 * busy (every counter moved, every twentieth actor in a call), and a wait round. The baseline is a
 * copy of the sweep's rows: what it costs to touch them once. The promise is 15 ms and 200 ms.
 * usage: bench_tick [ACTORS...]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "model/tick.h"

enum { ROUNDS = 5, CALLERS = 20 };

static double now_ms(void)
{
  struct timespec now;

  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now); /* others may be busy on this machine */
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static uint64_t key_of(uint64_t i)
{
  return ACTOR_KEY(SOURCE_TAG_HOOK, i + 1);
}

static void call_next(struct sweep *sweep, uint64_t i, uint64_t call)
{
  struct sweep_wait *wait = sweep_add_wait(sweep);

  wait->waiter = key_of(i);
  wait->id.lo = call;
  wait->open = false;
  wait->needs = NEEDS_ALL;
  wait->via = VIA_CALL;
  wait->timeout = TIMEOUT_NONE;
  wait->holder_first = (uint32_t)sweep->holder_count;
  wait->holder_count = 1;
  sweep_add_holder(sweep)->actor = key_of(i + 1);
}

/* What a source would hand over after `second` seconds; callers alone for a wait round. */
static struct sweep *read_target(enum sweep_kind kind, uint64_t actors, uint64_t second, bool busy)
{
  struct sweep *sweep = sweep_new(TARGET_KEY(1, 1), SOURCE_TAG_HOOK, kind);
  int64_t moved = busy ? (int64_t)second : 0;

  sweep->begin_ns = sweep->end_ns = (1000 + second) * 1000000000ull;
  for (uint64_t i = 0; i < actors; i++) {
    struct sweep_actor *actor;
    bool calls = busy && i % CALLERS == 0 && i + 1 < actors;

    if (kind == SWEEP_ROUND && !calls)
      continue;
    actor = sweep_add_actor(sweep);
    actor->key = key_of(i);
    actor->kind = ACTOR_KIND_ACTOR;
    actor->state = calls ? ACTOR_BLOCKED : ACTOR_RECEIVE;
    actor->depth = busy ? (int64_t)i % 3 : 0; /* messages that lie there would be `unmatched` */
    actor->put_count = 1000 + moved * ((int64_t)i % 100);
    actor->take_count = actor->put_count - actor->depth;
    actor->work_count = actor->take_count;
    actor->name = sweep_add_format(sweep, "connection-%llu", (unsigned long long)i);
    if (calls)
      call_next(sweep, i, 1);
  }
  return sweep;
}

static double copy_ms(const struct sweep *sweep)
{
  size_t bytes = sweep->actor_count * sizeof(*sweep->actors);
  void *copy = malloc(bytes + 1);
  double begin = now_ms();

  if (!copy)
    abort();
  memcpy(copy, sweep->actors, bytes);
  begin = now_ms() - begin;
  __asm__ volatile("" : : "r"(copy) : "memory");
  free(copy);
  return begin;
}

static double step_ms(struct tick_state *state, struct sweep *sweep, struct snapshot **held)
{
  struct tick_clock now = {sweep->end_ns, (int64_t)(sweep->end_ns / 1000000)};
  struct snapshot *snapshot = NULL;
  double begin = now_ms();

  if (tick_step(state, &sweep, 1, now, &snapshot) < 0)
    abort();
  begin = now_ms() - begin;
  snapshot_unref(*held); /* as a screen would: it shows the newest until there is a newer one */
  *held = snapshot;
  return begin;
}

static double round_ms(struct tick_state *state, struct sweep *sweep)
{
  struct tick_clock now = {sweep->end_ns, (int64_t)(sweep->end_ns / 1000000)};
  bool changed;
  double begin = now_ms();

  if (tick_round(state, &sweep, 1, now, &changed) < 0)
    abort();
  return now_ms() - begin;
}

static void print(const char *what, uint64_t actors, double ms, double copy)
{
  printf("tick %-5s %8llu actors %7.1f ms  (%.0f x a copy of the rows; promise %s)\n", what,
         (unsigned long long)actors, ms, ms / copy, actors <= 100000 ? "15 ms" : "200 ms");
}

static void measure(uint64_t actors, bool busy)
{
  struct tick_state *state = tick_state_new("host", "boot");
  struct snapshot *held = NULL;
  double best = 1e9, best_round = 1e9, copy = 1e9;

  if (!state)
    abort();
  for (uint64_t i = 0; i <= ROUNDS; i++) {
    struct sweep *sweep = read_target(SWEEP_FULL, actors, 2 * i, busy);
    double copied = copy_ms(sweep), took = step_ms(state, sweep, &held);

    copy = copied < copy ? copied : copy;
    if (i > 0 && took < best) /* the first has nothing to merge with */
      best = took;
    took = round_ms(state, read_target(SWEEP_ROUND, actors, 2 * i + 1, busy));
    best_round = took < best_round ? took : best_round;
  }
  print(busy ? "busy" : "idle", actors, best, copy);
  if (busy)
    print("round", actors, best_round, copy);
  snapshot_unref(held);
  tick_state_free(state);
}

int main(int argc, char **argv)
{
  static const uint64_t usual[] = {100000, 1000000};
  struct rusage usage;

  for (int i = 0; i < (argc > 1 ? argc - 1 : 2); i++) {
    uint64_t actors = argc > 1 ? strtoull(argv[i + 1], NULL, 10) : usual[i];

    measure(actors, false);
    measure(actors, true);
    (void)getrusage(RUSAGE_SELF, &usage);
    printf("tick       %8llu actors %7ld MiB at most resident, the sweeps' makers included\n",
           (unsigned long long)actors, usage.ru_maxrss / 1024);
  }
  return 0;
}
