/* discovery_test.c - who is looked at when; time and processes are made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collector/clock.h"
#include "collector/discovery.h"

#define T0 (1000 * CLOCK_NS_PER_S)

static size_t look_at_all(struct discovery *d, uint64_t now_ns, uint64_t start, uint64_t cost_ns)
{
  size_t looks = 0;
  pid_t pid;

  while ((pid = discovery_next(d, now_ns)) != 0) {
    discovery_looked(d, pid, start + (uint64_t)pid, false, cost_ns, now_ns);
    looks++;
  }
  return looks;
}

static size_t tick(struct discovery *d, const pid_t *pids, size_t count, uint64_t now_ns)
{
  assert_int_equal(discovery_list(d, pids, count, now_ns), 0);
  return look_at_all(d, now_ns, 1, 10000);
}

static void a_new_process_is_looked_at_once_then_after_1_10_and_60_s(void **state)
{
  struct discovery *d = discovery_new();
  const pid_t pids[] = {10};
  size_t looks = 0;
  uint64_t at[8];

  (void)state;
  for (uint64_t s = 0; s <= 60; s++) {
    size_t now = tick(d, pids, 1, T0 + s * CLOCK_NS_PER_S);

    for (size_t i = 0; i < now && looks < 8; i++)
      at[looks++] = s;
  }
  assert_int_equal(looks, 4);
  assert_int_equal(at[0], 0);
  assert_int_equal(at[1], 1);
  assert_int_equal(at[2], 10);
  assert_int_equal(at[3], 60);
  discovery_free(d);
}

static void a_process_that_comes_later_is_looked_at_at_once(void **state)
{
  struct discovery *d = discovery_new();
  const pid_t before[] = {10, 30}, after[] = {10, 20, 30};

  (void)state;
  assert_int_equal(tick(d, before, 2, T0), 2);
  assert_int_equal(tick(d, after, 3, T0 + CLOCK_NS_PER_S / 2), 1);
  discovery_free(d);
}

static void old_processes_are_looked_at_within_the_allowance(void **state)
{
  enum { COUNT = 1000 };
  struct discovery *d = discovery_new();
  pid_t pids[COUNT];
  size_t looks = 0;
  uint64_t s = 0;

  (void)state;
  for (int i = 0; i < COUNT; i++)
    pids[i] = i + 1;
  for (; s <= 60; s++)
    (void)tick(d, pids, COUNT, T0 + s * CLOCK_NS_PER_S);
  for (uint64_t end = s + 100; s < end; s++)
    looks += tick(d, pids, COUNT, T0 + s * CLOCK_NS_PER_S);
  /* 0.2 % of 100 s are 200 ms, that is 20,000 looks of 10 us. */
  assert_in_range(looks, 15000, 20300);
  discovery_free(d);
}

static void every_old_process_gets_its_turn(void **state)
{
  enum { COUNT = 500 };
  struct discovery *d = discovery_new();
  pid_t pids[COUNT], pid;
  unsigned char seen[COUNT + 1] = {0};
  uint64_t s = 0;

  (void)state;
  for (int i = 0; i < COUNT; i++)
    pids[i] = i + 1;
  for (; s <= 60; s++)
    (void)tick(d, pids, COUNT, T0 + s * CLOCK_NS_PER_S);
  for (uint64_t end = s + 10; s < end; s++) {
    uint64_t now = T0 + s * CLOCK_NS_PER_S;

    assert_int_equal(discovery_list(d, pids, COUNT, now), 0);
    while ((pid = discovery_next(d, now)) != 0) {
      seen[pid] = 1;
      discovery_looked(d, pid, 1 + (uint64_t)pid, false, 20000, now);
    }
  }
  for (int i = 1; i <= COUNT; i++)
    if (!seen[i])
      fail_msg("pid %d was never looked at again", i);
  discovery_free(d);
}

static void a_reused_pid_starts_anew(void **state)
{
  struct discovery *d = discovery_new();
  const pid_t pids[] = {10};
  uint64_t now = T0;

  (void)state;
  assert_int_equal(tick(d, pids, 1, now), 1);
  now += CLOCK_NS_PER_S; /* the second look finds somebody else */
  assert_int_equal(discovery_list(d, pids, 1, now), 0);
  assert_int_equal(look_at_all(d, now, 500, 0), 1);
  now += CLOCK_NS_PER_S; /* so it is looked at again after one more second */
  assert_int_equal(discovery_list(d, pids, 1, now), 0);
  assert_int_equal(look_at_all(d, now, 500, 0), 1);
  discovery_free(d);
}

static void a_watched_process_is_left_alone_until_it_is_given_back(void **state)
{
  struct discovery *d = discovery_new();
  const pid_t pids[] = {10};

  (void)state;
  assert_int_equal(discovery_list(d, pids, 1, T0), 0);
  assert_int_equal(discovery_next(d, T0), 10);
  discovery_looked(d, 10, 7, true, 0, T0);
  for (uint64_t s = 1; s < 100; s++)
    assert_int_equal(tick(d, pids, 1, T0 + s * CLOCK_NS_PER_S), 0);
  discovery_again(d, 10, T0 + 100 * CLOCK_NS_PER_S);
  assert_int_equal(tick(d, pids, 1, T0 + 100 * CLOCK_NS_PER_S), 1);
  discovery_free(d);
}

static void an_unwanted_process_is_looked_at_seldom_in_the_end(void **state)
{
  struct discovery *d = discovery_new();
  const pid_t pids[] = {10};
  size_t looks = 0;

  (void)state;
  for (uint64_t s = 0; s < 1000; s++) {
    uint64_t now = T0 + s * CLOCK_NS_PER_S;

    assert_int_equal(discovery_list(d, pids, 1, now), 0);
    if (discovery_next(d, now) == 0)
      continue;
    discovery_looked(d, 10, 7, true, 0, now);
    discovery_unwanted(d, 10, now);
    looks++;
  }
  /* after 0, 1, 10 and 60 s, then once a minute */
  assert_in_range(looks, 4 + 14, 4 + 16);
  discovery_free(d);
}

static void a_process_that_went_is_forgotten(void **state)
{
  struct discovery *d = discovery_new();
  const pid_t pids[] = {10};

  (void)state;
  assert_int_equal(tick(d, pids, 1, T0), 1);
  assert_int_equal(tick(d, pids, 0, T0 + 1), 0);
  assert_int_equal(tick(d, pids, 1, T0 + 2), 1);
  discovery_looked(d, 11, 1, true, 0, T0); /* and a report about a stranger changes nothing */
  discovery_again(d, 11, T0);
  discovery_free(d);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_new_process_is_looked_at_once_then_after_1_10_and_60_s),
      cmocka_unit_test(a_process_that_comes_later_is_looked_at_at_once),
      cmocka_unit_test(old_processes_are_looked_at_within_the_allowance),
      cmocka_unit_test(every_old_process_gets_its_turn),
      cmocka_unit_test(a_reused_pid_starts_anew),
      cmocka_unit_test(a_watched_process_is_left_alone_until_it_is_given_back),
      cmocka_unit_test(an_unwanted_process_is_looked_at_seldom_in_the_end),
      cmocka_unit_test(a_process_that_went_is_forgotten),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
