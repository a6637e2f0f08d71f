/*
 * simulator_threads.c - actors that wander over threads, known to one source, and threads that fight for
 * locks, known to another; each is read while the world moves, and not at the same time.
 *
 *     simulator_threads SWEEPS SEED [-v]
 *
 * A thread takes up actors, lays them down, and now and then takes up one more on top of one that is in a
 * call. Actors call each other, with their thread or laid aside; they lock and release on the thread that
 * runs them, which they keep meanwhile. Two things must hold:
 *
 *    no false alarm   whoever is in a core that is proven never runs again
 *    no miss          a circle that stood before two full sweeps is found for sure after them, where no
 *                     thread has several actors
 *
 * Who is in a circle is decided by an oracle on the true state. What is said to be confirmed and runs all
 * the same is counted: an actor on top that no full sweep has seen yet can do that (model/tick_joint.h).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/tick.h"
#include "tests/scenarios/world.h"

#define SLICE_NS UINT64_C(50000) /* of simulated time */
#define START_NS (1000 * 1000 * WORLD_MS)

enum { ACTORS_MAX = 6, THREADS_MAX = 4, LOCKS_MAX = 3, ROWS_MAX = ACTORS_MAX + THREADS_MAX };
enum { SWEEPS_PER_SYSTEM = 400, ROUNDS_MIN = 4, ROUNDS_MAX = 14 };

enum count {
  SWEEPS,
  SYSTEMS,
  CALLS,
  LOCK_WAITS,
  HELPS,
  CIRCLES,
  MIXED,
  FOUND,
  PROVEN,
  CONFIRMED_RAN,
  COUNTS
};

static const char *const counted[COUNTS] = {
    [SWEEPS] = "sweeps and wait rounds",
    [SYSTEMS] = "systems",
    [CALLS] = "calls",
    [LOCK_WAITS] = "waits for locks",
    [HELPS] = "actors taken up on top of others",
    [CIRCLES] = "circles that stood for two full sweeps",
    [MIXED] = "of them with calls and locks",
    [FOUND] = "members of them that were found for sure",
    [PROVEN] = "rows found in a proven core",
    [CONFIRMED_RAN] = "rows of a confirmed core that ran",
};

struct lock {
  int owner; /* thread, -1 free */
  int actor; /* who locked it, and alone may release it, on that thread */
};

struct simulator {
  uint64_t random, seed;
  struct world *world; /* actors first, then threads */
  struct tick_state *state;
  int actor_count, thread_count;
  int thread_of[ACTORS_MAX]; /* -1 laid down */
  int stack[THREADS_MAX][ACTORS_MAX], height[THREADS_MAX];
  int wanted[THREADS_MAX]; /* lock, -1 none */
  struct lock locks[LOCKS_MAX];
  uint8_t said[ROWS_MAX]; /* certainty of the core it is in, plus one; 0 in none */
  uint64_t moved_ns;      /* when a wait began or ended last, anywhere */
  unsigned act_permille, call_permille, lock_permille, help_permille, aside_permille;
  uint64_t read_ns;
  uint64_t counts[COUNTS];
  bool verbose;
};

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t draw(struct simulator *sim)
{
  uint64_t z = sim->random += 0x9e3779b97f4a7c15;

  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static int below(struct simulator *sim, int n)
{
  return (int)(draw(sim) % (uint64_t)n);
}

static uint64_t slices(struct simulator *sim, int n)
{
  uint64_t count = (uint64_t)below(sim, n);

  return count * SLICE_NS;
}

static bool chance(struct simulator *sim, unsigned permille)
{
  return (unsigned)below(sim, 1000) < permille;
}

static struct world_actor *row(struct simulator *sim, int i)
{
  return &sim->world->actors[i];
}

static int row_of_thread(const struct simulator *sim, int t)
{
  return sim->actor_count + t;
}

static void trace(const struct simulator *sim, const char *what, int who, int whom)
{
  if (sim->verbose)
    printf("%10.3f ms  %s %s %s\n", (double)(sim->world->now_ns - START_NS) / 1e6,
           sim->world->actors[who].name, what, whom < 0 ? "" : sim->world->actors[whom].name);
}

static void fail(const struct simulator *sim, const char *what, int who)
{
  printf("FAILED: %s %s\nseed %" PRIu64 ", system %" PRIu64 ", sweep %" PRIu64 "\n",
         sim->world->actors[who].name, what, sim->seed, sim->counts[SYSTEMS], sim->counts[SWEEPS]);
  exit(1);
}

static int innermost(const struct simulator *sim, int t)
{
  return sim->height[t] ? sim->stack[t][sim->height[t] - 1] : -1;
}

static bool in_call(struct simulator *sim, int a)
{
  return row(sim, a)->wait_count > 0;
}

/* --- the world --- */

static void check_may_run(struct simulator *sim, int who)
{
  if (sim->said[who] == CERTAINTY_PROVEN + 1)
    fail(sim, "runs although it was found in a proven core", who);
  sim->counts[CONFIRMED_RAN] += sim->said[who] == CERTAINTY_CONFIRMED + 1;
  sim->said[who] = 0;
  sim->moved_ns = sim->world->now_ns;
}

static void take_up(struct simulator *sim, int t)
{
  int a = below(sim, sim->actor_count);

  if (sim->thread_of[a] >= 0 || in_call(sim, a))
    return;
  trace(sim, "takes up", row_of_thread(sim, t), a);
  sim->counts[HELPS] += sim->height[t] > 0;
  sim->thread_of[a] = t;
  sim->stack[t][sim->height[t]++] = a;
  row(sim, a)->tid = row(sim, row_of_thread(sim, t))->tid;
  row(sim, a)->state = ACTOR_RUNNING;
}

static bool has_locks(const struct simulator *sim, int a)
{
  for (int l = 0; l < LOCKS_MAX; l++)
    if (sim->locks[l].owner >= 0 && sim->locks[l].actor == a)
      return true;
  return false;
}

static void lay_down(struct simulator *sim, int t)
{
  int a = sim->stack[t][--sim->height[t]];

  trace(sim, "lays down", row_of_thread(sim, t), a);
  sim->thread_of[a] = -1;
  row(sim, a)->tid = 0;
  row(sim, a)->state = ACTOR_RUNNABLE;
}

static void call(struct simulator *sim, int t, int a)
{
  int b = below(sim, sim->actor_count);
  struct world_wait *w;

  if (a == b)
    return;
  trace(sim, "calls", a, b);
  w = world_wait(sim->world, (size_t)a, &row(sim, b)->key, 1);
  w->exclusive = true;
  sim->counts[CALLS]++;
  sim->moved_ns = sim->world->now_ns;
  if (!has_locks(sim, a) && chance(sim, sim->aside_permille))
    lay_down(sim, t);
}

static void answer(struct simulator *sim, int a)
{
  for (int c = 0; c < sim->actor_count; c++)
    if (in_call(sim, c) && row(sim, c)->waits[0].holders[0] == row(sim, a)->key) {
      trace(sim, "answers", a, c);
      check_may_run(sim, c);
      world_end_wait(sim->world, (size_t)c);
      return;
    }
}

static void want(struct simulator *sim, int t)
{
  int l = below(sim, LOCKS_MAX), me = row_of_thread(sim, t);
  struct world_wait *w;

  if (sim->locks[l].owner == t)
    return;
  if (sim->locks[l].owner < 0) {
    sim->locks[l] = (struct lock){t, innermost(sim, t)};
    trace(sim, "locks", me, -1);
    return;
  }
  trace(sim, "waits for a lock of", me, row_of_thread(sim, sim->locks[l].owner));
  w = world_wait(sim->world, (size_t)me, &row(sim, row_of_thread(sim, sim->locks[l].owner))->key,
                 1);
  w->via = VIA_LOCK;
  w->exclusive = true;
  sim->wanted[t] = l;
  sim->counts[LOCK_WAITS]++;
  sim->moved_ns = sim->world->now_ns;
}

/* Who waits for it longest gets it; the others now wait for that thread. */
static void release(struct simulator *sim, int t, int l)
{
  int next = -1, first = below(sim, sim->thread_count);

  trace(sim, "releases", row_of_thread(sim, t), -1);
  for (int k = 0; k < sim->thread_count && next < 0; k++)
    if (sim->wanted[(first + k) % sim->thread_count] == l)
      next = (first + k) % sim->thread_count;
  sim->locks[l].owner = next;
  sim->locks[l].actor = next < 0 ? -1 : innermost(sim, next);
  if (next < 0)
    return;
  check_may_run(sim, row_of_thread(sim, next));
  if (innermost(sim, next) >= 0)
    check_may_run(sim, innermost(sim, next));
  world_end_wait(sim->world, (size_t)row_of_thread(sim, next));
  sim->wanted[next] = -1;
  for (int k = 0; k < sim->thread_count; k++)
    if (sim->wanted[k] == l)
      row(sim, row_of_thread(sim, k))->waits[0].holders[0] =
          row(sim, row_of_thread(sim, next))->key;
}

static void run_actor(struct simulator *sim, int t, int a)
{
  int l = below(sim, LOCKS_MAX);

  if (chance(sim, 300))
    answer(sim, a);
  else if (chance(sim, sim->lock_permille))
    want(sim, t);
  else if (sim->locks[l].owner == t && sim->locks[l].actor == a && chance(sim, 500))
    release(sim, t, l);
  else if (chance(sim, sim->call_permille))
    call(sim, t, a);
  else if (!has_locks(sim, a) && chance(sim, 200))
    lay_down(sim, t);
}

static void slice(struct simulator *sim)
{
  int first = below(sim, sim->thread_count);

  for (int k = 0; k < sim->thread_count; k++) {
    int t = (first + k) % sim->thread_count, a = innermost(sim, t);

    if (sim->wanted[t] >= 0 || !chance(sim, sim->act_permille))
      continue;
    if (a < 0 || (in_call(sim, a) && chance(sim, sim->help_permille)))
      take_up(sim, t);
    else if (!in_call(sim, a))
      run_actor(sim, t, a);
  }
}

static void advance(void *context, uint64_t to_ns)
{
  struct simulator *sim = context;

  while (sim->world->now_ns + SLICE_NS <= to_ns) {
    sim->world->now_ns += SLICE_NS;
    slice(sim);
  }
  if (sim->world->now_ns < to_ns)
    sim->world->now_ns = to_ns;
}

/* --- the oracle: follows what each waits for, which is one at a time, for as many steps as there are
 * rows --- */

/* The row that must move before this one can; -1 where nothing holds it up. */
static int held_up_by(struct simulator *sim, int who)
{
  int t = who - sim->actor_count;

  if (t >= 0) {
    if (sim->wanted[t] >= 0)
      return row_of_thread(sim, sim->locks[sim->wanted[t]].owner);
    return innermost(sim, t) >= 0 && in_call(sim, innermost(sim, t)) ? innermost(sim, t) : -1;
  }
  if (in_call(sim, who))
    return (int)(row(sim, who)->waits[0].holders[0] & 0xffffffff) - 1;
  t = sim->thread_of[who];
  return t >= 0 && sim->wanted[t] >= 0 ? row_of_thread(sim, t) : -1;
}

/* Marks who is in a circle; says whether one of them goes through calls and locks. */
static bool find_circles(struct simulator *sim, bool *ret_member)
{
  int rows = sim->actor_count + sim->thread_count;
  bool mixed = false;

  for (int who = 0; who < rows; who++) {
    int at = who;
    bool call_seen = false, lock_seen = false;

    ret_member[who] = false;
    for (int step = 0; step < rows && at >= 0; step++) {
      call_seen |= at < sim->actor_count && in_call(sim, at);
      lock_seen |= at >= sim->actor_count && sim->wanted[at - sim->actor_count] >= 0;
      at = held_up_by(sim, at);
      if (at == who) {
        ret_member[who] = true;
        mixed |= call_seen && lock_seen;
        break;
      }
    }
  }
  return mixed;
}

/* --- reading --- */

static int find_row(const struct simulator *sim, int64_t key)
{
  for (int i = 0; i < sim->actor_count + sim->thread_count; i++)
    if ((int64_t)sim->world->actors[i].key == key)
      return i;
  return -1;
}

static void read_snapshot(struct simulator *sim, const struct snapshot *s)
{
  memset(sim->said, 0, sizeof(sim->said));
  for (uint32_t i = 0; i < snapshot_rows(s, RELATION_WAITS); i++) {
    int who = find_row(sim, snapshot_int(s, RELATION_WAITS, WAITS_WAITER, i));
    uint8_t certainty = snapshot_enum(s, RELATION_WAITS, WAITS_CERTAINTY, i);

    if (who < 0 || snapshot_enum(s, RELATION_WAITS, WAITS_VERDICT, i) != VERDICT_DEADLOCK)
      continue;
    sim->said[who] = (uint8_t)(certainty + 1);
    trace(sim, certainty == CERTAINTY_PROVEN ? "is proven to be stuck" : "seems to be stuck", who,
          -1);
    sim->counts[PROVEN] += certainty == CERTAINTY_PROVEN;
  }
}

static struct tick_clock now(const struct simulator *sim)
{
  return (struct tick_clock){sim->world->now_ns, (int64_t)(sim->world->now_ns / WORLD_MS)};
}

static void tick(struct simulator *sim, struct sweep **sweeps, size_t count)
{
  struct snapshot *snapshot = NULL;

  if (tick_step(sim->state, sweeps, count, now(sim), &snapshot) != 0)
    fail(sim, "has no tick", 0);
  read_snapshot(sim, snapshot);
  snapshot_unref(snapshot);
}

static struct sweep *read_one(struct simulator *sim, uint8_t tag, enum sweep_kind kind)
{
  struct world_reader reader = {advance, sim, sim->read_ns};
  struct sweep *sweep;

  if (sim->verbose)
    printf("-- %s of %s\n", kind == SWEEP_FULL ? "sweep" : "round",
           tag == SOURCE_TAG_HOOK ? "actors" : "threads");
  sweep = world_sweep(sim->world, tag, kind, &reader);
  sim->counts[SWEEPS]++;
  advance(sim, sim->world->now_ns + 1000);
  return sweep;
}

static void sweep_both(struct simulator *sim)
{
  bool threads_first = chance(sim, 500);
  struct sweep *sweeps[2];

  for (int i = 0; i < 2; i++)
    sweeps[i] =
        read_one(sim, (i == 0) == threads_first ? SOURCE_TAG_THREAD : SOURCE_TAG_HOOK, SWEEP_FULL);
  tick(sim, sweeps, 2);
}

static void round_of(struct simulator *sim, uint8_t tag)
{
  struct sweep *sweep = read_one(sim, tag, SWEEP_ROUND);
  bool changed = false;

  if (tick_round(sim->state, &sweep, 1, now(sim), &changed) != 0)
    fail(sim, "has no round", 0);
  if (changed)
    tick(sim, NULL, 0);
}

static void sweep_with_rounds(struct simulator *sim)
{
  int rounds = ROUNDS_MIN + below(sim, ROUNDS_MAX - ROUNDS_MIN);

  sweep_both(sim);
  for (int i = 0; i < rounds; i++) {
    advance(sim, sim->world->now_ns + SLICE_NS + slices(sim, 20));
    round_of(sim, SOURCE_TAG_THREAD);
    if (chance(sim, 700))
      round_of(sim, SOURCE_TAG_HOOK);
    else
      round_of(sim, SOURCE_TAG_THREAD);
  }
}

/* A member is told by its own row, or a thread by the actor that it runs. */
static bool is_found(const struct simulator *sim, int who)
{
  int t = who - sim->actor_count, a = t >= 0 ? innermost(sim, t) : -1;

  if (t < 0 && sim->said[who] == 0 && sim->thread_of[who] >= 0)
    return sim->said[row_of_thread(sim, sim->thread_of[who])] > CERTAINTY_CONFIRMED;
  return sim->said[who] > CERTAINTY_CONFIRMED || (a >= 0 && sim->said[a] > CERTAINTY_CONFIRMED);
}

static bool any_stacked(const struct simulator *sim)
{
  for (int t = 0; t < sim->thread_count; t++)
    if (sim->height[t] > 1)
      return true;
  return false;
}

/* Two sweeps with their rounds; then what stood all the while must be found. True where nothing
 * moved: this system has seen its day. */
static bool watch(struct simulator *sim)
{
  bool was[ROWS_MAX] = {false}, is[ROWS_MAX] = {false}, any = false;
  uint64_t since_ns = sim->world->now_ns;
  bool mixed = find_circles(sim, was);

  sweep_with_rounds(sim);
  sweep_with_rounds(sim);
  (void)find_circles(sim, is);
  if (sim->moved_ns >= since_ns)
    return false;
  if (memcmp(was, is, sizeof(was)) != 0 || any_stacked(sim))
    return true;
  for (int i = 0; i < sim->actor_count + sim->thread_count; i++) {
    if (!was[i])
      continue;
    any = true;
    if (!is_found(sim, i))
      fail(sim, "is in a circle since before two sweeps, and was not found", i);
    sim->counts[FOUND]++;
  }
  sim->counts[CIRCLES] += any;
  sim->counts[MIXED] += any && mixed;
  return true;
}

static void new_system(struct simulator *sim)
{
  sim->counts[SYSTEMS]++;
  sim->world = world_new(TARGET_KEY(100, 1), START_NS);
  sim->state = tick_state_new("host", "boot");
  sim->actor_count = 2 + below(sim, ACTORS_MAX - 1);
  sim->thread_count = 2 + below(sim, THREADS_MAX - 1);
  for (int i = 0; i < sim->actor_count; i++) {
    (void)world_add_actor(sim->world, (char[]){(char)('a' + i), '\0'}, SOURCE_TAG_HOOK,
                          ACTOR_KIND_ACTOR);
    row(sim, i)->state = ACTOR_RUNNABLE;
    sim->thread_of[i] = -1;
  }
  for (int t = 0; t < sim->thread_count; t++) {
    (void)world_add_actor(sim->world, (char[]){'t', (char)('1' + t), '\0'}, SOURCE_TAG_THREAD,
                          ACTOR_KIND_THREAD);
    row(sim, row_of_thread(sim, t))->tid = 100 + (uint32_t)t;
    sim->wanted[t] = -1;
    sim->height[t] = 0;
  }
  for (int l = 0; l < LOCKS_MAX; l++)
    sim->locks[l].owner = -1;
  memset(sim->said, 0, sizeof(sim->said));
  sim->moved_ns = 0;
  sim->act_permille = 2 + (unsigned)below(sim, 400);
  sim->call_permille = 50 + (unsigned)below(sim, 600);
  sim->lock_permille = 50 + (unsigned)below(sim, 500);
  sim->help_permille = chance(sim, 300) ? 0 : (unsigned)below(sim, 700);
  sim->aside_permille = (unsigned)below(sim, 500);
  sim->read_ns = slices(sim, 12);
}

/* Everything that must happen in a long run did. */
static bool report(const struct simulator *sim)
{
  bool all = true;

  for (int i = 0; i < COUNTS; i++) {
    printf("%10" PRIu64 " %s\n", sim->counts[i], counted[i]);
    all = all && (sim->counts[i] > 0 || i == CONFIRMED_RAN);
  }
  return all;
}

int main(int argc, char **argv)
{
  struct simulator sim = {0};
  uint64_t wanted = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;

  if (argc < 3 || wanted == 0) {
    fprintf(stderr, "usage: simulator_threads SWEEPS SEED [-v]\n");
    return 2;
  }
  sim.random = sim.seed = strtoull(argv[2], NULL, 10);
  sim.verbose = argc > 3 && strcmp(argv[3], "-v") == 0;
  while (sim.counts[SWEEPS] < wanted) {
    uint64_t end;

    new_system(&sim);
    end = sim.counts[SWEEPS] + SWEEPS_PER_SYSTEM;
    while (sim.counts[SWEEPS] < end && sim.counts[SWEEPS] < wanted) {
      if (watch(&sim))
        break;
      advance(&sim, sim.world->now_ns + slices(&sim, 100));
    }
    tick_state_free(sim.state);
    world_free(sim.world);
  }
  bool tested = report(&sim);
  if (!tested && wanted >= 10000)
    printf("FAILED: so many sweeps must have met all of these\n");
  return tested || wanted < 10000 ? 0 : 1;
}
