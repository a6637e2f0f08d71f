/* Facts of real processes. */
#include "probe/process/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

#include "probe/reach/test_child.h"

struct reading {
  struct test_child child;
  struct reach_target *target;
  struct sweep *sweep;
};

static void start(struct reading *reading, void (*body)(void *, int, int))
{
  reading->child = test_child_start(body, NULL, false);
  assert_int_equal(reach_open(reading->child.pid, &reading->target), 0);
  reading->sweep = sweep_new(TARGET_KEY(reach_start_ticks(reading->target), reading->child.pid),
                             SOURCE_TAG_HOOK, SWEEP_FULL);
  assert_non_null(reading->sweep);
}

static void end(struct reading *reading)
{
  sweep_free(reading->sweep);
  reach_close(reading->target);
  test_child_kill(&reading->child);
}

static void take_hostile_name(void *context, int in, int out)
{
  (void)context, (void)in, (void)out;
  (void)prctl(PR_SET_NAME, "a) T 1\n(b");
  while (clock() < CLOCKS_PER_SEC / 20) /* processor time, several ticks of it */
    ;
}

static void facts_of_a_process_are_filled_in(void **state)
{
  (void)state;
  struct reading reading;
  start(&reading, take_hostile_name);
  assert_int_equal(process_fill(reading.target, reading.sweep), 0);
  const struct sweep_target *facts = &reading.sweep->target;
  assert_string_equal(sweep_text(reading.sweep, facts->name), "a) T 1\n(b");
  assert_int_equal(facts->state, TARGET_RUNNING);
  assert_int_equal(facts->uid, getuid());
  assert_true(facts->cpu_ns > 0);
  assert_true(facts->rss_bytes > 0);
  assert_true(facts->memory_limit_bytes > facts->rss_bytes);
  end(&reading);
}

static void what_the_source_knows_better_is_kept(void **state)
{
  (void)state;
  struct reading reading;
  start(&reading, NULL);
  reading.sweep->target.name = sweep_add_text(reading.sweep, "node@host", 9);
  reading.sweep->target.state = TARGET_UNREADABLE;
  assert_int_equal(process_fill(reading.target, reading.sweep), 0);
  assert_string_equal(sweep_text(reading.sweep, reading.sweep->target.name), "node@host");
  assert_int_equal(reading.sweep->target.state, TARGET_UNREADABLE);
  end(&reading);
}

static void a_stopped_process_is_shown_as_stopped(void **state)
{
  (void)state;
  struct reading reading;
  int status;
  start(&reading, NULL);
  assert_int_equal(kill(reading.child.pid, SIGSTOP), 0);
  assert_int_equal(waitpid(reading.child.pid, &status, WUNTRACED), reading.child.pid);
  assert_int_equal(process_fill(reading.target, reading.sweep), 0);
  assert_int_equal(reading.sweep->target.state, TARGET_STOPPED);
  end(&reading);
}

static void a_dead_process_leaves_its_facts_unknown(void **state)
{
  (void)state;
  struct reading reading;
  start(&reading, NULL);
  assert_int_equal(kill(reading.child.pid, SIGKILL), 0);
  assert_int_equal(waitpid(reading.child.pid, NULL, 0), reading.child.pid);
  assert_int_equal(process_fill(reading.target, reading.sweep), -ESRCH);
  assert_true(reading.sweep->target.cpu_ns == VALUE_UNKNOWN);
  assert_true(reading.sweep->target.uid == VALUE_UNKNOWN);
  assert_int_equal(reading.sweep->target.state, ENUM_UNKNOWN);
  end(&reading);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(facts_of_a_process_are_filled_in),
      cmocka_unit_test(what_the_source_knows_better_is_kept),
      cmocka_unit_test(a_stopped_process_is_shown_as_stopped),
      cmocka_unit_test(a_dead_process_leaves_its_facts_unknown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
