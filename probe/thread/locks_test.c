/* How waits for locks are summed up between looks, with times of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "model/dictionary.h"
#include "probe/clock.h"
#include "probe/thread/locks.h"

enum { ADDRESS = 0x1000 };

static struct member waiter_of(bool lasting)
{
  return (struct member){.verdict = {.kind = CLASSIFY_MUTEX, .lock = ADDRESS, .owner = 7},
                         .edge = EDGE_HELD,
                         .holder = 77,
                         .lasting = lasting,
                         .counted = lasting};
}

/* One look; with a waiter where there is one. */
static void look(struct locks *locks, struct member *waiter, bool partial, uint64_t now_ns)
{
  locks_begin(locks);
  if (waiter)
    (void)locks_note(locks, waiter, NULL);
  locks_end(locks, partial, now_ns);
}

static void a_wait_that_lasts_counts_in_full(void **state)
{
  (void)state;
  struct locks locks = {0};
  struct member fresh = waiter_of(false), lasting = waiter_of(true);
  uint64_t now = CLOCK_NS_PER_S;
  look(&locks, &fresh, false, now);
  for (int i = 0; i < 5; i++)
    look(&locks, &lasting, i % 2, now += CLOCK_NS_PER_S);
  const struct lock *lock = locks_find(&locks, ADDRESS);
  assert_int_equal(lock->wait_ns, 5 * CLOCK_NS_PER_S);
  assert_int_equal(lock->contended_count, 1);
  assert_int_equal(lock->write_waiters, 1);
  assert_int_equal(lock->owner, 77);
  assert_int_equal(lock->kind, TABLE_MUTEX);
  locks_done(&locks);
}

/* Every look finds another wait with the given chance (of ten): that share of the time is counted. */
static void expect_share(unsigned of_ten)
{
  struct locks locks = {0};
  uint64_t now = CLOCK_NS_PER_S;
  unsigned seed = 1, looks = 3000;
  for (unsigned i = 0; i < looks; i++, now += CLOCK_NS_PER_S) {
    struct member waiter = waiter_of(false);
    bool waits = (unsigned)rand_r(&seed) % 10 < of_ten;
    look(&locks, waits ? &waiter : NULL, false, now);
  }
  double share = (double)locks_find(&locks, ADDRESS)->wait_ns / ((double)looks * 1e9);
  if (share < (of_ten - 0.5) / 10 || share > (of_ten + 0.5) / 10)
    fail_msg("counted %.3f of the time, wanted %u of ten", share, of_ten);
  locks_done(&locks);
}

static void waits_that_come_and_go_count_by_their_share_of_the_looks(void **state)
{
  (void)state;
  expect_share(2);
  expect_share(5);
  expect_share(9);
}

static void one_look_that_finds_a_waiter_is_little(void **state)
{
  (void)state;
  struct locks locks = {0};
  struct member waiter = waiter_of(false);
  uint64_t now = CLOCK_NS_PER_S;
  look(&locks, &waiter, false, now);
  look(&locks, NULL, false, now += CLOCK_NS_PER_S);
  waiter = waiter_of(false);
  look(&locks, &waiter, false, now += CLOCK_NS_PER_S);
  assert_true(locks_find(&locks, ADDRESS)->wait_ns < CLOCK_NS_PER_S / 4);
  locks_done(&locks);
}

static void who_was_not_looked_at_is_left_alone(void **state)
{
  (void)state;
  struct locks locks = {0};
  struct member waiter = waiter_of(false);
  look(&locks, &waiter, false, CLOCK_NS_PER_S);
  look(&locks, NULL, false, 2 * CLOCK_NS_PER_S);
  look(&locks, NULL, true, 3 * CLOCK_NS_PER_S); /* a round sees only those who waited */
  assert_int_equal(locks_find(&locks, ADDRESS)->looked_ns, 2 * CLOCK_NS_PER_S);
  locks_done(&locks);
}

static void the_longest_wait_that_ended_is_kept(void **state)
{
  (void)state;
  struct locks locks = {0};
  struct member waiter = waiter_of(false);
  look(&locks, &waiter, false, CLOCK_NS_PER_S);
  locks_ended(&locks, ADDRESS, 5);
  locks_ended(&locks, ADDRESS, 3);
  locks_ended(&locks, ADDRESS + 8, 9); /* unknown: nothing happens */
  assert_int_equal(locks_find(&locks, ADDRESS)->max_wait_ns, 5);
  locks_done(&locks);
}

static void after_a_minute_without_waiters_a_lock_is_forgotten(void **state)
{
  (void)state;
  struct locks locks = {0};
  struct member waiter = waiter_of(false);
  look(&locks, &waiter, false, CLOCK_NS_PER_S);
  look(&locks, NULL, false, 61 * CLOCK_NS_PER_S);
  assert_non_null(locks_find(&locks, ADDRESS));
  look(&locks, NULL, false, 62 * CLOCK_NS_PER_S);
  assert_null(locks_find(&locks, ADDRESS));
  locks_done(&locks);
}

static void there_is_an_end_to_how_many_are_kept(void **state)
{
  (void)state;
  struct locks locks = {0};
  locks_begin(&locks);
  for (uint64_t i = 0; i < LOCKS_MOST + 3; i++) {
    struct member waiter = waiter_of(false);
    waiter.verdict.lock = ADDRESS + 64 * i;
    struct lock *lock = locks_note(&locks, &waiter, NULL);
    assert_int_equal(lock != NULL, i < LOCKS_MOST);
  }
  locks_end(&locks, false, CLOCK_NS_PER_S);
  assert_int_equal(locks.lost, 3);
  locks_done(&locks);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_wait_that_lasts_counts_in_full),
      cmocka_unit_test(waits_that_come_and_go_count_by_their_share_of_the_looks),
      cmocka_unit_test(one_look_that_finds_a_waiter_is_little),
      cmocka_unit_test(who_was_not_looked_at_is_left_alone),
      cmocka_unit_test(the_longest_wait_that_ended_is_kept),
      cmocka_unit_test(after_a_minute_without_waiters_a_lock_is_forgotten),
      cmocka_unit_test(there_is_an_end_to_how_many_are_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
