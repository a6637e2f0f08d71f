/*
 * tick_memory.c - tick_step and tick_round with every single allocation failing once: whatever
 * fails, nothing leaks (AddressSanitizer watches), and the next ticks, with memory again, say what
 * they would have said anyway.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "model/tick.h"

#define KEY(n) ACTOR_KEY(SOURCE_TAG_HOOK, n)
#define THREAD(n) ACTOR_KEY(SOURCE_TAG_THREAD, n)

/* Allocations until one fails; 0 = none does. `failed` tells whether it came to that. */
static struct {
  uint64_t left;
  bool failed;
} hunger;

static bool fails(void)
{
  if (hunger.left == 0 || --hunger.left > 0)
    return false;
  hunger.failed = true;
  errno = ENOMEM;
  return true;
}

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *block, size_t bytes);
void *__real_reallocarray(void *block, size_t count, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
void *__real_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
int __real_mprotect(void *address, size_t length, int protection);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *block, size_t bytes);
void *__wrap_reallocarray(void *block, size_t count, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
void *__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
int __wrap_mprotect(void *address, size_t length, int protection);

void *__wrap_malloc(size_t bytes)
{
  return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
  return fails() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *block, size_t bytes)
{
  return fails() ? NULL : __real_realloc(block, bytes);
}

void *__wrap_reallocarray(void *block, size_t count, size_t bytes)
{
  return fails() ? NULL : __real_reallocarray(block, count, bytes);
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
  return fails() ? NULL : __real_aligned_alloc(alignment, bytes);
}

void *__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
  return fails() ? MAP_FAILED : __real_mmap(address, length, protection, flags, fd, offset);
}

int __wrap_mprotect(void *address, size_t length, int protection)
{
  return fails() ? -1 : __real_mprotect(address, length, protection);
}

/* --- a target with something of everything: a circle, a pool, a thread, a table, a name that
 * moves, a gap --- */

static struct sweep *read_source(enum source_tag source, enum sweep_kind kind, uint64_t now_ns)
{
  struct sweep *sweep = sweep_new(TARGET_KEY(1, 1), source, kind);

  sweep->begin_ns = now_ns - 1000000;
  sweep->end_ns = now_ns;
  sweep->target.state = TARGET_RUNNING;
  sweep->target.name = sweep_add_text(sweep, "shop", 4);
  return sweep;
}

static struct sweep_actor *add_actor(struct sweep *sweep, uint64_t key, uint8_t kind, uint8_t state)
{
  struct sweep_actor *actor = sweep_add_actor(sweep);

  actor->key = key;
  actor->kind = kind;
  actor->state = state;
  actor->flags = SWEEP_ACTOR_NAMED;
  actor->name = sweep_add_format(sweep, "a%d", (int)(key & 0xff));
  return actor;
}

static void add_call(struct sweep *sweep, uint64_t waiter, uint64_t holder)
{
  struct sweep_wait *wait;

  (void)add_actor(sweep, waiter, ACTOR_KIND_ACTOR, ACTOR_BLOCKED);
  wait = sweep_add_wait(sweep);
  wait->waiter = waiter;
  wait->id.lo = 1;
  wait->holder_first = (uint32_t)sweep->holder_count;
  wait->holder_count = 1;
  wait->open = false;
  wait->needs = NEEDS_ALL;
  wait->timeout = TIMEOUT_NONE;
  wait->object = sweep_add_text(sweep, "call", 4);
  sweep_add_holder(sweep)->actor = holder;
}

static struct sweep *read_hook(enum sweep_kind kind, uint64_t now_ns)
{
  struct sweep *sweep = read_source(SOURCE_TAG_HOOK, kind, now_ns);
  struct sweep_actor *actor;

  add_call(sweep, KEY(1), KEY(2));
  sweep->actors[0].tid = 101;
  add_call(sweep, KEY(2), KEY(1));
  add_call(sweep, KEY(3), KEY(4));
  sweep->actors[2].tid = 103;
  sweep->actors[2].pool = KEY(5);
  add_actor(sweep, KEY(4), ACTOR_KIND_ACTOR, ACTOR_RUNNABLE)->pool = KEY(5);
  actor = add_actor(sweep, KEY(5), ACTOR_KIND_POOL, ENUM_UNKNOWN);
  actor->capacity = 1;
  actor->flags |= SWEEP_ACTOR_POOL_SIZE;
  actor = add_actor(sweep, KEY(6) + (now_ns & 1), ACTOR_KIND_ACTOR, ACTOR_RECEIVE);
  actor->name = sweep_add_text(sweep, "logger", 6);
  actor->flags = SWEEP_ACTOR_REGISTERED;
  actor->depth = 5;
  sweep_add_table(sweep)->key = 1;
  sweep_add_gap(sweep)->reason = sweep_add_text(sweep, "torn", 4);
  sweep_sort(sweep);
  return sweep;
}

static struct sweep *read_threads(uint64_t now_ns)
{
  struct sweep *sweep = read_source(SOURCE_TAG_THREAD, SWEEP_FULL, now_ns);

  add_actor(sweep, THREAD(101), ACTOR_KIND_THREAD, ACTOR_BLOCKED)->tid = 101;
  return sweep;
}

static struct tick_clock clock_at(uint64_t now_ns)
{
  return (struct tick_clock){now_ns, (int64_t)(now_ns / 1000000)};
}

static struct snapshot *step(struct tick_state *state, uint64_t now_ns)
{
  uint64_t left = hunger.left;
  struct sweep *sweeps[2];
  struct snapshot *snapshot = NULL;
  int e;

  hunger.left = 0; /* making the sweeps is not what is tested */
  sweeps[0] = read_hook(SWEEP_FULL, now_ns);
  sweeps[1] = read_threads(now_ns);
  hunger.left = left;
  e = tick_step(state, sweeps, 2, clock_at(now_ns), &snapshot);
  if (e != 0)
    assert_int_equal(e, -ENOMEM);
  assert_true((e == 0) == (snapshot != NULL));
  return snapshot;
}

static void round_at(struct tick_state *state, uint64_t now_ns)
{
  uint64_t left = hunger.left;
  struct sweep *sweep;
  bool changed;

  hunger.left = 0;
  sweep = read_hook(SWEEP_ROUND, now_ns);
  hunger.left = left;
  (void)tick_round(state, &sweep, 1, clock_at(now_ns),
                   &changed); /* it may fail: that is the point */
}

static void expect_circle(const struct snapshot *s)
{
  uint32_t waiting = 0;

  assert_non_null(s);
  for (uint32_t i = 0; i < snapshot_rows(s, RELATION_WAITS); i++) {
    uint8_t certainty = snapshot_enum(s, RELATION_WAITS, WAITS_CERTAINTY, i);

    assert_int_equal(snapshot_enum(s, RELATION_WAITS, WAITS_VERDICT, i), VERDICT_DEADLOCK);
    assert_int_equal(certainty, CERTAINTY_CONFIRMED);
    waiting++;
  }
  assert_int_equal(waiting, 5); /* 1, 2; 3, 4 and the pool */
  assert_int_equal(snapshot_rows(s, RELATION_ACTORS), 7);
  assert_int_equal(snapshot_rows(s, RELATION_TABLES), 1);
}

/* Three ticks and a round, of which the second tick and the round go hungry. Returns whether an
 * allocation failed. */
static bool run_hungry(uint64_t nth)
{
  struct tick_state *state = tick_state_new("host", "boot");
  const uint64_t second = 1000000000;

  assert_non_null(state);
  snapshot_unref(step(state, 10 * second));
  hunger.left = nth;
  hunger.failed = false;
  snapshot_unref(step(state, 11 * second + 1));
  round_at(state, 12 * second);
  hunger.left = 0;
  for (uint64_t i = 13; i < 15; i++) {
    struct snapshot *s = step(state, i * second);

    if (i == 14)
      expect_circle(s);
    snapshot_unref(s);
  }
  tick_state_free(state);
  return hunger.failed;
}

static void every_allocation_may_fail(void **context)
{
  uint64_t nth = 1;

  (void)context;
  while (run_hungry(nth))
    nth++;
  assert_in_range(nth, 50, 100000); /* fewer would mean that nothing was put to the test */
}

static void a_state_that_cannot_be_made_is_none(void **context)
{
  (void)context;
  for (uint64_t nth = 1;; nth++) {
    struct tick_state *state;

    hunger.left = nth;
    hunger.failed = false;
    state = tick_state_new("host", "boot");
    hunger.left = 0;
    tick_state_free(state);
    if (!hunger.failed)
      break;
    assert_null(state);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_allocation_may_fail),
      cmocka_unit_test(a_state_that_cannot_be_made_is_none),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
