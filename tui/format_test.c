/* format_test.c - values as people read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tui/format.h"

static char buffer[FORMAT_SIZE];

static void counts_take_three_figures(void **state)
{
  (void)state;
  assert_string_equal(format_count(buffer, 0), "0");
  assert_string_equal(format_count(buffer, 9999), "9999");
  assert_string_equal(format_count(buffer, 10000), "10.0k");
  assert_string_equal(format_count(buffer, 12345), "12.3k");
  assert_string_equal(format_count(buffer, 456789), "457k");
  assert_string_equal(format_count(buffer, 999999), "1.00M");
  assert_string_equal(format_count(buffer, 4500000), "4.50M");
  assert_string_equal(format_count(buffer, -12345), "-12.3k");
  assert_string_equal(format_count(buffer, INT64_MAX), "9.22E");
  assert_string_equal(format_count(buffer, VALUE_UNKNOWN), "-");
}

static void rates_show_what_is_small_and_what_grows(void **state)
{
  (void)state;
  assert_string_equal(format_rate(buffer, 0, true), "0");
  assert_string_equal(format_rate(buffer, 0.042, false), "0.04");
  assert_string_equal(format_rate(buffer, 3.14, false), "3.1");
  assert_string_equal(format_rate(buffer, 12.3, true), "+12");
  assert_string_equal(format_rate(buffer, -12.3, true), "-12");
  assert_string_equal(format_rate(buffer, 12345, false), "12.3k");
  assert_string_equal(format_rate(buffer, NAN, true), "-");
}

static void bytes_are_powers_of_1024(void **state)
{
  (void)state;
  assert_string_equal(format_bytes(buffer, 512), "512B");
  assert_string_equal(format_bytes(buffer, 1024), "1.00K");
  assert_string_equal(format_bytes(buffer, 48 << 20), "48.0M");
  assert_string_equal(format_bytes(buffer, 3ll << 30), "3.00G");
  assert_string_equal(format_bytes(buffer, VALUE_UNKNOWN), "-");
  assert_string_equal(format_bytes(buffer, -5), "-");
}

static void durations_have_two_units(void **state)
{
  (void)state;
  assert_string_equal(format_duration(buffer, 0), "0.0s");
  assert_string_equal(format_duration(buffer, 12345), "12.3s");
  assert_string_equal(format_duration(buffer, 59949), "59.9s");
  assert_string_equal(format_duration(buffer, 59970), "1m 00s");
  assert_string_equal(format_duration(buffer, 65000), "1m 05s");
  assert_string_equal(format_duration(buffer, 7380000), "2h 03m");
  assert_string_equal(format_duration(buffer, 457200000), "5d 07h");
  assert_string_equal(format_duration(buffer, VALUE_UNKNOWN), "-");
  assert_true(strlen(format_duration(buffer, INT64_MAX)) < FORMAT_SIZE);
  assert_string_equal(format_seconds(buffer, 12), "12s");
  assert_string_equal(format_seconds(buffer, 65), "1m 05s");
  assert_string_equal(format_seconds(buffer, -1), "-");
}

static void shares_are_percent(void **state)
{
  (void)state;
  assert_string_equal(format_permille(buffer, 3), "0.3%");
  assert_string_equal(format_permille(buffer, 873), "87.3%");
  assert_string_equal(format_permille(buffer, 1420), "142%");
  assert_string_equal(format_permille(buffer, VALUE_UNKNOWN), "-");
}

static void trends_show_the_newest_at_the_right(void **state)
{
  (void)state;
  assert_string_equal(format_trend(buffer, 0x0123456789abcdef, 16),
                      " \u2581\u2581\u2582\u2582\u2583\u2583\u2584\u2584\u2585\u2585\u2586\u2586"
                      "\u2587\u2587\u2588");
  assert_string_equal(format_trend(buffer, 0x0f, 2), " \u2588");
  assert_string_equal(format_trend(buffer, -1, 16) + 3 * 15,
                      "\u2588"); /* all sixteen at the top: the sign bit is data */
  assert_string_equal(format_trend(buffer, VALUE_UNKNOWN, 16), "");
  assert_string_equal(format_bars(buffer, (const int64_t[]){0, 1, 100}, 3), " \u2581\u2588");
}

static void unknown_is_never_zero(void **state)
{
  (void)state;
  for (unsigned relation = 0; relation < RELATION_COUNT; relation++) {
    const struct relation_info *info = relation_info((enum relation)relation);

    for (unsigned i = 0; i < info->column_count; i++)
      assert_string_equal(format_value(buffer, (enum relation)relation, i,
                                       (struct value){.type = info->columns[i].type}, 0),
                          "-");
  }
}

static void values_follow_their_unit(void **state)
{
  struct value ms = {.type = COLUMN_INT, .known = true, .integer = 65000};
  struct value since = {.type = COLUMN_INT, .known = true, .integer = 1000};
  struct value us = {.type = COLUMN_INT, .known = true, .integer = 41200};
  struct value pid = {.type = COLUMN_INT, .known = true, .integer = 123456};

  (void)state;
  assert_string_equal(format_value(buffer, RELATION_ACTORS, ACTORS_BLOCKED_MS, ms, 0), "1m 05s");
  assert_string_equal(format_value(buffer, RELATION_ALERTS, ALERTS_SINCE, since, 1090000),
                      "1m 30s");
  assert_string_equal(format_value(buffer, RELATION_TABLES, TABLES_MAX_WAIT_US, us, 0), "41ms");
  assert_string_equal(format_value(buffer, RELATION_TARGETS, TARGETS_PID, pid, 0), "123456");
}

static void headings_drop_their_unit(void **state)
{
  (void)state;
  assert_string_equal(
      format_heading(buffer, &relation_info(RELATION_ACTORS)->columns[ACTORS_GROWTH_PER_S]),
      "growth/s");
  assert_string_equal(
      format_heading(buffer, &relation_info(RELATION_TARGETS)->columns[TARGETS_CPU_PERMILLE]),
      "cpu%");
  assert_string_equal(
      format_heading(buffer, &relation_info(RELATION_WAITS)->columns[WAITS_WAITER_NAME]),
      "waiter name");
}

static void clocks_are_local(void **state)
{
  (void)state;
  assert_int_equal(setenv("TZ", "UTC", 1), 0);
  tzset();
  assert_string_equal(format_clock(buffer, 1772334000000, true), "2026-03-01 03:00:00");
  assert_string_equal(format_clock(buffer, 1772334000000, false), "03:00:00");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_take_three_figures),
      cmocka_unit_test(rates_show_what_is_small_and_what_grows),
      cmocka_unit_test(bytes_are_powers_of_1024),
      cmocka_unit_test(durations_have_two_units),
      cmocka_unit_test(shares_are_percent),
      cmocka_unit_test(trends_show_the_newest_at_the_right),
      cmocka_unit_test(unknown_is_never_zero),
      cmocka_unit_test(values_follow_their_unit),
      cmocka_unit_test(headings_drop_their_unit),
      cmocka_unit_test(clocks_are_local),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
