/* model_thread_test.c - the thread that makes snapshots: when ticks come and what they always
 * show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/clock.h"
#include "collector/model_thread.h"

#define PATIENCE_NS (20 * CLOCK_NS_PER_S)
#define LONG_NS (1000 * CLOCK_NS_PER_S) /* no tick in turn comes within a test */

struct world {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  struct snapshot *newest;
  struct model_thread *model;
};

static void on_publish(void *context, const struct snapshot *snapshot)
{
  struct world *w = context;

  pthread_mutex_lock(&w->lock);
  snapshot_unref(w->newest);
  w->newest = snapshot_ref(snapshot);
  pthread_cond_broadcast(&w->changed);
  pthread_mutex_unlock(&w->lock);
}

static void world_init(struct world *w, uint64_t interval_ns)
{
  const struct model_thread_setup setup = {
      .interval_ns = interval_ns, .publish = on_publish, .context = w};

  memset(w, 0, sizeof(*w));
  pthread_mutex_init(&w->lock, NULL);
  pthread_cond_init(&w->changed, NULL);
  assert_int_equal(model_thread_start(&setup, &w->model), 0);
}

static void world_done(struct world *w)
{
  model_thread_stop(w->model);
  snapshot_unref(w->newest);
  pthread_cond_destroy(&w->changed);
  pthread_mutex_destroy(&w->lock);
}

/* Waits for a snapshot of at least that tick; the reference is the caller's. */
static struct snapshot *await_tick(struct world *w, uint64_t tick)
{
  struct timespec until = clock_timespec(clock_read_ns(CLOCK_REALTIME) + PATIENCE_NS);
  struct snapshot *got = NULL;

  pthread_mutex_lock(&w->lock);
  while ((!w->newest || snapshot_about(w->newest).tick < tick) &&
         pthread_cond_timedwait(&w->changed, &w->lock, &until) == 0)
    continue;
  if (w->newest && snapshot_about(w->newest).tick >= tick)
    got = snapshot_ref(w->newest);
  pthread_mutex_unlock(&w->lock);
  if (!got)
    fail_msg("tick %llu never came", (unsigned long long)tick);
  return got;
}

static struct sweep *sweep_of(uint64_t target_key, enum sweep_kind kind)
{
  struct sweep *sweep = sweep_new(target_key, SOURCE_TAG_HOOK, kind);

  assert_non_null(sweep);
  sweep->begin_ns = sweep->end_ns = clock_mono_ns();
  sweep->target.name = sweep_add_text(sweep, "shop", 4);
  sweep->target.runtime = sweep_add_text(sweep, "hook", 4);
  sweep->target.state = TARGET_RUNNING;
  return sweep;
}

static void the_first_tick_waits_for_the_sweeps_that_are_expected(void **state)
{
  struct world w;
  struct snapshot *s;
  uint32_t row;

  (void)state;
  world_init(&w, LONG_NS);
  model_thread_begin(w.model, 2);
  model_thread_post(w.model, sweep_of(TARGET_KEY(5, 1), SWEEP_FULL));
  model_thread_post(w.model, sweep_of(TARGET_KEY(5, 2), SWEEP_FULL));
  s = await_tick(&w, 1);
  assert_int_equal(snapshot_find_target(s, TARGET_KEY(5, 1), &row), 0);
  assert_int_equal(snapshot_find_target(s, TARGET_KEY(5, 2), &row), 0);
  snapshot_unref(s);
  world_done(&w);
}

static void impasse_itself_has_a_row(void **state)
{
  struct world w;
  struct snapshot *s;
  bool found = false;

  (void)state;
  world_init(&w, LONG_NS);
  model_thread_begin(w.model, 0);
  s = await_tick(&w, 1);
  for (uint32_t row = 0; row < snapshot_rows(s, RELATION_TARGETS); row++) {
    if (strcmp(snapshot_text(s, RELATION_TARGETS, TARGETS_RUNTIME, row), "impasse") != 0)
      continue;
    found = true;
    assert_int_equal(snapshot_int(s, RELATION_TARGETS, TARGETS_PID, row), getpid());
    assert_true(snapshot_int(s, RELATION_TARGETS, TARGETS_RSS_BYTES, row) > 0);
  }
  assert_true(found);
  snapshot_unref(s);
  world_done(&w);
}

static void a_target_that_is_new_is_shown_out_of_turn(void **state)
{
  struct world w;
  struct snapshot *s;
  uint32_t row;

  (void)state;
  world_init(&w, LONG_NS);
  model_thread_begin(w.model, 0);
  snapshot_unref(await_tick(&w, 1));
  model_thread_post(w.model, sweep_of(TARGET_KEY(5, 1), SWEEP_FULL));
  s = await_tick(&w, 2);
  assert_int_equal(snapshot_find_target(s, TARGET_KEY(5, 1), &row), 0);
  snapshot_unref(s);
  world_done(&w);
}

static void ticks_come_in_turn_without_any_sweep(void **state)
{
  struct world w;

  (void)state;
  world_init(&w, 20 * CLOCK_NS_PER_MS);
  model_thread_begin(w.model, 0);
  snapshot_unref(await_tick(&w, 5));
  world_done(&w);
}

static bool has_firing_alert(const struct snapshot *s)
{
  for (uint32_t row = 0; row < snapshot_rows(s, RELATION_ALERTS); row++)
    if (snapshot_enum(s, RELATION_ALERTS, ALERTS_STATE, row) == ALERT_FIRING)
      return true;
  return false;
}

static void an_alert_fires_when_it_is_due_and_not_at_the_next_tick_in_turn(void **state)
{
  struct world w;
  struct sweep *unreadable = sweep_of(TARGET_KEY(5, 1), SWEEP_FAILED);
  bool fired = false;

  (void)state;
  unreadable->target.state = TARGET_UNREADABLE;
  world_init(&w, LONG_NS);
  model_thread_begin(w.model, 1);
  model_thread_post(w.model, unreadable);
  for (uint64_t tick = 1; !fired; tick++) {
    struct snapshot *s = await_tick(&w, tick);

    assert_true(snapshot_rows(s, RELATION_ALERTS) > 0); /* pending from the first */
    fired = has_firing_alert(s);
    snapshot_unref(s);
  }
  world_done(&w);
}

static void a_gap_is_shown(void **state)
{
  struct world w;
  struct snapshot *s;

  (void)state;
  world_init(&w, 20 * CLOCK_NS_PER_MS);
  model_thread_gap(w.model, "disk full", 1000, 2000, 7);
  model_thread_begin(w.model, 0);
  s = await_tick(&w, 3);
  assert_int_equal(snapshot_rows(s, RELATION_GAPS), 1);
  assert_string_equal(snapshot_text(s, RELATION_GAPS, GAPS_REASON, 0), "disk full");
  assert_int_equal(snapshot_int(s, RELATION_GAPS, GAPS_COUNT, 0), 7);
  snapshot_unref(s);
  world_done(&w);
}

static void a_first_look_that_takes_long_holds_up_nobody_and_is_told(void **state)
{
  struct world w;
  struct snapshot *s;
  uint32_t row;

  (void)state;
  world_init(&w, LONG_NS);
  model_thread_post(w.model, sweep_of(TARGET_KEY(5, 1), SWEEP_FULL));
  s = await_tick(&w, 1);
  assert_int_equal(snapshot_find_target(s, TARGET_KEY(5, 1), &row), 0);
  assert_int_equal(snapshot_rows(s, RELATION_GAPS), 1);
  assert_non_null(
      strstr(snapshot_text(s, RELATION_GAPS, GAPS_REASON, 0), "not all processes were looked at"));
  snapshot_unref(s);
  world_done(&w);
}

static void what_is_queued_at_the_end_is_freed(void **state)
{
  struct world w;

  (void)state;
  world_init(&w, LONG_NS);
  for (uint64_t i = 1; i <= 100; i++)
    model_thread_post(w.model, sweep_of(TARGET_KEY(5, i), i % 3 ? SWEEP_FULL : SWEEP_ROUND));
  world_done(&w); /* the leak checker tells */
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_first_tick_waits_for_the_sweeps_that_are_expected),
      cmocka_unit_test(impasse_itself_has_a_row),
      cmocka_unit_test(a_target_that_is_new_is_shown_out_of_turn),
      cmocka_unit_test(ticks_come_in_turn_without_any_sweep),
      cmocka_unit_test(an_alert_fires_when_it_is_due_and_not_at_the_next_tick_in_turn),
      cmocka_unit_test(a_gap_is_shown),
      cmocka_unit_test(a_first_look_that_takes_long_holds_up_nobody_and_is_told),
      cmocka_unit_test(what_is_queued_at_the_end_is_freed),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
