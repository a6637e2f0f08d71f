/*
 * tick_test.c - what tick_step and tick_round promise, on small targets described in a few lines:
 * rates, carrying forward, verdicts and how sure they are, pools, joined threads, names, gaps, and
 * what happens without memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/tick.h"

#define SECOND 1000000000ull
#define TARGET TARGET_KEY(100, 42)
#define KEY(n) ACTOR_KEY(SOURCE_TAG_HOOK, n)
#define THREAD(n) ACTOR_KEY(SOURCE_TAG_THREAD, n)

/* A state under test with a clock of its own; each sweep takes 10 ms and ends now. */
struct world {
  struct tick_state *state;
  struct snapshot *snapshot; /* the newest */
  uint64_t now_ns;
};

static int begin(void **context)
{
  struct world *w = calloc(1, sizeof(*w));

  w->state = tick_state_new("host", "boot");
  w->now_ns = 1000 * SECOND;
  *context = w;
  return w->state ? 0 : -1;
}

static int end(void **context)
{
  struct world *w = *context;

  snapshot_unref(w->snapshot);
  tick_state_free(w->state);
  free(w);
  return 0;
}

static struct tick_clock clock_of(const struct world *w)
{
  return (struct tick_clock){w->now_ns, (int64_t)(w->now_ns / 1000000) + 1700000000000};
}

static struct sweep *read_source(const struct world *w, uint64_t target, enum source_tag source,
                                 enum sweep_kind kind)
{
  struct sweep *sweep = sweep_new(target, source, kind);

  sweep->begin_ns = w->now_ns - SECOND / 100;
  sweep->end_ns = w->now_ns;
  sweep->target.state = TARGET_RUNNING;
  sweep->target.uid = 1000;
  sweep->target.name = sweep_add_text(sweep, "shop", 4);
  sweep->target.runtime = sweep_add_format(sweep, "source%d", source);
  return sweep;
}

static struct sweep *read_full(const struct world *w)
{
  return read_source(w, TARGET, SOURCE_TAG_HOOK, SWEEP_FULL);
}

static struct sweep *read_round(const struct world *w)
{
  return read_source(w, TARGET, SOURCE_TAG_HOOK, SWEEP_ROUND);
}

static struct sweep_actor *has_actor(struct sweep *sweep, uint64_t key, uint8_t state)
{
  struct sweep_actor *actor = sweep_add_actor(sweep);

  actor->key = key;
  actor->kind = key >> 56 == SOURCE_TAG_THREAD ? ACTOR_KIND_THREAD : ACTOR_KIND_ACTOR;
  actor->state = state;
  actor->flags = SWEEP_ACTOR_NAMED;
  actor->name = sweep_add_format(sweep, "a%llu", (unsigned long long)(key & 0xffffff));
  return actor;
}

/* A blocked actor in call number `call` to one holder, without a timeout. */
static struct sweep_wait *calls(struct sweep *sweep, uint64_t waiter, uint64_t holder,
                                uint64_t call)
{
  struct sweep_wait *wait;

  has_actor(sweep, waiter, ACTOR_BLOCKED);
  wait = sweep_add_wait(sweep);
  wait->waiter = waiter;
  wait->id.lo = call;
  wait->holder_first = (uint32_t)sweep->holder_count;
  wait->holder_count = 1;
  wait->open = false;
  wait->needs = NEEDS_ALL;
  wait->timeout = TIMEOUT_NONE;
  wait->via = VIA_CALL;
  sweep_add_holder(sweep)->actor = holder;
  return wait;
}

static void pass(struct world *w, double seconds)
{
  w->now_ns += (uint64_t)(seconds * (double)SECOND);
}

static void step2(struct world *w, struct sweep *a, struct sweep *b)
{
  struct sweep *sweeps[2] = {a, b};
  size_t count = a ? b ? 2 : 1 : 0;

  for (size_t i = 0; i < count; i++)
    sweep_sort(sweeps[i]);
  snapshot_unref(w->snapshot);
  w->snapshot = NULL;
  assert_int_equal(tick_step(w->state, sweeps, count, clock_of(w), &w->snapshot), 0);
}

static void step(struct world *w, struct sweep *sweep)
{
  step2(w, sweep, NULL);
}

static bool round_changes(struct world *w, struct sweep *sweep)
{
  bool changed = false;

  sweep_sort(sweep);
  assert_int_equal(tick_round(w->state, &sweep, 1, clock_of(w), &changed), 0);
  return changed;
}

static uint32_t row_of(const struct world *w, uint64_t actor)
{
  uint32_t row = UINT32_MAX;

  if (snapshot_find_actor(w->snapshot, (int64_t)TARGET, (int64_t)actor, &row) < 0)
    fail_msg("no row of actor %llx", (unsigned long long)actor);
  return row;
}

static int64_t actor_int(const struct world *w, uint64_t actor, unsigned column)
{
  return snapshot_int(w->snapshot, RELATION_ACTORS, column, row_of(w, actor));
}

static double actor_real(const struct world *w, uint64_t actor, unsigned column)
{
  return snapshot_real(w->snapshot, RELATION_ACTORS, column, row_of(w, actor));
}

static const char *actor_text(const struct world *w, uint64_t actor, unsigned column)
{
  return snapshot_text(w->snapshot, RELATION_ACTORS, column, row_of(w, actor));
}

/* The first row of a waiter in `waits`. */
static uint32_t wait_of(const struct world *w, uint64_t waiter)
{
  const int64_t *waiters = snapshot_ints(w->snapshot, RELATION_WAITS, WAITS_WAITER);

  for (uint32_t i = 0; i < snapshot_rows(w->snapshot, RELATION_WAITS); i++)
    if (waiters[i] == (int64_t)waiter)
      return i;
  fail_msg("no wait of %llx", (unsigned long long)waiter);
  return 0;
}

static const char *word_of(const struct world *w, uint64_t waiter, unsigned column)
{
  const char *word = snapshot_value(w->snapshot, RELATION_WAITS, column, wait_of(w, waiter)).text;

  return word ? word : "unknown";
}

static void expect_verdict(const struct world *w, uint64_t waiter, const char *verdict,
                           const char *certainty)
{
  assert_string_equal(word_of(w, waiter, WAITS_VERDICT), verdict);
  assert_string_equal(word_of(w, waiter, WAITS_CERTAINTY), certainty);
}

/* --- rows and rates --- */

static struct sweep *mailbox(const struct world *w, int64_t depth, int64_t put, int64_t take)
{
  struct sweep *sweep = read_full(w);
  struct sweep_actor *actor = has_actor(sweep, KEY(1), ACTOR_RUNNING);

  actor->depth = depth;
  actor->put_count = put;
  actor->take_count = take;
  return sweep;
}

static void rates_come_from_two_sweeps(void **context)
{
  struct world *w = *context;

  step(w, mailbox(w, 0, 100, 100));
  assert_true(isnan(actor_real(w, KEY(1), ACTORS_IN_PER_S)));
  assert_true(isnan(actor_real(w, KEY(1), ACTORS_GROWTH_PER_S)));
  pass(w, 2);
  step(w, mailbox(w, 5, 125, 120));
  assert_true(actor_real(w, KEY(1), ACTORS_IN_PER_S) == 13); /* 12.5: whole from 10 upwards */
  assert_true(actor_real(w, KEY(1), ACTORS_OUT_PER_S) == 10);
  assert_true(actor_real(w, KEY(1), ACTORS_GROWTH_PER_S) == 2.5);
  assert_int_equal(actor_int(w, KEY(1), ACTORS_DEPTH_TREND), 0x03); /* empty, then 4 to 7 */
}

static void a_counter_that_went_back_is_unknown_once(void **context)
{
  struct world *w = *context;

  step(w, mailbox(w, 0, 100, 100));
  pass(w, 1);
  step(w, mailbox(w, 0, 50, 101));
  assert_true(isnan(actor_real(w, KEY(1), ACTORS_IN_PER_S)));
  assert_true(actor_real(w, KEY(1), ACTORS_OUT_PER_S) == 1);
  pass(w, 1);
  step(w, mailbox(w, 0, 53, 101));
  assert_true(actor_real(w, KEY(1), ACTORS_IN_PER_S) == 3);
}

static void what_was_not_swept_is_carried_forward_with_its_age(void **context)
{
  struct world *w = *context;
  struct sweep *failed;

  step(w, mailbox(w, 7, 100, 93));
  pass(w, 3);
  step(w, NULL);
  assert_int_equal(actor_int(w, KEY(1), ACTORS_DEPTH), 7);
  assert_int_equal(actor_int(w, KEY(1), ACTORS_AGE_MS), 3000);
  failed = read_source(w, TARGET, SOURCE_TAG_HOOK, SWEEP_FAILED);
  failed->target.state = TARGET_STOPPED;
  failed->target.reason = sweep_add_text(failed, "stopped by a signal", 19);
  step(w, failed);
  assert_int_equal(actor_int(w, KEY(1), ACTORS_DEPTH), 7);
  assert_string_equal(snapshot_value(w->snapshot, RELATION_TARGETS, TARGETS_STATE, 0).text,
                      "stopped");
  assert_string_equal(snapshot_text(w->snapshot, RELATION_TARGETS, TARGETS_REASON, 0),
                      "stopped by a signal");
}

static void a_gone_target_loses_its_rows_at_once_and_goes_after_a_minute(void **context)
{
  struct world *w = *context;
  struct sweep *gone;

  step(w, mailbox(w, 7, 100, 93));
  pass(w, 1);
  gone = read_source(w, TARGET, SOURCE_TAG_HOOK, SWEEP_FAILED);
  gone->target.state = TARGET_GONE;
  step(w, gone);
  assert_int_equal(snapshot_rows(w->snapshot, RELATION_ACTORS), 0);
  assert_string_equal(snapshot_value(w->snapshot, RELATION_TARGETS, TARGETS_STATE, 0).text, "gone");
  pass(w, 59);
  step(w, NULL);
  assert_int_equal(snapshot_rows(w->snapshot, RELATION_TARGETS), 1);
  pass(w, 2);
  step(w, NULL);
  assert_int_equal(snapshot_rows(w->snapshot, RELATION_TARGETS), 0);
}

static void rows_of_a_failing_source_go_after_a_minute_unless_it_is_stopped(void **context)
{
  struct world *w = *context;

  for (int stopped = 1; stopped >= 0; stopped--) {
    struct sweep *failed;

    step(w, mailbox(w, 7, 100, 93));
    pass(w, 61);
    failed = read_source(w, TARGET, SOURCE_TAG_HOOK, SWEEP_FAILED);
    failed->target.state = stopped ? TARGET_STOPPED : TARGET_UNREADABLE;
    step(w, failed);
    assert_int_equal(snapshot_rows(w->snapshot, RELATION_ACTORS), stopped);
    pass(w, 1);
  }
}

static void a_malformed_sweep_is_a_gap_and_nothing_else(void **context)
{
  struct world *w = *context;
  struct sweep *bad;

  step(w, mailbox(w, 7, 100, 93));
  bad = mailbox(w, 8, 101, 93);
  bad->actors[0].state = 99;
  step(w, bad);
  assert_int_equal(actor_int(w, KEY(1), ACTORS_DEPTH), 7);
  assert_int_equal(snapshot_rows(w->snapshot, RELATION_GAPS), 1);
  assert_int_equal(snapshot_int(w->snapshot, RELATION_GAPS, GAPS_COUNT, 0), 1);
}

static void gaps_last_while_their_source_tells_them(void **context)
{
  struct world *w = *context;
  struct sweep *sweep;

  for (int i = 0; i < 2; i++) {
    struct sweep_gap *gap;

    sweep = mailbox(w, 0, 0, 0);
    gap = sweep_add_gap(sweep);
    gap->reason = sweep_add_text(sweep, "torn", 4);
    gap->count = 2;
    step(w, sweep);
    pass(w, 1);
  }
  assert_int_equal(snapshot_rows(w->snapshot, RELATION_GAPS), 1);
  assert_int_equal(snapshot_int(w->snapshot, RELATION_GAPS, GAPS_COUNT, 0), 4);
  assert_int_equal(snapshot_int(w->snapshot, RELATION_GAPS, GAPS_UNTIL, 0), VALUE_UNKNOWN);
  assert_string_equal(snapshot_text(w->snapshot, RELATION_GAPS, GAPS_TARGET, 0), "shop:42");
  step(w, mailbox(w, 0, 0, 0));
  assert_true(snapshot_int(w->snapshot, RELATION_GAPS, GAPS_UNTIL, 0) > 0);
}

static void what_cannot_be_counted_further_stays_at_the_most(void **context)
{
  struct world *w = *context;

  tick_gap(w->state, 0, "lost", 1000, VALUE_UNKNOWN, INT64_MAX);
  tick_gap(w->state, 0, "lost", 1000, VALUE_UNKNOWN, 2);
  for (unsigned source = SOURCE_TAG_HOOK; source <= SOURCE_TAG_BEAM; source++) {
    struct sweep *sweep = read_source(w, TARGET, (enum source_tag)source, SWEEP_FULL);

    sweep->target.lost_count = INT64_MAX;
    step(w, sweep);
  }
  assert_int_equal(snapshot_int(w->snapshot, RELATION_GAPS, GAPS_COUNT, 0), INT64_MAX);
  assert_int_equal(snapshot_int(w->snapshot, RELATION_TARGETS, TARGETS_LOST, 0), INT64_MAX);
}

static void gaps_are_bounded_and_what_ended_long_ago_goes_first(void **context)
{
  struct world *w = *context;
  char reason[32];

  tick_gap(w->state, 0, "it lasts", 1000, VALUE_UNKNOWN, VALUE_UNKNOWN);
  for (int i = 0; i < 2000; i++) {
    (void)snprintf(reason, sizeof(reason), "reason %04d", i);
    tick_gap(w->state, 0, reason, 1000, 2000 + i * 1000, 1);
  }
  step(w, NULL);
  assert_int_equal(snapshot_rows(w->snapshot, RELATION_GAPS), 1024);
  assert_string_equal(snapshot_text(w->snapshot, RELATION_GAPS, GAPS_REASON, 0), "it lasts");
  assert_string_equal(snapshot_text(w->snapshot, RELATION_GAPS, GAPS_REASON, 1), "reason 0977");
  assert_int_equal(snapshot_int(w->snapshot, RELATION_GAPS, GAPS_TARGET_KEY, 0), VALUE_UNKNOWN);
}

static void a_target_can_be_forgotten_at_once(void **context)
{
  struct world *w = *context;

  step(w, mailbox(w, 7, 100, 93));
  tick_forget(w->state, TARGET);
  tick_forget(w->state, TARGET);
  step(w, NULL);
  assert_int_equal(snapshot_rows(w->snapshot, RELATION_TARGETS), 0);
  assert_int_equal(snapshot_rows(w->snapshot, RELATION_ACTORS), 0);
  step(w, read_round(w)); /* was on its way: brings nobody back */
  assert_int_equal(snapshot_rows(w->snapshot, RELATION_TARGETS), 0);
}

static void messages_that_nobody_takes_are_timed(void **context)
{
  struct world *w = *context;

  for (int i = 0; i < 3; i++) {
    struct sweep *sweep = mailbox(w, 4, 10 + i, 6);

    sweep->actors[0].state = ACTOR_RECEIVE;
    step(w, sweep);
    assert_true(actor_int(w, KEY(1), ACTORS_UNMATCHED_MS) == (i ? i * 1000 : VALUE_UNKNOWN));
    pass(w, 1);
  }
  {
    struct sweep *sweep = mailbox(w, 4, 13, 7);

    sweep->actors[0].state = ACTOR_RECEIVE; /* one was taken */
    step(w, sweep);
    assert_int_equal(actor_int(w, KEY(1), ACTORS_UNMATCHED_MS), VALUE_UNKNOWN);
  }
}

static void targets_are_named_for_people(void **context)
{
  struct world *w = *context;
  struct sweep *a = read_source(w, TARGET, SOURCE_TAG_BEAM, SWEEP_FULL);
  struct sweep *b = read_source(w, TARGET_KEY(101, 43), SOURCE_TAG_BEAM, SWEEP_FULL);

  a->target.unique_name = b->target.unique_name = true;
  b->target.name = sweep_add_text(b, "rabbit@a", 8);
  step2(w, a, b);
  assert_string_equal(snapshot_text(w->snapshot, RELATION_TARGETS, TARGETS_TARGET, 0), "shop");
  assert_string_equal(snapshot_text(w->snapshot, RELATION_TARGETS, TARGETS_TARGET, 1), "rabbit@a");
  b = read_source(w, TARGET_KEY(101, 43), SOURCE_TAG_BEAM, SWEEP_FULL);
  b->target.unique_name = true; /* both are called shop now */
  step(w, b);
  assert_string_equal(snapshot_text(w->snapshot, RELATION_TARGETS, TARGETS_TARGET, 1), "shop:43");
}

/* --- waits --- */

/* 1 -> 2 -> 1 with the call numbers given, and 3 behind. */
static struct sweep *circle(struct sweep *sweep, uint64_t first, uint64_t second)
{
  (void)calls(sweep, KEY(1), KEY(2), first);
  (void)calls(sweep, KEY(2), KEY(1), second);
  (void)calls(sweep, KEY(3), KEY(2), 1);
  return sweep;
}

static void a_circle_is_suspected_then_confirmed_by_the_second_round(void **context)
{
  struct world *w = *context;

  step(w, circle(read_full(w), 1, 1));
  expect_verdict(w, KEY(1), "deadlock", "suspected");
  expect_verdict(w, KEY(3), "victim", "suspected");
  assert_int_equal(actor_int(w, KEY(1), ACTORS_BEHIND), 2);
  assert_string_equal(actor_text(w, KEY(3), ACTORS_WAITS_FOR), "a2");
  pass(w, 0.1);
  assert_true(round_changes(w, circle(read_round(w), 1, 1)));
  step(w, NULL);
  expect_verdict(w, KEY(1), "deadlock", "confirmed");
  expect_verdict(w, KEY(3), "victim", "confirmed");
  pass(w, 0.1);
  assert_false(round_changes(w, circle(read_round(w), 1, 1)));
}

static void exclusive_waits_make_it_proven(void **context)
{
  struct world *w = *context;

  for (int i = 0; i < 2; i++) {
    struct sweep *sweep = circle(read_full(w), 1, 1);

    sweep->waits[0].exclusive = sweep->waits[1].exclusive = true;
    step(w, sweep);
    expect_verdict(w, KEY(1), "deadlock", i ? "proven" : "suspected");
    pass(w, 1);
  }
}

static void a_second_call_to_the_same_callee_starts_anew(void **context)
{
  struct world *w = *context;
  int64_t first;

  step(w, circle(read_full(w), 1, 1));
  first = snapshot_int(w->snapshot, RELATION_WAITS, WAITS_WAIT, wait_of(w, KEY(1)));
  for (uint64_t call = 2; call < 6; call++) {
    pass(w, 0.1);
    assert_false(round_changes(w, circle(read_round(w), call, 1)));
  }
  step(w, NULL);
  expect_verdict(w, KEY(1), "deadlock", "suspected");
  assert_int_not_equal(snapshot_int(w->snapshot, RELATION_WAITS, WAITS_WAIT, wait_of(w, KEY(1))),
                       first);
}

/* The halves of the circle never hold at one time: each read sees the old call of one and a new
 * call of the other. */
/* a needs b and c, b needs a; c runs until it needs a, too. */
static struct sweep *read_growing(struct sweep *sweep, bool grown)
{
  struct sweep_wait *first = calls(sweep, KEY(1), KEY(2), 1);

  first->exclusive = true;
  first->holder_count = 2;
  sweep_add_holder(sweep)->actor = KEY(3);
  calls(sweep, KEY(2), KEY(1), 1)->exclusive = true;
  if (grown)
    calls(sweep, KEY(3), KEY(1), 1)->exclusive = true;
  else
    has_actor(sweep, KEY(3), ACTOR_RUNNING);
  return sweep;
}

static void a_circle_that_grows_stays_as_sure_as_it_was(void **context)
{
  struct world *w = *context;

  step(w, read_growing(read_full(w), false));
  pass(w, 0.1);
  assert_true(round_changes(w, read_growing(read_round(w), false)));
  step(w, NULL);
  expect_verdict(w, KEY(1), "deadlock", "proven");
  expect_verdict(w, KEY(2), "deadlock", "proven");
  pass(w, 0.1);
  assert_false(round_changes(w, read_growing(read_round(w), true)));
  step(w, NULL);
  expect_verdict(w, KEY(1), "deadlock", "proven");
  expect_verdict(w, KEY(3), "victim", "proven");
  pass(w, 0.1);
  assert_true(round_changes(w, read_growing(read_round(w), true)));
  step(w, NULL);
  expect_verdict(w, KEY(1), "deadlock", "proven");
  expect_verdict(w, KEY(3), "deadlock", "proven");
}

/* A circle with timeouts whose first member could, or could not, be read. */
static struct sweep *timed_circle(const struct world *w, bool readable)
{
  struct sweep *sweep = read_full(w);

  calls(sweep, KEY(1), KEY(2), 1)->timeout = TIMEOUT_SOME;
  calls(sweep, KEY(2), KEY(1), 1)->timeout = TIMEOUT_SOME;
  if (!readable)
    sweep->actors[0].state = ENUM_UNKNOWN;
  return sweep;
}

static void a_timed_circle_that_was_not_seen_for_a_tick_has_not_come_back(void **context)
{
  struct world *w = *context;

  for (int i = 0; i < 12; i++) {
    step(w, timed_circle(w, i % 3 != 2));
    pass(w, 0.1);
  }
  expect_verdict(w, KEY(1), "free", "unknown");
  assert_int_equal(snapshot_rows(w->snapshot, RELATION_ALERTS), 1);
  assert_int_equal(snapshot_enum(w->snapshot, RELATION_ALERTS, ALERTS_SEVERITY, 0),
                   SEVERITY_WARNING);
}

static void a_phantom_circle_is_never_confirmed(void **context)
{
  struct world *w = *context;

  step(w, circle(read_full(w), 1, 1));
  for (uint64_t i = 1; i < 20; i++) {
    pass(w, 0.1);
    (void)round_changes(w, circle(read_round(w), 1 + (i + 1) / 2, 1 + i / 2));
    step(w, NULL);
    expect_verdict(w, KEY(1), "deadlock", "suspected");
  }
}

static void a_changed_holder_starts_anew(void **context)
{
  struct world *w = *context;
  struct sweep *sweep;

  step(w, circle(read_full(w), 1, 1));
  pass(w, 0.1);
  sweep = read_round(w); /* the call of 2 was handed on to 3 */
  (void)calls(sweep, KEY(1), KEY(2), 1);
  (void)calls(sweep, KEY(2), KEY(3), 1);
  (void)calls(sweep, KEY(3), KEY(2), 1);
  assert_true(round_changes(w, sweep));
  step(w, NULL);
  expect_verdict(w, KEY(3), "deadlock", "suspected");
  expect_verdict(w, KEY(1), "victim", "suspected");
  pass(w, 0.1);
  sweep = read_round(w);
  has_actor(sweep, KEY(3), ACTOR_RUNNING);
  assert_true(round_changes(w, sweep));
  step(w, NULL);
  expect_verdict(w, KEY(1), "free", "unknown");
}

static void a_recycled_slot_is_another_holder(void **context)
{
  struct world *w = *context;
  struct sweep *sweep = read_full(w);
  uint64_t old = KEY(7u << 24 | 5), young = KEY(8u << 24 | 5); /* generation above the slot */

  (void)calls(sweep, KEY(1), old, 1);
  (void)calls(sweep, young, KEY(1), 1);
  step(w, sweep);
  expect_verdict(w, KEY(1), "free", "unknown");
  assert_null(snapshot_text(w->snapshot, RELATION_WAITS, WAITS_HOLDER_NAME, wait_of(w, KEY(1))));
}

static void a_run_between_two_reads_starts_anew(void **context)
{
  struct world *w = *context;

  for (uint64_t i = 1; i < 5; i++) {
    struct sweep *sweep = circle(read_full(w), 1, 1);

    for (size_t k = 0; k < sweep->wait_count; k++)
      sweep->waits[k].run_count = i; /* the same lock, waited for once more */
    step(w, sweep);
    expect_verdict(w, KEY(1), "deadlock", "suspected");
    pass(w, 1);
  }
}

static void timeouts_and_open_waits_do_not_deadlock(void **context)
{
  struct world *w = *context;
  struct sweep *sweep = circle(read_full(w), 1, 1);

  sweep->waits[0].timeout = TIMEOUT_UNKNOWN;
  step(w, sweep);
  expect_verdict(w, KEY(1), "timed", "suspected");
  pass(w, 1);
  sweep = circle(read_full(w), 1, 1);
  sweep->waits[0].needs = NEEDS_ANY;
  sweep->waits[0].open = true;
  step(w, sweep);
  expect_verdict(w, KEY(1), "free", "unknown");
}

static void a_waiter_that_runs_does_not_wait(void **context)
{
  struct world *w = *context;
  struct sweep *sweep = circle(read_full(w), 1, 1);

  sweep->actors[0].state = ACTOR_RUNNING;
  step(w, sweep);
  expect_verdict(w, KEY(2), "free", "unknown");
  assert_int_equal(actor_int(w, KEY(1), ACTORS_BLOCKED_MS), VALUE_UNKNOWN);
}

static void only_the_innermost_wait_blocks(void **context)
{
  struct world *w = *context;
  struct sweep *sweep = circle(read_full(w), 1, 1);
  struct sweep_wait *inner = sweep_add_wait(sweep);

  *inner = sweep->waits[0];
  inner->id.lo = 9;
  inner->rank = 1;
  inner->holder_first = (uint32_t)sweep->holder_count;
  sweep_add_holder(sweep)->actor = KEY(4);
  has_actor(sweep, KEY(4), ACTOR_RUNNING);
  step(w, sweep);
  expect_verdict(w, KEY(2), "free", "unknown");
  assert_string_equal(actor_text(w, KEY(1), ACTORS_WAITS_FOR), "a4");
}

static void a_wait_nobody_can_end_is_stuck(void **context)
{
  struct world *w = *context;

  for (int i = 0; i < 2; i++) {
    struct sweep *sweep = read_full(w);

    calls(sweep, KEY(1), KEY(2), 1)->holder_count = 0;
    step(w, sweep);
    expect_verdict(w, KEY(1), "stuck", i ? "confirmed" : "suspected");
    assert_int_equal(snapshot_int(w->snapshot, RELATION_WAITS, WAITS_HOLDER, wait_of(w, KEY(1))),
                     VALUE_UNKNOWN);
    pass(w, 1);
  }
}

static void the_time_of_a_wait_goes_on_from_when_it_was_first_seen(void **context)
{
  struct world *w = *context;

  step(w, circle(read_full(w), 1, 1));
  pass(w, 5);
  step(w, circle(read_full(w), 1, 1));
  assert_int_equal(actor_int(w, KEY(1), ACTORS_BLOCKED_MS), 5000);
  assert_int_equal(snapshot_int(w->snapshot, RELATION_WAITS, WAITS_BLOCKED_MS, wait_of(w, KEY(1))),
                   5000);
}

static void a_core_is_an_edge_with_both_ends_in_it(void **context)
{
  struct world *w = *context;

  step(w, circle(read_full(w), 1, 1));
  assert_int_equal(snapshot_int(w->snapshot, RELATION_WAITS, WAITS_CORE, wait_of(w, KEY(1))), 0);
  assert_int_equal(snapshot_int(w->snapshot, RELATION_WAITS, WAITS_CORE, wait_of(w, KEY(3))),
                   VALUE_UNKNOWN);
  assert_int_equal(snapshot_int(w->snapshot, RELATION_TARGETS, TARGETS_BLOCKED, 0), 3);
}

/* Two processes, each of which says that its actor waits for one of the other. */
static void edges_between_processes_count_within_one_user(void **context)
{
  struct world *w = *context;

  for (int other_user = 0; other_user <= 1; other_user++) {
    struct sweep *a = read_full(w);
    struct sweep *b = read_source(w, TARGET_KEY(101, 43), SOURCE_TAG_HOOK, SWEEP_FULL);

    (void)calls(a, KEY(1), KEY(2), 1);
    a->holders[0].target = b->target_key;
    (void)calls(b, KEY(2), KEY(1), 1);
    b->holders[0].target = a->target_key;
    b->target.uid += other_user;
    step2(w, a, b);
    assert_string_equal(word_of(w, KEY(1), WAITS_VERDICT), other_user ? "free" : "deadlock");
    pass(w, 1);
  }
}

/* --- pools and threads --- */

/* A pool of two threads: 1 and 2 have them and wait for 3, which is runnable and has none. */
static struct sweep *starving_pool(const struct world *w, int64_t threads)
{
  struct sweep *sweep = read_full(w);
  struct sweep_actor *actor;

  for (uint64_t i = 1; i <= 2; i++) {
    (void)calls(sweep, KEY(i), KEY(3), 1);
    sweep->actors[i - 1].tid = (uint32_t)(100 + i);
    sweep->actors[i - 1].pool = KEY(9);
  }
  actor = has_actor(sweep, KEY(3), ACTOR_RUNNABLE);
  actor->pool = KEY(9);
  actor = has_actor(sweep, KEY(9), ENUM_UNKNOWN);
  actor->kind = ACTOR_KIND_POOL;
  actor->capacity = threads;
  actor->flags |= SWEEP_ACTOR_POOL_SIZE;
  return sweep;
}

/* 3 is runnable: its open list of nobody, of however high a rank, is none that it waits by. */
static struct sweep *with_left_over_wait(struct sweep *sweep)
{
  struct sweep_wait *wait = sweep_add_wait(sweep);

  wait->waiter = KEY(3);
  wait->rank = UINT8_MAX;
  return sweep;
}

/* A crash dump: it is one read, and the target is gone. */
static void what_is_of_one_instant_needs_no_second_read(void **context)
{
  struct world *w = *context;
  struct sweep *sweep = read_full(w);

  sweep->instant = true;
  sweep->target.state = TARGET_GONE;
  calls(sweep, KEY(1), KEY(2), 1);
  calls(sweep, KEY(2), KEY(1), 1);
  step(w, sweep);
  expect_verdict(w, KEY(1), "deadlock", "confirmed");
  assert_int_equal(snapshot_int(w->snapshot, RELATION_WAITS, WAITS_BLOCKED_MS, 0), VALUE_UNKNOWN);
  assert_int_equal(snapshot_int(w->snapshot, RELATION_ACTORS, ACTORS_BLOCKED_MS, 0), VALUE_UNKNOWN);
  pass(w, 3);
  step(w, NULL);
  expect_verdict(w, KEY(2), "deadlock", "confirmed");
}

static void a_pool_whose_workers_wait_for_it_is_a_deadlock(void **context)
{
  struct world *w = *context;

  for (int i = 0; i < 2; i++) {
    step(w, starving_pool(w, 2));
    expect_verdict(w, KEY(1), "deadlock", i ? "confirmed" : "suspected");
    expect_verdict(w, KEY(3), "deadlock", i ? "confirmed" : "suspected");
    expect_verdict(w, KEY(9), "deadlock", i ? "confirmed" : "suspected");
    assert_string_equal(word_of(w, KEY(3), WAITS_VIA), "pool");
    pass(w, 1);
  }
  step(w, with_left_over_wait(starving_pool(w, 2)));
  expect_verdict(w, KEY(1), "deadlock", "confirmed");
  step(w, starving_pool(w, 3)); /* a third thread is there */
  expect_verdict(w, KEY(3), "free", "unknown");
}

static void a_pool_is_confirmed_by_rounds_that_read_its_workers_only(void **context)
{
  struct world *w = *context;
  struct sweep *sweep;

  step(w, starving_pool(w, 2));
  pass(w, 0.1);
  sweep = starving_pool(w, 2);
  sweep->kind = SWEEP_ROUND;
  assert_true(round_changes(w, sweep));
  step(w, NULL);
  expect_verdict(w, KEY(3), "deadlock", "confirmed");
  pass(w, 0.1);
  sweep = read_round(w); /* 1 lets its thread go */
  has_actor(sweep, KEY(1), ACTOR_RECEIVE)->pool = KEY(9);
  assert_true(round_changes(w, sweep));
  step(w, NULL);
  expect_verdict(w, KEY(3), "free", "unknown");
}

/* Thread 101 waits for a lock of thread 102; `ran` changes when it has run in between. */
static struct sweep *threads_of(const struct world *w, uint64_t ran)
{
  struct sweep *sweep = read_source(w, TARGET, SOURCE_TAG_THREAD, SWEEP_FULL);
  struct sweep_wait *wait = calls(sweep, THREAD(101), THREAD(102), 1);

  wait->via = VIA_LOCK;
  wait->run_count = ran;
  wait->exclusive = true;
  sweep->actors[0].tid = 101;
  has_actor(sweep, THREAD(102), ACTOR_RUNNING)->tid = 102;
  return sweep;
}

/* Actor 1 is on thread 101; actor 2, on thread 102, calls actor 1. */
static struct sweep *actors_on_threads(const struct world *w)
{
  struct sweep *hook = read_full(w);

  has_actor(hook, KEY(1), ACTOR_RUNNING)->tid = 101;
  calls(hook, KEY(2), KEY(1), 1)->exclusive = true;
  hook->actors[1].tid = 102;
  return hook;
}

static bool has_wait(const struct world *w, uint64_t waiter)
{
  const int64_t *waiters = snapshot_ints(w->snapshot, RELATION_WAITS, WAITS_WAITER);

  for (uint32_t i = 0; i < snapshot_rows(w->snapshot, RELATION_WAITS); i++)
    if (waiters[i] == (int64_t)waiter)
      return true;
  return false;
}

/* The threads are read, the actors, and the threads again. */
static void read_threads_twice(struct world *w)
{
  step(w, threads_of(w, 7));
  pass(w, 0.1);
  step(w, actors_on_threads(w));
  pass(w, 0.1);
  step(w, threads_of(w, 7));
}

static void an_actor_and_its_thread_are_one_node(void **context)
{
  struct world *w = *context;

  step(w, threads_of(w, 7));
  pass(w, 0.1);
  step(w, actors_on_threads(w)); /* nobody knows yet that 101 still waited */
  assert_true(has_wait(w, THREAD(101)));
  expect_verdict(w, KEY(2), "free", "unknown");
  pass(w, 0.1);
  step(w, threads_of(w, 7)); /* it did: whoever was on it then is on it */
  expect_verdict(w, KEY(2), "deadlock", "suspected");
  expect_verdict(w, KEY(1), "deadlock", "suspected");
  pass(w, 0.1);
  step(w, actors_on_threads(w)); /* the call is the same as well */
  expect_verdict(w, KEY(2), "deadlock", "confirmed");
  pass(w, 0.1);
  step(w, threads_of(w, 7)); /* and nobody else was on 102 while 101 waited for it and 2 called */
  expect_verdict(w, KEY(2), "deadlock", "proven");
  expect_verdict(w, KEY(1), "deadlock", "proven");
  pass(w, 0.1);
  step(w, actors_on_threads(w));
  expect_verdict(w, KEY(2), "deadlock", "proven");
}

static void what_a_joined_thread_waits_for_is_told_once(void **context)
{
  struct world *w = *context;
  uint32_t wait;

  read_threads_twice(w);
  wait = wait_of(w, KEY(1));
  assert_false(has_wait(w, THREAD(101)));
  assert_int_equal(snapshot_rows(w->snapshot, RELATION_WAITS), 2);
  assert_int_equal(snapshot_int(w->snapshot, RELATION_WAITS, WAITS_HOLDER, wait), KEY(2));
  assert_string_equal(snapshot_text(w->snapshot, RELATION_WAITS, WAITS_WAITER_NAME, wait), "a1");
  assert_string_equal(snapshot_text(w->snapshot, RELATION_WAITS, WAITS_HOLDER_NAME, wait), "a2");
  assert_string_equal(actor_text(w, KEY(1), ACTORS_WAITS_FOR), "a2");
  assert_int_equal(actor_int(w, KEY(1), ACTORS_BEHIND), 1);
  assert_int_equal(snapshot_enum(w->snapshot, RELATION_ACTORS, ACTORS_STATE, row_of(w, KEY(1))),
                   ACTOR_BLOCKED);
  assert_int_equal(actor_int(w, THREAD(101), ACTORS_BEHIND), 0);
  assert_int_equal(actor_int(w, THREAD(101), ACTORS_BLOCKED_MS), VALUE_UNKNOWN);
  assert_null(actor_text(w, THREAD(101), ACTORS_WAITS_FOR));
  assert_string_equal(snapshot_text(w->snapshot, RELATION_TARGETS, TARGETS_RUNTIME, 0),
                      "source2+source4");
  assert_int_equal(snapshot_int(w->snapshot, RELATION_TARGETS, TARGETS_ACTORS, 0), 2);
  assert_int_equal(snapshot_int(w->snapshot, RELATION_TARGETS, TARGETS_BLOCKED, 0), 2);
}

static void a_thread_that_sleeps_runs_the_same_actor_all_the_while(void **context)
{
  struct world *w = *context;

  read_threads_twice(w);
  for (int i = 0; i < 3; i++) { /* the actors are not read any more */
    pass(w, 1);
    step(w, threads_of(w, 7));
    assert_true(has_wait(w, KEY(1)));
  }
  pass(w, 1);
  step(w, threads_of(w, 8)); /* it has run: it may have taken up another */
  assert_false(has_wait(w, KEY(1)));
  assert_true(has_wait(w, THREAD(101)));
}

static void an_actor_read_before_its_thread_began_to_wait_is_not_joined(void **context)
{
  struct world *w = *context;
  struct sweep *hook;

  step(w, actors_on_threads(w));
  for (int i = 0; i < 3; i++) {
    pass(w, 0.1);
    step(w, threads_of(w, 7));
    assert_true(has_wait(w, THREAD(101)));
    expect_verdict(w, KEY(2), "free", "unknown");
  }
  pass(w, 0.1);
  hook = read_full(w); /* indeed: 101 runs 3 */
  has_actor(hook, KEY(1), ACTOR_RECEIVE);
  calls(hook, KEY(2), KEY(1), 1);
  hook->actors[1].tid = 102;
  has_actor(hook, KEY(3), ACTOR_RUNNING)->tid = 101;
  step(w, hook);
  pass(w, 0.1);
  step(w, threads_of(w, 7));
  assert_true(has_wait(w, KEY(3)));
  assert_false(has_wait(w, KEY(1)));
  expect_verdict(w, KEY(2), "free", "unknown");
}

/* As where each source is read by a thread of its own. */
static void reads_that_overlap_are_joined_by_the_read_before(void **context)
{
  struct world *w = *context;

  step2(w, actors_on_threads(w), threads_of(w, 7));
  pass(w, 0.1);
  step2(w, actors_on_threads(w), threads_of(w, 7));
  assert_true(has_wait(w, THREAD(101)));
  pass(w, 0.1);
  step2(w, actors_on_threads(w), threads_of(w, 7));
  expect_verdict(w, KEY(1), "deadlock", "confirmed");
}

static void of_two_actors_on_a_thread_the_one_that_does_not_wait_is_the_innermost(void **context)
{
  struct world *w = *context;

  for (int i = 0; i < 4; i++, pass(w, 0.1)) {
    struct sweep *hook = actors_on_threads(w);

    calls(hook, KEY(3), KEY(1), 2); /* on the same thread, put aside in a call to 1 */
    hook->actors[2].tid = 101;
    step2(w, hook, threads_of(w, 7));
  }
  expect_verdict(w, KEY(1), "deadlock", "confirmed");
  expect_verdict(w, KEY(3), "victim", "confirmed");
  for (int i = 0; i < 3; i++, pass(w, 0.1)) {
    struct sweep *hook = actors_on_threads(w);

    has_actor(hook, KEY(3), ACTOR_RUNNING)->tid = 101; /* who of them? */
    step2(w, hook, threads_of(w, 9));
  }
  assert_false(has_wait(w, KEY(1)));
  assert_false(has_wait(w, KEY(3)));
  assert_true(has_wait(w, THREAD(101)));
}

/* 1 calls 3, which runs; its thread waits for a lock that the thread of 2 has, which calls 1. */
static struct sweep *actors_in_calls(const struct world *w)
{
  struct sweep *hook = read_full(w);

  (void)calls(hook, KEY(1), KEY(3), 1);
  hook->actors[0].tid = 101;
  (void)calls(hook, KEY(2), KEY(1), 1);
  hook->actors[1].tid = 102;
  has_actor(hook, KEY(3), ACTOR_RUNNING);
  return hook;
}

static void an_open_call_of_the_actor_overrides_its_threads_wait(void **context)
{
  struct world *w = *context;

  for (int i = 0; i < 3; i++, pass(w, 0.1))
    step2(w, actors_in_calls(w), threads_of(w, 7));
  assert_int_equal(snapshot_rows(w->snapshot, RELATION_WAITS), 3);
  for (uint32_t i = 0; i < 3; i++) {
    assert_int_equal(snapshot_enum(w->snapshot, RELATION_WAITS, WAITS_VERDICT, i), VERDICT_FREE);
    assert_int_equal(snapshot_int(w->snapshot, RELATION_WAITS, WAITS_CORE, i), VALUE_UNKNOWN);
  }
}

/* The lock within a table: the program tells who waits for the table, the thread that it does. */
static void the_lock_within_a_table_is_not_told_beside_the_table(void **context)
{
  struct world *w = *context;

  for (int i = 0; i < 3; i++, pass(w, 0.1)) {
    struct sweep *hook = read_full(w);

    calls(hook, KEY(1), KEY(2), 1)->via = VIA_LOCK;
    hook->actors[0].tid = 101;
    has_actor(hook, KEY(2), ACTOR_RUNNING)->tid = 102;
    step2(w, hook, threads_of(w, 7));
  }
  assert_int_equal(snapshot_rows(w->snapshot, RELATION_WAITS), 1);
  assert_true(has_wait(w, KEY(1)));
  assert_int_equal(actor_int(w, KEY(2), ACTORS_BEHIND), 1);
  assert_int_equal(actor_int(w, THREAD(102), ACTORS_BEHIND), 0);
}

/* Two threads that have each other's locks stay found, whatever their actors are about. */
static void an_open_call_does_not_hide_a_deadlock_of_threads(void **context)
{
  struct world *w = *context;

  for (int i = 0; i < 3; i++, pass(w, 0.1)) {
    struct sweep *threads = read_source(w, TARGET, SOURCE_TAG_THREAD, SWEEP_FULL);

    for (uint32_t n = 0; n < 2; n++) {
      calls(threads, THREAD(101 + n), THREAD(102 - n), 1 + n)->exclusive = true;
      threads->actors[n].tid = 101 + n;
    }
    step2(w, actors_in_calls(w), threads);
  }
  expect_verdict(w, THREAD(101), "deadlock", "proven");
  expect_verdict(w, THREAD(102), "deadlock", "proven");
  expect_verdict(w, KEY(1), "free", "unknown");
}

/* A worker that helps while it waits: who waits for what it has locked does not wait for the call. */
static void who_is_taken_up_within_a_call_is_on_the_thread(void **context)
{
  struct world *w = *context;

  read_threads_twice(w);
  pass(w, 0.1);
  for (int i = 0; i < 3; i++, pass(w, 0.1)) {
    struct sweep *hook = actors_on_threads(w);

    has_actor(hook, KEY(3), ACTOR_RUNNING)->tid = 102;
    step2(w, hook, threads_of(w, 7));
    expect_verdict(w, KEY(1), "free", "unknown");
    expect_verdict(w, KEY(2), "free", "unknown");
  }
}

/* --- names, tables --- */

static void a_name_that_changes_hands_is_told(void **context)
{
  struct world *w = *context;

  for (uint64_t bearer = 1; bearer <= 3; bearer++) {
    struct sweep *sweep = read_full(w);
    struct sweep_actor *actor = has_actor(sweep, KEY(bearer), ACTOR_RUNNING);

    actor->flags = SWEEP_ACTOR_REGISTERED;
    actor->name = sweep_add_text(sweep, "logger", 6);
    step(w, sweep);
    assert_int_equal(snapshot_rows(w->snapshot, RELATION_NAMES), bearer > 1);
    pass(w, 1);
  }
  assert_string_equal(snapshot_text(w->snapshot, RELATION_NAMES, NAMES_NAME, 0), "logger");
  assert_int_equal(snapshot_int(w->snapshot, RELATION_NAMES, NAMES_FROM_ACTOR, 0), KEY(2));
  assert_int_equal(snapshot_int(w->snapshot, RELATION_NAMES, NAMES_TO_ACTOR, 0), KEY(3));
  assert_int_equal(snapshot_int(w->snapshot, RELATION_NAMES, NAMES_CHANGES, 0), 2);
}

static void tables_tell_the_share_of_time(void **context)
{
  struct world *w = *context;

  for (int i = 0; i < 2; i++) {
    struct sweep *sweep = read_full(w);
    struct sweep_table *table = sweep_add_table(sweep);

    has_actor(sweep, KEY(1), ACTOR_RUNNING);
    table->key = 5;
    table->owner = KEY(1);
    table->wait_ns = i * 250000000ll;
    table->contended_count = 100 + i * 30;
    step(w, sweep);
    pass(w, 1);
  }
  assert_int_equal(snapshot_int(w->snapshot, RELATION_TABLES, TABLES_WAIT_PERMILLE, 0), 250);
  assert_int_equal(snapshot_int(w->snapshot, RELATION_TABLES, TABLES_HELD_PERMILLE, 0),
                   VALUE_UNKNOWN);
  assert_true(snapshot_real(w->snapshot, RELATION_TABLES, TABLES_CONTENDED_PER_S, 0) == 30);
  assert_string_equal(snapshot_text(w->snapshot, RELATION_TABLES, TABLES_OWNER_NAME, 0), "a1");
}

static void the_call_graph_counts_waits_not_sights(void **context)
{
  struct world *w = *context;

  for (uint64_t call = 1; call <= 2; call++)
    for (int sight = 0; sight < 3; sight++) {
      struct sweep *sweep = read_full(w);

      (void)calls(sweep, KEY(1), KEY(2), call);
      has_actor(sweep, KEY(2), ACTOR_RUNNING);
      step(w, sweep);
      pass(w, 1);
    }
  assert_int_equal(snapshot_rows(w->snapshot, RELATION_CALL_GRAPH), 1);
  assert_int_equal(snapshot_int(w->snapshot, RELATION_CALL_GRAPH, CALL_GRAPH_EPISODES, 0), 2);
  assert_int_equal(snapshot_int(w->snapshot, RELATION_CALL_GRAPH, CALL_GRAPH_LAST_SEEN, 0) -
                       snapshot_int(w->snapshot, RELATION_CALL_GRAPH, CALL_GRAPH_FIRST_SEEN, 0),
                   5);
}

/* --- parts --- */

static struct sweep *read_part(const struct world *w)
{
  return read_source(w, TARGET, SOURCE_TAG_HOOK, SWEEP_PART);
}

static struct sweep_actor *has_depth(struct sweep *sweep, uint64_t key, int64_t depth, int64_t work)
{
  struct sweep_actor *actor = has_actor(sweep, key, ACTOR_RUNNING);

  actor->depth = depth;
  actor->work_count = work;
  return actor;
}

static bool has_row(const struct world *w, uint64_t actor)
{
  uint32_t row;

  return snapshot_find_actor(w->snapshot, (int64_t)TARGET, (int64_t)actor, &row) == 0;
}

static void a_part_counts_for_rates_and_leaves_the_rest_as_it_was(void **context)
{
  struct world *w = *context;
  struct sweep *sweep = read_full(w);

  has_depth(sweep, KEY(1), 10, 0);
  has_depth(sweep, KEY(2), 20, 100);
  step(w, sweep);
  for (int i = 1; i <= 3; i++) {
    pass(w, 1);
    sweep = read_part(w);
    has_depth(sweep, KEY(2), 20 + 5 * i, 100 + 1000 * i);
    step(w, sweep);
  }
  assert_int_equal(actor_int(w, KEY(1), ACTORS_DEPTH), 10);
  assert_int_equal(actor_int(w, KEY(1), ACTORS_AGE_MS), 3000);
  assert_int_equal(actor_int(w, KEY(2), ACTORS_DEPTH), 35);
  assert_int_equal(actor_int(w, KEY(2), ACTORS_AGE_MS), 0);
  assert_true(actor_real(w, KEY(2), ACTORS_GROWTH_PER_S) == 5);
  assert_true(actor_real(w, KEY(2), ACTORS_WORK_PER_S) == 1000);
  assert_int_equal(actor_int(w, KEY(2), ACTORS_DEPTH_TREND), 0x5556);
  pass(w, 1); /* the rates of the full sweep start where each row was read last */
  sweep = read_full(w);
  has_depth(sweep, KEY(1), 18, 0);
  has_depth(sweep, KEY(2), 38, 4100);
  step(w, sweep);
  assert_true(actor_real(w, KEY(1), ACTORS_GROWTH_PER_S) == 2);
  assert_true(actor_real(w, KEY(2), ACTORS_GROWTH_PER_S) == 3);
}

/* A full sweep that takes 900 ms reads a row at its begin or at its end: nobody can tell, so its rate
 * is left to parts. */
static void a_long_full_sweep_does_not_rate_what_parts_rate(void **context)
{
  struct world *w = *context;

  for (int i = 0; i <= 6; i++) {
    bool full = i % 3 == 0;
    struct sweep *sweep = full ? read_full(w) : read_part(w);

    if (full)
      sweep->begin_ns = w->now_ns - 9 * SECOND / 10;
    has_depth(sweep, KEY(1), 100 * i + (full ? 10 : 100), 0);
    if (full)
      has_depth(sweep, KEY(2), 100 * i, 0);
    step(w, sweep);
    if (i >= 2)
      assert_true(actor_real(w, KEY(1), ACTORS_GROWTH_PER_S) == 100);
    if (i >= 3)
      assert_true(actor_real(w, KEY(2), ACTORS_GROWTH_PER_S) == 100);
    pass(w, 1);
  }
  for (int i = 7; i <= 16; i++, pass(w, 1)) { /* it has cooled: full sweeps rate it again */
    struct sweep *sweep = read_full(w);

    sweep->begin_ns = w->now_ns - 9 * SECOND / 10;
    has_depth(sweep, KEY(1), 600, 0);
    step(w, sweep);
  }
  assert_true(actor_real(w, KEY(1), ACTORS_GROWTH_PER_S) == 0);
}

static void a_part_brings_the_young_and_takes_the_gone(void **context)
{
  struct world *w = *context;
  struct sweep *sweep = read_full(w);

  for (uint64_t i = 2; i <= 8; i += 2)
    has_depth(sweep, KEY(i), (int64_t)i, 0);
  step(w, sweep);
  pass(w, 1);
  sweep = read_part(w);
  has_depth(sweep, KEY(1), 1, 0);
  has_depth(sweep, KEY(2), 3, 0);
  has_depth(sweep, KEY(3), 3, 0);
  has_actor(sweep, KEY(4), ENUM_UNKNOWN)->flags = SWEEP_ACTOR_GONE;
  has_actor(sweep, KEY(5), ENUM_UNKNOWN)->flags = SWEEP_ACTOR_GONE; /* nobody knew it */
  has_depth(sweep, KEY(9), 9, 0);
  step(w, sweep);
  assert_int_equal(snapshot_rows(w->snapshot, RELATION_ACTORS), 6);
  assert_false(has_row(w, KEY(4)));
  assert_int_equal(actor_int(w, KEY(1), ACTORS_DEPTH), 1);
  assert_int_equal(actor_int(w, KEY(3), ACTORS_DEPTH), 3);
  assert_int_equal(actor_int(w, KEY(6), ACTORS_DEPTH), 6);
  assert_int_equal(actor_int(w, KEY(9), ACTORS_DEPTH), 9);
  assert_string_equal(actor_text(w, KEY(6), ACTORS_NAME), "a6");
  assert_string_equal(actor_text(w, KEY(9), ACTORS_NAME), "a9");
  assert_true(actor_real(w, KEY(2), ACTORS_GROWTH_PER_S) == 1);
  assert_true(isnan(actor_real(w, KEY(9), ACTORS_GROWTH_PER_S)));
}

/* The circle closes between two full sweeps, of actors that are younger than the last. */
static void a_circle_of_the_young_is_found_and_confirmed_by_parts(void **context)
{
  struct world *w = *context;
  struct sweep *sweep = read_full(w);

  has_actor(sweep, KEY(1), ACTOR_RUNNING);
  calls(sweep, KEY(5), KEY(1), 77);
  step(w, sweep);
  for (int i = 0; i < 2; i++) {
    pass(w, 1);
    sweep = read_part(w);
    calls(sweep, KEY(7), KEY(8), 1);
    calls(sweep, KEY(8), KEY(7), 2);
    step(w, sweep);
    expect_verdict(w, KEY(7), "deadlock", i == 0 ? "suspected" : "confirmed");
    expect_verdict(w, KEY(5), "free", "unknown"); /* it is not in the part: it waits on */
  }
  sweep = read_part(w);
  has_actor(sweep, KEY(7), ENUM_UNKNOWN)->flags = SWEEP_ACTOR_GONE;
  pass(w, 1);
  step(w, sweep);
  expect_verdict(w, KEY(8), "free", "unknown");
  assert_int_equal(snapshot_rows(w->snapshot, RELATION_WAITS), 2);
}

static void who_is_gone_in_a_round_waits_no_more(void **context)
{
  struct world *w = *context;
  struct sweep *sweep = read_full(w);

  calls(sweep, KEY(1), KEY(2), 1);
  calls(sweep, KEY(2), KEY(1), 2);
  step(w, sweep);
  pass(w, 0.1);
  sweep = read_round(w);
  has_actor(sweep, KEY(1), ENUM_UNKNOWN)->flags = SWEEP_ACTOR_GONE;
  calls(sweep, KEY(2), KEY(1), 2);
  assert_true(round_changes(w, sweep));
  step(w, NULL);
  assert_string_equal(
      snapshot_value(w->snapshot, RELATION_ACTORS, ACTORS_STATE, row_of(w, KEY(1))).text,
      "exiting");
  expect_verdict(w, KEY(2), "free", "unknown");
}

static void facts_of_the_target_are_those_of_the_newest_part(void **context)
{
  struct world *w = *context;
  struct sweep *sweep = mailbox(w, 1, 0, 0);

  sweep->target.born_count = 1000;
  sweep->target.run_queue = 3;
  sweep->target.version = sweep_add_text(sweep, "27", 2);
  step(w, sweep);
  for (int i = 1; i <= 2; i++) {
    pass(w, 1);
    sweep = read_part(w);
    sweep->target.born_count = 1000 + 50 * i;
    sweep->target.run_queue = 3 + i;
    step(w, sweep);
  }
  assert_true(snapshot_real(w->snapshot, RELATION_TARGETS, TARGETS_BORN_PER_S, 0) == 50);
  assert_int_equal(snapshot_int(w->snapshot, RELATION_TARGETS, TARGETS_RUN_QUEUE, 0), 5);
  assert_string_equal(snapshot_text(w->snapshot, RELATION_TARGETS, TARGETS_VERSION, 0), "27");
  assert_int_equal(snapshot_int(w->snapshot, RELATION_TARGETS, TARGETS_AGE_MS, 0), 0);
}

static void a_part_before_any_full_sweep_or_too_late_is_a_gap(void **context)
{
  struct world *w = *context;
  struct sweep *late = read_part(w);

  pass(w, 1);
  step(w, read_part(w));
  assert_int_equal(snapshot_rows(w->snapshot, RELATION_GAPS), 1);
  step(w, mailbox(w, 7, 0, 0));
  has_depth(late, KEY(1), 1, 0);
  step(w, late);
  assert_int_equal(actor_int(w, KEY(1), ACTORS_DEPTH), 7);
}

static void a_part_ends_no_gap_that_the_full_sweep_told(void **context)
{
  struct world *w = *context;
  struct sweep *sweep = mailbox(w, 0, 0, 0);

  sweep_add_gap(sweep)->reason = sweep_add_text(sweep, "torn", 4);
  step(w, sweep);
  pass(w, 1);
  step(w, read_part(w));
  assert_int_equal(snapshot_int(w->snapshot, RELATION_GAPS, GAPS_UNTIL, 0), VALUE_UNKNOWN);
  pass(w, 1);
  step(w, mailbox(w, 0, 0, 0));
  assert_true(snapshot_int(w->snapshot, RELATION_GAPS, GAPS_UNTIL, 0) > 0);
}

static struct sweep *with_name(struct sweep *sweep, uint64_t key, const char *name)
{
  struct sweep_actor *actor = has_actor(sweep, key, ACTOR_RUNNING);

  actor->flags |= SWEEP_ACTOR_REGISTERED;
  actor->name = sweep_add_text(sweep, name, strlen(name));
  return sweep;
}

/* Whether the part tells that the old bearer is gone or does not list it. */
static void a_name_that_changes_hands_between_full_sweeps_is_told_once(void **context)
{
  struct world *w = *context;

  for (int listed = 0; listed < 2; listed++) {
    struct sweep *sweep = with_name(read_full(w), KEY(10), "server");

    step(w, sweep);
    pass(w, 1);
    sweep = read_part(w);
    if (listed)
      has_actor(sweep, KEY(10), ENUM_UNKNOWN)->flags = SWEEP_ACTOR_GONE;
    step(w, with_name(sweep, KEY(11), "server"));
    assert_int_equal(snapshot_rows(w->snapshot, RELATION_NAMES), 1);
    assert_int_equal(snapshot_int(w->snapshot, RELATION_NAMES, NAMES_CHANGES, 0), 1);
    assert_int_equal(snapshot_int(w->snapshot, RELATION_NAMES, NAMES_FROM_ACTOR, 0), KEY(10));
    assert_int_equal(snapshot_int(w->snapshot, RELATION_NAMES, NAMES_TO_ACTOR, 0), KEY(11));
    pass(w, 1);
    step(w, with_name(read_full(w), KEY(11), "server"));
    assert_int_equal(snapshot_int(w->snapshot, RELATION_NAMES, NAMES_CHANGES, 0), 1);
    tick_forget(w->state, TARGET);
    pass(w, 1);
  }
}

static void has_table(struct sweep *sweep, uint64_t key, int64_t wait_ns)
{
  struct sweep_table *table = sweep_add_table(sweep);

  table->key = key;
  table->wait_ns = wait_ns;
  table->name = sweep_add_format(sweep, "t%llu", (unsigned long long)key);
}

static void tables_of_a_part_replace_theirs(void **context)
{
  struct world *w = *context;
  struct sweep *sweep = read_full(w);

  has_table(sweep, 1, 0);
  has_table(sweep, 3, 0);
  step(w, sweep);
  pass(w, 1);
  sweep = read_part(w);
  has_table(sweep, 2, 0);
  has_table(sweep, 3, (int64_t)SECOND / 4);
  step(w, sweep);
  assert_int_equal(snapshot_rows(w->snapshot, RELATION_TABLES), 3);
  assert_string_equal(snapshot_text(w->snapshot, RELATION_TABLES, TABLES_NAME, 1), "t2");
  assert_int_equal(snapshot_int(w->snapshot, RELATION_TABLES, TABLES_WAIT_PERMILLE, 1),
                   VALUE_UNKNOWN);
  assert_int_equal(snapshot_int(w->snapshot, RELATION_TABLES, TABLES_WAIT_PERMILLE, 2), 250);
  assert_int_equal(snapshot_int(w->snapshot, RELATION_TABLES, TABLES_AGE_MS, 0), 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(rates_come_from_two_sweeps),
      TEST(a_counter_that_went_back_is_unknown_once),
      TEST(what_was_not_swept_is_carried_forward_with_its_age),
      TEST(a_gone_target_loses_its_rows_at_once_and_goes_after_a_minute),
      TEST(rows_of_a_failing_source_go_after_a_minute_unless_it_is_stopped),
      TEST(a_malformed_sweep_is_a_gap_and_nothing_else),
      TEST(gaps_last_while_their_source_tells_them),
      TEST(what_cannot_be_counted_further_stays_at_the_most),
      TEST(gaps_are_bounded_and_what_ended_long_ago_goes_first),
      TEST(a_target_can_be_forgotten_at_once),
      TEST(messages_that_nobody_takes_are_timed),
      TEST(targets_are_named_for_people),
      TEST(a_circle_is_suspected_then_confirmed_by_the_second_round),
      TEST(exclusive_waits_make_it_proven),
      TEST(a_second_call_to_the_same_callee_starts_anew),
      TEST(a_circle_that_grows_stays_as_sure_as_it_was),
      TEST(a_timed_circle_that_was_not_seen_for_a_tick_has_not_come_back),
      TEST(a_phantom_circle_is_never_confirmed),
      TEST(a_changed_holder_starts_anew),
      TEST(a_recycled_slot_is_another_holder),
      TEST(a_run_between_two_reads_starts_anew),
      TEST(timeouts_and_open_waits_do_not_deadlock),
      TEST(a_waiter_that_runs_does_not_wait),
      TEST(only_the_innermost_wait_blocks),
      TEST(a_wait_nobody_can_end_is_stuck),
      TEST(the_time_of_a_wait_goes_on_from_when_it_was_first_seen),
      TEST(a_core_is_an_edge_with_both_ends_in_it),
      TEST(edges_between_processes_count_within_one_user),
      TEST(what_is_of_one_instant_needs_no_second_read),
      TEST(a_pool_whose_workers_wait_for_it_is_a_deadlock),
      TEST(a_pool_is_confirmed_by_rounds_that_read_its_workers_only),
      TEST(an_actor_and_its_thread_are_one_node),
      TEST(what_a_joined_thread_waits_for_is_told_once),
      TEST(a_thread_that_sleeps_runs_the_same_actor_all_the_while),
      TEST(an_actor_read_before_its_thread_began_to_wait_is_not_joined),
      TEST(reads_that_overlap_are_joined_by_the_read_before),
      TEST(of_two_actors_on_a_thread_the_one_that_does_not_wait_is_the_innermost),
      TEST(an_open_call_of_the_actor_overrides_its_threads_wait),
      TEST(the_lock_within_a_table_is_not_told_beside_the_table),
      TEST(an_open_call_does_not_hide_a_deadlock_of_threads),
      TEST(who_is_taken_up_within_a_call_is_on_the_thread),
      TEST(a_name_that_changes_hands_is_told),
      TEST(tables_tell_the_share_of_time),
      TEST(a_part_counts_for_rates_and_leaves_the_rest_as_it_was),
      TEST(a_long_full_sweep_does_not_rate_what_parts_rate),
      TEST(a_part_brings_the_young_and_takes_the_gone),
      TEST(a_circle_of_the_young_is_found_and_confirmed_by_parts),
      TEST(who_is_gone_in_a_round_waits_no_more),
      TEST(facts_of_the_target_are_those_of_the_newest_part),
      TEST(a_part_before_any_full_sweep_or_too_late_is_a_gap),
      TEST(a_part_ends_no_gap_that_the_full_sweep_told),
      TEST(a_name_that_changes_hands_between_full_sweeps_is_told_once),
      TEST(tables_of_a_part_replace_theirs),
      TEST(the_call_graph_counts_waits_not_sights),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
