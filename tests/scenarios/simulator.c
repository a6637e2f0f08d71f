/*
 * simulator.c - a made-up program that lives by chance, read while it moves.
 *
 *     simulator SWEEPS SEED [-v]
 *
 * Small systems of actors call each other (one, any or all of several, with and without timeouts,
 * known to the source as open or not), answer, answer later, hand calls on, take and release locks,
 * die and are born again in the same slot. Sweeps and wait rounds read the actors one by one while
 * the system goes on between the reads, and go through tick_step and tick_round. Two things must
 * hold:
 *
 *    no false alarm   a member of a core that is confirmed or proven never runs again, unless
 *                     somebody was killed or, for a timed core, a timeout struck, after the last
 *                     read began
 *    no miss          whoever is in a circle when a sweep begins is confirmed two wait rounds
 *                     later, unless the circle changes meanwhile
 *
 * What is in a circle is decided by an oracle on the true state: naive, quadratic, and written
 * apart from waitgraph.c. A failure prints the seed, the number of the system and its last events.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/tick.h"
#include "tests/scenarios/world.h"

#define SLICE_NS 50000ull /* of simulated time */
#define START_NS (1000 * 1000 * WORLD_MS)

enum {
  ACTORS_MAX = 8,
  LOCKS_MAX = 3,
  SWEEPS_PER_SYSTEM = 150,
  ROUNDS = 4,
  TRACE_LINES = 120,
  TRACE_BYTES = 120
};
enum cause { BY_ANSWER, BY_TIMEOUT, BY_KILL };

/* Beside the actor of the world. */
struct life {
  uint64_t changed_ns; /* when the holders of its wait were others last */
  uint64_t ran_ns[3];  /* when a wait of it ended last, by cause */
  bool condemned;      /* is in a core that the model is sure of */
  bool condemned_timed;
  bool monitored;  /* the death of a holder ends its wait */
  int64_t core;    /* in the newest snapshot; VALUE_UNKNOWN */
  int lock_wanted; /* -1 none */
};

struct lock {
  uint64_t owner; /* key, 0 free */
};

/* What decides how a system behaves. */
struct temper {
  unsigned act_permille; /* a running actor does something in a slice */
  unsigned call_permille, lock_permille, kill_ppm, timed_permille, open_permille, several_permille,
      forward_permille;
  uint64_t read_ns; /* between two actors */
};

/* What happened, and what a run of many sweeps must have met to have tested anything. */
enum count {
  SWEEPS,
  SYSTEMS,
  CALLS,
  ANSWERS,
  FORWARDS,
  TIMEOUTS,
  KILLS,
  CIRCLES,
  FOUND,
  CONDEMNED,
  SUSPECTED,
  COUNTS
};

static const char *const counted[COUNTS] = {
    [SWEEPS] = "sweeps and wait rounds",
    [SYSTEMS] = "systems",
    [CALLS] = "calls",
    [ANSWERS] = "waits that were answered",
    [FORWARDS] = "calls that were handed on",
    [TIMEOUTS] = "timeouts",
    [KILLS] = "kills",
    [CIRCLES] = "actors in circles when a sweep began",
    [FOUND] = "times that one was sure two or more rounds later",
    [CONDEMNED] = "actors found in a core for sure",
    [SUSPECTED] = "snapshots with a circle that was only suspected",
};

struct simulator {
  uint64_t random, seed;
  struct world *world;
  struct tick_state *state;
  struct temper temper;
  struct life lives[ACTORS_MAX];
  struct lock locks[LOCKS_MAX];
  uint64_t read_begin_ns, last_kill_ns, last_timeout_ns;
  uint64_t counts[COUNTS];
  char trace[TRACE_LINES][TRACE_BYTES];
  unsigned trace_at;
  bool verbose;
};

/* --- chance, trace, failure --- */

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t draw(struct simulator *sim)
{
  uint64_t z = sim->random += 0x9e3779b97f4a7c15;

  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static size_t below(struct simulator *sim, size_t n)
{
  return (size_t)(draw(sim) % n);
}

static bool chance(struct simulator *sim, unsigned permille)
{
  return below(sim, 1000) < permille;
}

static void trace(struct simulator *sim, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void trace(struct simulator *sim, const char *format, ...)
{
  char *line = sim->trace[sim->trace_at++ % TRACE_LINES];
  int n = snprintf(line, TRACE_BYTES, "%10.3f ms  ", (double)(sim->world->now_ns - START_NS) / 1e6);
  va_list list;

  va_start(list, format);
  vsnprintf(line + n, TRACE_BYTES - (size_t)n, format, list);
  va_end(list);
  if (sim->verbose)
    puts(line);
}

static size_t slot_of(const struct simulator *sim, uint64_t key)
{
  for (size_t i = 0; i < sim->world->actor_count; i++)
    if (sim->world->actors[i].key == key)
      return i;
  return SIZE_MAX;
}

/* Who waits for whom in truth; holders that died are +. */
static void print_waits(const struct simulator *sim)
{
  for (size_t i = 0; i < sim->world->actor_count; i++)
    for (size_t x = 0; x < sim->world->actors[i].wait_count; x++) {
      const struct world_wait *w = &sim->world->actors[i].waits[x];

      printf("%s waits for %s of", sim->world->actors[i].name,
             w->needs == NEEDS_ANY ? "any" : "all");
      for (size_t h = 0; h < w->holder_count; h++) {
        size_t slot = slot_of(sim, w->holders[h]);

        printf(" %s", slot == SIZE_MAX ? "+" : sim->world->actors[slot].name);
      }
      printf("%s%s\n", w->open ? ", open" : "", w->timeout != TIMEOUT_NONE ? ", timed" : "");
    }
}

static void fail(struct simulator *sim, const char *what, const char *who)
{
  unsigned first = sim->trace_at > TRACE_LINES ? sim->trace_at - TRACE_LINES : 0;

  for (unsigned i = first; i < sim->trace_at; i++)
    printf("%s\n", sim->trace[i % TRACE_LINES]);
  print_waits(sim);
  printf("FAILED: %s: %s\nseed %" PRIu64 ", system %" PRIu64 ", sweep %" PRIu64 "\n", who, what,
         sim->seed, sim->counts[SYSTEMS], sim->counts[SWEEPS]);
  exit(1);
}

/* --- the system --- */

static struct world_actor *actor(struct simulator *sim, size_t i)
{
  return &sim->world->actors[i];
}

static bool is_blocked(struct simulator *sim, size_t i)
{
  return actor(sim, i)->wait_count > 0;
}

static bool lists(const struct world_wait *w, uint64_t key)
{
  for (size_t i = 0; i < w->holder_count; i++)
    if (w->holders[i] == key)
      return true;
  return false;
}

/* All waits of the actor are over: it runs. This is where a false alarm shows. */
static void let_run(struct simulator *sim, size_t i, enum cause cause)
{
  static const char *const words[] = {"is answered", "times out", "loses its holder"};
  struct life *life = &sim->lives[i];

  trace(sim, "%s %s", actor(sim, i)->name, words[cause]);
  if (life->condemned && cause == BY_ANSWER)
    fail(sim, "runs although it was found in a core for sure", actor(sim, i)->name);
  if (life->condemned && cause == BY_TIMEOUT && !life->condemned_timed)
    fail(sim, "times out although its core was found to have no timeout", actor(sim, i)->name);
  while (actor(sim, i)->wait_count > 0)
    world_end_wait(sim->world, i);
  life->lock_wanted = -1;
  life->ran_ns[cause] = sim->world->now_ns;
  sim->counts[ANSWERS] += cause == BY_ANSWER;
  if (cause == BY_TIMEOUT) {
    sim->counts[TIMEOUTS]++;
    sim->last_timeout_ns = sim->world->now_ns;
    for (size_t k = 0; k < ACTORS_MAX; k++) /* whoever waited for it may run from now on */
      sim->lives[k].condemned = sim->lives[k].condemned && !sim->lives[k].condemned_timed;
  }
}

/* Distinct holders, now and then the caller itself. */
static size_t choose_holders(struct simulator *sim, size_t caller, size_t wanted, uint64_t *keys)
{
  size_t count = 0;

  for (size_t tries = 0; tries < 20 && count < wanted; tries++) {
    size_t i = below(sim, sim->world->actor_count);
    bool taken = i == caller && !chance(sim, 20);

    for (size_t k = 0; k < count; k++)
      taken = taken || keys[k] == actor(sim, i)->key;
    if (!taken)
      keys[count++] = actor(sim, i)->key;
  }
  return count;
}

static void begin_call(struct simulator *sim, size_t i, bool beside)
{
  uint64_t keys[ACTORS_MAX];
  size_t wanted = chance(sim, sim->temper.several_permille) ? 2 + below(sim, 2) : 1;
  size_t count = choose_holders(sim, i, wanted, keys);
  struct world_wait *w = world_wait(sim->world, i, keys, count);

  w->needs = count > 1 && chance(sim, 500) ? NEEDS_ANY : NEEDS_ALL;
  if (chance(sim, sim->temper.open_permille)) {
    w->needs = NEEDS_ANY;
    w->open = true;
  }
  w->exclusive = !w->open && chance(sim, 500);
  if (chance(sim, sim->temper.timed_permille)) {
    w->timeout = chance(sim, 800) ? TIMEOUT_SOME : TIMEOUT_UNKNOWN;
    w->timeout_ns = (int64_t)(SLICE_NS * (1 + below(sim, 400)));
  }
  if (beside && w->rank > 0)
    w->rank--; /* two calls at once: either answer lets it run */
  sim->lives[i].monitored = chance(sim, 500);
  sim->counts[CALLS]++;
  trace(sim, "%s calls %s%s%s%s%s", actor(sim, i)->name,
        count > 0 ? actor(sim, slot_of(sim, keys[0]))->name : "nobody",
        count > 1 ? (w->needs == NEEDS_ANY ? " or " : " and ") : "",
        count > 1 ? actor(sim, slot_of(sim, keys[1]))->name : "", w->open ? ", open" : "",
        w->timeout != TIMEOUT_NONE ? ", timed" : "");
}

/* `i` answers one of those who wait for it, hands the call on, or leaves it for later. */
static bool serve(struct simulator *sim, size_t i)
{
  size_t n = sim->world->actor_count, first = below(sim, n);
  uint64_t key = actor(sim, i)->key;

  for (size_t k = 0; k < n; k++) {
    size_t c = (first + k) % n;

    for (size_t x = 0; x < actor(sim, c)->wait_count; x++) {
      struct world_wait *w = &actor(sim, c)->waits[x];
      size_t at = 0;

      if (w->via != VIA_CALL || !lists(w, key))
        continue;
      if (chance(sim, 200))
        return true; /* later */
      while (w->holders[at] != key)
        at++;
      size_t other = below(sim, n);
      if (chance(sim, sim->temper.forward_permille) && !lists(w, actor(sim, other)->key)) {
        w->holders[at] = actor(sim, other)->key;
        sim->lives[c].changed_ns = sim->world->now_ns;
        sim->counts[FORWARDS]++;
        trace(sim, "%s hands the call of %s on to %s", actor(sim, i)->name, actor(sim, c)->name,
              actor(sim, other)->name);
      } else if (w->needs == NEEDS_ALL && w->holder_count > 1) {
        w->holders[at] = w->holders[--w->holder_count];
        sim->lives[c].changed_ns = sim->world->now_ns;
        trace(sim, "%s answers its part of the call of %s", actor(sim, i)->name,
              actor(sim, c)->name);
      } else {
        let_run(sim, c, BY_ANSWER);
      }
      return true;
    }
  }
  return false;
}

static void want_lock(struct simulator *sim, size_t i)
{
  size_t l = below(sim, LOCKS_MAX);
  struct lock *lock = &sim->locks[l];

  if (lock->owner == 0) {
    lock->owner = actor(sim, i)->key;
    trace(sim, "%s takes lock %zu", actor(sim, i)->name, l);
    return;
  }
  if (lock->owner == actor(sim, i)->key && !chance(sim, 50))
    return;
  struct world_wait *w = world_wait(sim->world, i, &lock->owner, 1);
  w->via = VIA_LOCK;
  w->exclusive = true;
  sim->lives[i].lock_wanted = (int)l;
  sim->lives[i].monitored = false;
  trace(sim, "%s waits for lock %zu of %s", actor(sim, i)->name, l,
        actor(sim, slot_of(sim, lock->owner))->name);
}

/* The lock goes to one of those who wait; the others now wait for that one. */
static void hand_over(struct simulator *sim, size_t l, enum cause cause)
{
  size_t n = sim->world->actor_count, first = below(sim, n), next = SIZE_MAX;

  for (size_t k = 0; k < n && next == SIZE_MAX; k++)
    if (sim->lives[(first + k) % n].lock_wanted == (int)l && is_blocked(sim, (first + k) % n))
      next = (first + k) % n;
  sim->locks[l].owner = next == SIZE_MAX ? 0 : actor(sim, next)->key;
  if (next == SIZE_MAX)
    return;
  let_run(sim, next, cause);
  for (size_t k = 0; k < n; k++)
    if (sim->lives[k].lock_wanted == (int)l && is_blocked(sim, k)) {
      actor(sim, k)->waits[0].holders[0] = sim->locks[l].owner;
      sim->lives[k].changed_ns = sim->world->now_ns;
    }
}

static void release_lock(struct simulator *sim, size_t i)
{
  for (size_t l = 0; l < LOCKS_MAX; l++)
    if (sim->locks[l].owner == actor(sim, i)->key && chance(sim, 500)) {
      trace(sim, "%s releases lock %zu", actor(sim, i)->name, l);
      hand_over(sim, l, BY_ANSWER);
    }
}

/* Somebody new is in the slot at once. Who watched the dead one runs on, others wait for nobody
 * now. */
static void kill_actor(struct simulator *sim, size_t i)
{
  uint64_t dead = actor(sim, i)->key;

  trace(sim, "%s is killed", actor(sim, i)->name);
  sim->counts[KILLS]++;
  sim->last_kill_ns = sim->world->now_ns;
  for (size_t k = 0; k < ACTORS_MAX; k++)
    sim->lives[k].condemned = false;
  world_reborn(sim->world, i);
  sim->lives[i].lock_wanted = -1;
  for (size_t l = 0; l < LOCKS_MAX; l++)
    if (sim->locks[l].owner == dead)
      hand_over(sim, l, BY_KILL);
  for (size_t k = 0; k < sim->world->actor_count; k++) {
    bool holds = false;

    for (size_t x = 0; x < actor(sim, k)->wait_count; x++)
      holds = holds || lists(&actor(sim, k)->waits[x], dead);
    if (holds && sim->lives[k].monitored)
      let_run(sim, k, BY_KILL);
  }
}

static void act(struct simulator *sim, size_t i)
{
  if (chance(sim, 600) && serve(sim, i))
    return;
  if (chance(sim, sim->temper.lock_permille)) {
    if (chance(sim, 500))
      want_lock(sim, i);
    else
      release_lock(sim, i);
  } else if (chance(sim, sim->temper.call_permille)) {
    begin_call(sim, i, false);
    if (chance(sim, 50))
      begin_call(sim, i, true);
  }
}

static void wake(struct simulator *sim, size_t i)
{
  struct world_actor *a = actor(sim, i);

  for (size_t x = 0; x < a->wait_count; x++) {
    const struct world_wait *w = &a->waits[x];

    if (w->timeout_ns != VALUE_UNKNOWN &&
        sim->world->now_ns - w->since_ns >= (uint64_t)w->timeout_ns) {
      let_run(sim, i, BY_TIMEOUT);
      return;
    }
    if (w->open && chance(sim, 20)) {
      let_run(sim, i, BY_ANSWER); /* by somebody outside */
      return;
    }
  }
}

static void slice(struct simulator *sim)
{
  size_t n = sim->world->actor_count, first = below(sim, n);

  for (size_t k = 0; k < n; k++) {
    size_t i = (first + k) % n;

    if (is_blocked(sim, i))
      wake(sim, i);
    else if (chance(sim, sim->temper.act_permille))
      act(sim, i);
  }
  if (below(sim, 1000000) < sim->temper.kill_ppm)
    kill_actor(sim, below(sim, n));
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

/* --- the oracle --- */

static bool wait_is_free(struct simulator *sim, const struct world_wait *w, const bool *free_actor)
{
  size_t living = 0, free_holders = 0;

  if (w->timeout != TIMEOUT_NONE || (w->needs == NEEDS_ANY && w->open))
    return true;
  for (size_t h = 0; h < w->holder_count; h++) {
    size_t slot = slot_of(sim, w->holders[h]);

    if (slot == SIZE_MAX)
      continue;
    living++;
    free_holders += free_actor[slot];
  }
  if (living == 0)
    return w->open;
  return w->needs == NEEDS_ANY ? free_holders > 0 : free_holders == living;
}

/* Who can never run again without a kill: everybody but those who are found to be free. */
static void find_free(struct simulator *sim, bool *free_actor)
{
  bool changed = true;

  memset(free_actor, 0, ACTORS_MAX);
  while (changed) {
    changed = false;
    for (size_t i = 0; i < sim->world->actor_count; i++) {
      bool is_free = actor(sim, i)->wait_count == 0;

      for (size_t x = 0; x < actor(sim, i)->wait_count; x++)
        is_free = is_free || wait_is_free(sim, &actor(sim, i)->waits[x], free_actor);
      changed = changed || (is_free && !free_actor[i]);
      free_actor[i] = free_actor[i] || is_free;
    }
  }
}

/* Members of circles: those who are not free and reach themselves through others who are not. */
static void find_circles(struct simulator *sim, bool *member)
{
  bool free_actor[ACTORS_MAX], reach[ACTORS_MAX][ACTORS_MAX] = {{false}};
  size_t n = sim->world->actor_count;

  find_free(sim, free_actor);
  for (size_t i = 0; i < n; i++)
    for (size_t x = 0; !free_actor[i] && x < actor(sim, i)->wait_count; x++)
      for (size_t h = 0; h < actor(sim, i)->waits[x].holder_count; h++) {
        size_t slot = slot_of(sim, actor(sim, i)->waits[x].holders[h]);

        if (slot != SIZE_MAX && !free_actor[slot])
          reach[i][slot] = true;
      }
  for (size_t k = 0; k < n; k++)
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++)
        reach[i][j] = reach[i][j] || (reach[i][k] && reach[k][j]);
  for (size_t i = 0; i < n; i++)
    member[i] = reach[i][i];
}

/* --- what the model says --- */

/* Notes who is in a core for sure, and looks whether that is so. */
static void condemn(struct simulator *sim, size_t i, bool timed)
{
  struct life *life = &sim->lives[i];
  bool excused = sim->last_kill_ns >= sim->read_begin_ns ||
                 (timed && sim->last_timeout_ns >= sim->read_begin_ns);

  if (excused)
    return;
  if (life->ran_ns[BY_ANSWER] >= sim->read_begin_ns || !is_blocked(sim, i))
    fail(sim, "is said to be in a core for sure, but it has run", actor(sim, i)->name);
  sim->counts[CONDEMNED] += !life->condemned;
  life->condemned = true;
  life->condemned_timed = timed;
}

/* Fills sure[]: actors in a core without timeout that is confirmed or proven. */
static void read_snapshot(struct simulator *sim, const struct snapshot *s, bool *sure)
{
  bool suspected = false;

  memset(sure, 0, ACTORS_MAX);
  for (size_t i = 0; i < ACTORS_MAX; i++)
    sim->lives[i].core = VALUE_UNKNOWN;
  for (uint32_t row = 0; row < snapshot_rows(s, RELATION_WAITS); row++) {
    uint8_t verdict = snapshot_enum(s, RELATION_WAITS, WAITS_VERDICT, row);
    uint8_t certainty = snapshot_enum(s, RELATION_WAITS, WAITS_CERTAINTY, row);
    size_t i = slot_of(sim, (uint64_t)snapshot_int(s, RELATION_WAITS, WAITS_WAITER, row));

    if ((verdict != VERDICT_DEADLOCK && verdict != VERDICT_TIMED) || i == SIZE_MAX)
      continue;
    sim->lives[i].core = snapshot_int(s, RELATION_WAITS, WAITS_CORE, row);
    if (certainty != CERTAINTY_CONFIRMED && certainty != CERTAINTY_PROVEN) {
      suspected = true;
      continue;
    }
    sure[i] = verdict == VERDICT_DEADLOCK;
    condemn(sim, i, verdict == VERDICT_TIMED);
  }
  sim->counts[SUSPECTED] += suspected;
}

static struct tick_clock now(const struct simulator *sim)
{
  return (struct tick_clock){sim->world->now_ns, (int64_t)(sim->world->now_ns / WORLD_MS)};
}

static struct sweep *read_world(struct simulator *sim, enum sweep_kind kind)
{
  struct world_reader reader = {advance, sim, sim->temper.read_ns};

  trace(sim, kind == SWEEP_FULL ? "-- sweep" : "-- wait round");
  sim->counts[SWEEPS]++;
  sim->read_begin_ns = sim->world->now_ns;
  struct sweep *sweep = world_sweep(sim->world, SOURCE_TAG_HOOK, kind, &reader);
  advance(sim, sim->world->now_ns + 1000);
  return sweep;
}

static void tick(struct simulator *sim, struct sweep *sweep, bool *sure)
{
  struct snapshot *snapshot = NULL;

  if (tick_step(sim->state, &sweep, sweep ? 1 : 0, now(sim), &snapshot) != 0)
    fail(sim, "failed", "tick_step");
  read_snapshot(sim, snapshot, sure);
  snapshot_unref(snapshot);
}

/* The promise counts from the last edge: it holds for circles that are the same as when the sweep
 * began. A circle that grows is another one, and so is one when the holders change of whoever was
 * held up then: a circle of `any` stands only as long as those outside of it are held up too. */
static void check_found(struct simulator *sim, const bool *member, const bool *was_free,
                        const bool *sure, uint64_t since_ns)
{
  bool member_now[ACTORS_MAX] = {false};

  find_circles(sim, member_now);
  if (memcmp(member, member_now, sizeof(member_now)) != 0)
    return;
  for (size_t i = 0; i < sim->world->actor_count; i++)
    if (!was_free[i] && sim->lives[i].changed_ns >= since_ns)
      return;
  for (size_t i = 0; i < sim->world->actor_count; i++) {
    if (!member[i])
      continue;
    sim->counts[FOUND] += sure[i];
    if (!sure[i])
      fail(sim, "is in a circle since before the sweep, and was not found in two wait rounds",
           actor(sim, i)->name);
  }
}

/* What waits for ever is opened again, mostly, by killing somebody in it, so that life goes on. */
static void clear_away(struct simulator *sim)
{
  bool free_actor[ACTORS_MAX];

  for (size_t i = 0; i < sim->world->actor_count; i++) {
    find_free(sim, free_actor);
    if (!free_actor[i] && chance(sim, 600))
      kill_actor(sim, i);
  }
}

/* One sweep and its wait rounds. */
static void sweep_once(struct simulator *sim)
{
  bool member[ACTORS_MAX] = {false}, was_free[ACTORS_MAX], sure[ACTORS_MAX];
  uint64_t since_ns = sim->world->now_ns;

  find_free(sim, was_free);
  find_circles(sim, member);
  for (size_t i = 0; i < ACTORS_MAX; i++)
    sim->counts[CIRCLES] += member[i];
  tick(sim, read_world(sim, SWEEP_FULL), sure);
  for (int round = 1; round <= ROUNDS; round++) {
    bool changed = false;
    struct sweep *sweep = NULL;

    advance(sim, sim->world->now_ns + SLICE_NS * (1 + below(sim, 20)));
    sweep = read_world(sim, SWEEP_ROUND);
    if (tick_round(sim->state, &sweep, 1, now(sim), &changed) != 0)
      fail(sim, "failed", "tick_round");
    if (changed)
      tick(sim, NULL, sure);
    if (round >= 2 && sim->last_kill_ns < since_ns)
      check_found(sim, member, was_free, sure, since_ns);
  }
  clear_away(sim);
  advance(sim, sim->world->now_ns + SLICE_NS * below(sim, 100));
}

static void new_system(struct simulator *sim)
{
  size_t actors = 2 + below(sim, ACTORS_MAX - 1);

  sim->counts[SYSTEMS]++;
  sim->world = world_new(TARGET_KEY(100, 1), START_NS);
  sim->state = tick_state_new("host", "boot");
  if (!sim->state)
    fail(sim, "no memory", "tick_state_new");
  for (size_t i = 0; i < actors; i++)
    (void)world_add_actor(sim->world, (char[]){(char)('a' + i), '\0'}, SOURCE_TAG_HOOK,
                          ACTOR_KIND_ACTOR);
  memset(sim->lives, 0, sizeof(sim->lives));
  for (size_t i = 0; i < ACTORS_MAX; i++)
    sim->lives[i].lock_wanted = -1;
  memset(sim->locks, 0, sizeof(sim->locks));
  sim->last_kill_ns = sim->last_timeout_ns = sim->read_begin_ns = 0;
  sim->trace_at = 0;
  sim->temper = (struct temper){
      .act_permille = (unsigned)(2 + below(sim, 400)),
      .call_permille = (unsigned)(100 + below(sim, 800)),
      .lock_permille = (unsigned)below(sim, 500),
      .kill_ppm = (unsigned)below(sim, 400),
      .timed_permille = (unsigned)below(sim, 400),
      .open_permille = (unsigned)below(sim, 200),
      .several_permille = (unsigned)below(sim, 400),
      .forward_permille = (unsigned)below(sim, 300),
      .read_ns = SLICE_NS * below(sim, 12),
  };
}

/* Prints what happened; false where something that must happen did not. */
static bool report(const struct simulator *sim)
{
  bool all = true;

  for (size_t i = 0; i < COUNTS; i++) {
    printf("%10" PRIu64 " %s\n", sim->counts[i], counted[i]);
    all = all && sim->counts[i] > 0;
  }
  return all;
}

int main(int argc, char **argv)
{
  struct simulator *sim = calloc(1, sizeof(*sim));
  uint64_t wanted = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;

  if (!sim || argc < 3 || wanted == 0) {
    fprintf(stderr, "usage: simulator SWEEPS SEED [-v]\n");
    return 2;
  }
  sim->random = sim->seed = strtoull(argv[2], NULL, 10);
  sim->verbose = argc > 3 && strcmp(argv[3], "-v") == 0;
  while (sim->counts[SWEEPS] < wanted) {
    new_system(sim);
    for (int i = 0; i < SWEEPS_PER_SYSTEM / (1 + ROUNDS) && sim->counts[SWEEPS] < wanted; i++)
      sweep_once(sim);
    tick_state_free(sim->state);
    world_free(sim->world);
  }
  bool tested = report(sim);
  if (!tested && wanted >= 10000)
    printf("FAILED: so many sweeps must have met all of these\n");
  free(sim);
  return tested || wanted < 10000 ? 0 : 1;
}
