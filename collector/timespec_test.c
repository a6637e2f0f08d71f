/* timespec_test.c - times and durations as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "collector/timespec.h"

/* 2024-05-15 12:00:00 UTC, in a zone two hours east of it: 14:00 local. */
#define NOW_MS (INT64_C(1715774400) * 1000)
#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)

static int set_zone(void **state)
{
  (void)state;
  setenv("TZ", "EAST-2", 1);
  tzset();
  return 0;
}

static void times_mean_what_people_mean(void **state)
{
  static const struct {
    const char *text;
    int64_t ms;
  } rows[] = {
      {"now", NOW_MS},
      {" now ", NOW_MS},
      {"10m ago", NOW_MS - 600 * SECOND},
      {"10 min ago", NOW_MS - 600 * SECOND},
      {"1h30m ago", NOW_MS - 5400 * SECOND},
      {"-1h30m", NOW_MS - 5400 * SECOND},
      {"-1.5h", NOW_MS - 5400 * SECOND},
      {"-90", NOW_MS - 90 * SECOND},
      {"+1d", NOW_MS + DAY},
      {"-250ms", NOW_MS - 250},
      {"2 weeks ago", NOW_MS - 14 * DAY},
      {"today", NOW_MS - 14 * HOUR},
      {"yesterday", NOW_MS - 14 * HOUR - DAY},
      {"yesterday 14:00", NOW_MS - DAY},
      {"today 14:00:30", NOW_MS + 30 * SECOND},
      {"13:00", NOW_MS - HOUR},
      {"2024-05-15", NOW_MS - 14 * HOUR},
      {"2024-05-15 14:00", NOW_MS},
      {"2024-05-15T14:00:00.250", NOW_MS + 250},
      {"2024-05-15T12:00:00Z", NOW_MS},
      {"2024-05-15T12:00Z", NOW_MS},
      {"2024-05-15T08:00:00-04:00", NOW_MS},
      {"2024-05-15T17:30:00+0530", NOW_MS},
      {"1715774400", NOW_MS},
      {"1715774400.5", NOW_MS + 500},
      {"@1715774400", NOW_MS},
  };

  (void)state;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    int64_t got = -1;
    int result = timespec_parse(rows[i].text, NOW_MS, &got);

    if (result != 0 || got != rows[i].ms)
      fail_msg("\"%s\": got %lld (%d), wanted %lld", rows[i].text, (long long)got, result,
               (long long)rows[i].ms);
  }
}

static void nonsense_is_refused(void **state)
{
  static const char *const rows[] = {
      "",
      "   ",
      "tomorrowish",
      "10m",
      "ago",
      "10x ago",
      "-",
      "-1h ago",
      "25:00",
      "12:60",
      "2024-13-01",
      "2024-02-30",
      "2024-5-1",
      "2024-05-15T",
      "2024-05-15T12:00:00+9",
      "1715774400x",
      "now now",
      "yesterday 7",
      "99999999999999999999",
      "-99999999d",
      "2024-05-15x",
      "today 14:00 15:00",
  };

  (void)state;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    int64_t got = 42;

    if (timespec_parse(rows[i], NOW_MS, &got) != -EINVAL || got != 42)
      fail_msg("\"%s\" was taken as %lld", rows[i], (long long)got);
  }
}

static void durations_have_units(void **state)
{
  int64_t ns = 0;

  (void)state;
  assert_int_equal(timespec_parse_duration("90", &ns), 0);
  assert_int_equal(ns, 90 * INT64_C(1000000000));
  assert_int_equal(timespec_parse_duration("1m30s", &ns), 0);
  assert_int_equal(ns, 90 * INT64_C(1000000000));
  assert_int_equal(timespec_parse_duration("0.5s", &ns), 0);
  assert_int_equal(ns, 500 * INT64_C(1000000));
  assert_int_equal(timespec_parse_duration("250ms", &ns), 0);
  assert_int_equal(ns, 250 * INT64_C(1000000));
  assert_int_equal(timespec_parse_duration("0", &ns), -EINVAL);
  assert_int_equal(timespec_parse_duration("1h ago", &ns), -EINVAL);
  assert_int_equal(timespec_parse_duration("-5s", &ns), -EINVAL);
  assert_int_equal(timespec_parse_duration("999999999w", &ns), -EINVAL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(times_mean_what_people_mean),
      cmocka_unit_test(nonsense_is_refused),
      cmocka_unit_test(durations_have_units),
  };

  return cmocka_run_group_tests(tests, set_zone, NULL);
}
