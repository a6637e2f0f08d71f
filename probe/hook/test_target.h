/*
 * test_target.h - what the tests of this folder look for in sweeps of a real hooked process.
 */
#ifndef IMPASSE_PROBE_HOOK_TEST_TARGET_H
#define IMPASSE_PROBE_HOOK_TEST_TARGET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "probe/hook/impasse.h"
#define TEST_SOURCE source_hook
#include "probe/test_target.h"

static inline const struct sweep_actor *test_find(const struct sweep *sweep, const char *name)
{
  for (size_t i = 0; i < sweep->actor_count; i++) {
    const char *text = sweep_text(sweep, sweep->actors[i].name);
    if (text && strcmp(text, name) == 0)
      return &sweep->actors[i];
  }
  return NULL;
}

static inline const struct sweep_actor *test_actor(const struct sweep *sweep, const char *name)
{
  const struct sweep_actor *row = test_find(sweep, name);
  if (!row)
    fail_msg("no actor called %s", name);
  return row;
}

/* Wait number `n` of an actor. */
static inline const struct sweep_wait *test_wait_n(const struct sweep *sweep, const char *name,
                                                   size_t n)
{
  uint64_t key = test_actor(sweep, name)->key;
  for (size_t i = 0; i < sweep->wait_count; i++)
    if (sweep->waits[i].waiter == key && n-- == 0)
      return &sweep->waits[i];
  fail_msg("%s has not so many waits", name);
  return NULL;
}

static inline const struct sweep_wait *test_wait(const struct sweep *sweep, const char *name)
{
  return test_wait_n(sweep, name, 0);
}

static inline size_t test_wait_count(const struct sweep *sweep, const char *name)
{
  uint64_t key = test_actor(sweep, name)->key;
  size_t count = 0;
  for (size_t i = 0; i < sweep->wait_count; i++)
    count += sweep->waits[i].waiter == key;
  return count;
}

/* The holders of a wait by name, in their order, joined by blanks. */
static inline void test_holders(const struct sweep *sweep, const struct sweep_wait *wait,
                                const char *wanted)
{
  char got[512] = "";
  for (uint32_t h = 0; h < wait->holder_count; h++) {
    const char *name = "?";
    for (size_t i = 0; i < sweep->actor_count; i++)
      if (sweep->actors[i].key == sweep->holders[wait->holder_first + h].actor)
        name = sweep_text(sweep, sweep->actors[i].name);
    strncat(got, h ? " " : "", sizeof got - strlen(got) - 1);
    strncat(got, name, sizeof got - strlen(got) - 1);
  }
  if (strcmp(got, wanted) != 0)
    fail_msg("got the holders \"%s\", wanted \"%s\"", got, wanted);
}

static inline const struct sweep_table *test_table(const struct sweep *sweep, const char *name)
{
  for (size_t i = 0; i < sweep->table_count; i++)
    if (strcmp(sweep_text(sweep, sweep->tables[i].name), name) == 0)
      return &sweep->tables[i];
  fail_msg("no table called %s", name);
  return NULL;
}

static inline void test_words(const char *got, const char *wanted)
{
  if (!got || !strstr(got, wanted))
    fail_msg("got \"%s\", wanted \"%s\"", got ? got : "(nothing)", wanted);
}

static inline void test_reason(const struct sweep *sweep, const char *wanted)
{
  test_words(sweep_text(sweep, sweep->target.reason), wanted);
}

#endif
