/*
 * test_target.h - a real process and what a source reads of it, for the tests of sources. Who includes it defines before
 * which source: `#define TEST_SOURCE source_NAME`. Used by tests only.
 */
#ifndef IMPASSE_PROBE_TEST_TARGET_H
#define IMPASSE_PROBE_TEST_TARGET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/sweep.h"
#include "probe/reach/reach.h"
#include "probe/reach/test_child.h"
#include "probe/source.h"

extern const struct source TEST_SOURCE;

struct test_target {
  struct test_child child;
  struct reach_target *reach;
  void *session;
  struct sweep *sweep; /* the newest */
};

/* Starts the process; `body` writes nothing before its first test_child_tell(). */
static inline struct test_target test_target_start(void (*body)(void *, int, int), void *context)
{
  struct test_target target = {.child = test_child_start(body, context, true)};
  assert_int_equal(reach_open(target.child.pid, &target.reach), 0);
  return target;
}

static inline void test_target_open(struct test_target *target)
{
  char reason[SOURCE_REASON_BYTES] = "";
  int error = TEST_SOURCE.open(target->reach, &target->session, reason);
  if (error)
    fail_msg("open gave %d: %s", error, reason);
}

static inline const struct sweep *test_target_take(struct test_target *target, struct sweep *sweep)
{
  sweep_free(target->sweep);
  target->sweep = sweep;
  assert_int_equal(sweep_check(sweep), 0);
  return sweep;
}

static inline const struct sweep *test_target_sweep(struct test_target *target)
{
  struct sweep *sweep = NULL;
  assert_int_equal(TEST_SOURCE.sweep(target->session, &sweep), 0);
  return test_target_take(target, sweep);
}

static inline const struct sweep *test_target_round(struct test_target *target)
{
  struct sweep *sweep = NULL;
  assert_int_equal(TEST_SOURCE.round(target->session, &sweep), 0);
  assert_int_equal(sweep->kind, SWEEP_ROUND);
  return test_target_take(target, sweep);
}

static inline void test_target_end(struct test_target *target)
{
  sweep_free(target->sweep);
  if (target->session)
    TEST_SOURCE.close(target->session);
  reach_close(target->reach);
  test_child_kill(&target->child);
}

#endif
