/* quota_test.c - one user cannot take all the room there is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "collector/quota.h"
#include "model/dictionary.h"

enum { OWN = 0, ALICE = 1000, BOB = 1001 };

static void fill(int64_t *uids, size_t from, size_t to, int64_t uid)
{
  for (size_t i = from; i < to; i++)
    uids[i] = uid;
}

static void who_has_many_open_leaves_room_for_others(void **state)
{
  int64_t uids[QUOTA_MAX] = {0};

  (void)state;
  assert_int_equal(quota_check(uids, 0, ALICE, OWN), 0);
  fill(uids, 0, QUOTA_USER_MAX, ALICE);
  assert_int_equal(quota_check(uids, QUOTA_USER_MAX - 1, ALICE, OWN), 0);
  assert_int_equal(quota_check(uids, QUOTA_USER_MAX, ALICE, OWN), -EDQUOT);
  assert_int_equal(quota_check(uids, QUOTA_USER_MAX, BOB, OWN), 0);
  assert_int_equal(quota_check(uids, QUOTA_USER_MAX, OWN, OWN), 0);
}

static void a_session_that_ends_makes_room(void **state)
{
  int64_t uids[QUOTA_MAX] = {0};

  (void)state;
  fill(uids, 0, QUOTA_USER_MAX, ALICE);
  uids[3] = BOB;
  assert_int_equal(quota_check(uids, QUOTA_USER_MAX, ALICE, OWN), 0);
}

static void an_unknown_user_is_one_of_its_own(void **state)
{
  int64_t uids[QUOTA_MAX] = {0};

  (void)state;
  fill(uids, 0, QUOTA_USER_MAX, VALUE_UNKNOWN);
  assert_int_equal(quota_check(uids, QUOTA_USER_MAX, VALUE_UNKNOWN, OWN), -EDQUOT);
  assert_int_equal(quota_check(uids, QUOTA_USER_MAX, ALICE, OWN), 0);
}

static void ones_own_programs_are_bounded_by_the_whole_alone(void **state)
{
  int64_t uids[QUOTA_MAX] = {0};

  (void)state;
  fill(uids, 0, QUOTA_MAX, ALICE);
  assert_int_equal(quota_check(uids, QUOTA_MAX - 1, ALICE, ALICE), 0);
  assert_int_equal(quota_check(uids, QUOTA_MAX, ALICE, ALICE), -EXFULL);
  assert_int_equal(quota_check(uids, QUOTA_MAX, BOB, ALICE), -EXFULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(who_has_many_open_leaves_room_for_others),
      cmocka_unit_test(a_session_that_ends_makes_room),
      cmocka_unit_test(an_unknown_user_is_one_of_its_own),
      cmocka_unit_test(ones_own_programs_are_bounded_by_the_whole_alone),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
