/* hot_test.c - who is looked at each second. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/sweep.h"
#include "probe/beam/hot.h"

static void offer(struct hot *hot, uint64_t address, uint8_t heat)
{
  struct beam_proc proc = {.address = address, .word = address << 4 | 3};
  hot_offer(hot, &proc, heat);
}

static void the_blocked_come_before_the_deep_and_the_named(void **state)
{
  (void)state;
  uint8_t blocked = hot_heat(0, 0, true, false);
  uint8_t deepest = hot_heat(INT64_MAX, 0, false, true);
  uint8_t deep = hot_heat(1000, 1000, false, false), grows = hot_heat(1000, 999, false, false);
  uint8_t named = hot_heat(0, 0, false, true);
  assert_true(blocked > deepest && deepest > grows && grows > deep && deep > named && named > 0);
  assert_int_equal(hot_heat(0, 0, false, false), 0);
  assert_int_equal(hot_heat(VALUE_UNKNOWN, VALUE_UNKNOWN, false, false), 0);
  assert_true(hot_heat(INT64_MAX, 0, true, true) >= blocked);
}

static void the_hottest_are_kept_however_many_are_offered(void **state)
{
  (void)state;
  enum { OFFERED = HOT_MOST * 10, VERY_HOT = 100 };
  struct hot hot;
  size_t very_hot = 0;
  assert_int_equal(hot_init(&hot), 0);
  hot_begin(&hot);
  for (size_t i = 0; i < OFFERED; i++)
    offer(&hot, (OFFERED - i) * 64, i % (OFFERED / VERY_HOT) == 17 ? 99 : (uint8_t)(1 + i % 5));
  hot_end(&hot);
  assert_int_equal(hot.count, HOT_MOST);
  for (size_t i = 0; i < hot.count; i++) {
    very_hot += hot.entries[i].heat == 99;
    assert_true(hot.entries[i].heat == 99 || hot.entries[i].heat >= 4);
    assert_true(i == 0 || hot.entries[i - 1].place.address < hot.entries[i].place.address);
  }
  assert_int_equal(very_hot, VERY_HOT);
  hot_done(&hot);
}

static void who_is_offered_twice_is_there_once(void **state)
{
  (void)state;
  struct hot hot;
  assert_int_equal(hot_init(&hot), 0);
  hot_begin(&hot);
  offer(&hot, 640, 3);
  offer(&hot, 64, 3);
  offer(&hot, 640, 200);
  offer(&hot, 128, 0);
  hot_end(&hot);
  assert_int_equal(hot.count, 2);
  assert_int_equal(hot.entries[0].place.address, 64);
  assert_int_equal(hot.entries[1].place.address, 640);
  hot_begin(&hot);
  hot_end(&hot);
  assert_int_equal(hot.count, 0);
  hot_done(&hot);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_blocked_come_before_the_deep_and_the_named),
      cmocka_unit_test(the_hottest_are_kept_however_many_are_offered),
      cmocka_unit_test(who_is_offered_twice_is_there_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
