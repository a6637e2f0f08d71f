/* timespec.c - see timespec.h. Not here: printing of times. */
#include "collector/timespec.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define MS_PER_DAY (INT64_C(86400) * 1000)
#define NS_PER_MS INT64_C(1000000)
#define DURATION_MAX_MS (MS_PER_DAY * 36525)
#define TIME_MAX_MS (INT64_C(253402300800) * 1000) /* the year 10000 */

static const struct {
  const char *name;
  int64_t ms;
} units[] = {
    {"ms", 1},
    {"s", 1000},
    {"sec", 1000},
    {"second", 1000},
    {"seconds", 1000},
    {"m", 60000},
    {"min", 60000},
    {"minute", 60000},
    {"minutes", 60000},
    {"h", 3600000},
    {"hour", 3600000},
    {"hours", 3600000},
    {"d", MS_PER_DAY},
    {"day", MS_PER_DAY},
    {"days", MS_PER_DAY},
    {"w", 7 * MS_PER_DAY},
    {"week", 7 * MS_PER_DAY},
    {"weeks", 7 * MS_PER_DAY},
};

static void skip_space(const char **text)
{
  while (isspace((unsigned char)**text))
    (*text)++;
}

/* Decimal digits with an optional fraction, as thousandths; more than three digits of a fraction
 * are cut. */
static int take_thousandths(const char **text, int64_t *ret_value)
{
  const char *p = *text;
  int64_t value = 0, scale = 100;

  if (!isdigit((unsigned char)*p))
    return -EINVAL;
  for (; isdigit((unsigned char)*p); p++) {
    value = value * 10 + (*p - '0');
    if (value > TIME_MAX_MS / 1000)
      return -EINVAL;
  }
  value *= 1000;
  if (*p == '.' && isdigit((unsigned char)p[1]))
    for (p++; isdigit((unsigned char)*p); p++, scale /= 10)
      value += (*p - '0') * scale;
  *text = p;
  *ret_value = value;
  return 0;
}

static int take_unit(const char **text, int64_t *ret_ms)
{
  size_t length = 0;

  while (isalpha((unsigned char)(*text)[length]))
    length++;
  for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
    if (strlen(units[i].name) == length && strncasecmp(units[i].name, *text, length) == 0) {
      *text += length;
      *ret_ms = units[i].ms;
      return 0;
    }
  }
  return -EINVAL;
}

static bool at_word(const char *text, const char *word)
{
  size_t length = strlen(word);

  return strncasecmp(text, word, length) == 0 && !isalnum((unsigned char)text[length]);
}

/* "1h30m", "90", "1 h 30 min"; stops at the word "ago" or at the end. */
static int take_duration(const char **text, int64_t *ret_ms)
{
  int64_t total = 0;
  bool any = false;

  for (skip_space(text); isdigit((unsigned char)**text); skip_space(text)) {
    int64_t number, unit = 1000;

    if (take_thousandths(text, &number) < 0)
      return -EINVAL;
    skip_space(text);
    if (isalpha((unsigned char)**text) && !at_word(*text, "ago") && take_unit(text, &unit) < 0)
      return -EINVAL;
    if (number / 1000 > DURATION_MAX_MS / unit)
      return -EINVAL;
    total += number / 1000 * unit + number % 1000 * unit / 1000;
    if (total > DURATION_MAX_MS)
      return -EINVAL;
    any = true;
  }
  if (!any)
    return -EINVAL;
  *ret_ms = total;
  return 0;
}

/* Exactly `digits` decimal digits between low and high. */
static int take_field(const char **text, int digits, int low, int high, int *ret_value)
{
  int value = 0;

  for (int i = 0; i < digits; i++) {
    if (!isdigit((unsigned char)(*text)[i]))
      return -EINVAL;
    value = value * 10 + ((*text)[i] - '0');
  }
  if (value < low || value > high)
    return -EINVAL;
  *text += digits;
  *ret_value = value;
  return 0;
}

/* HH:MM[:SS[.fraction]] into tm and *ret_ms (the fraction). */
static int take_clock(const char **text, struct tm *tm, int64_t *ret_ms)
{
  int64_t seconds;

  if (take_field(text, 2, 0, 23, &tm->tm_hour) < 0 || *(*text)++ != ':' ||
      take_field(text, 2, 0, 59, &tm->tm_min) < 0)
    return -EINVAL;
  if (**text != ':')
    return 0;
  (*text)++;
  if (take_thousandths(text, &seconds) < 0 || seconds >= 61000)
    return -EINVAL;
  tm->tm_sec = (int)(seconds / 1000);
  *ret_ms = seconds % 1000;
  return 0;
}

/* Z or +HH:MM; *ret_seconds east of Greenwich. *ret_given says whether there was one. */
static int take_zone(const char **text, long *ret_seconds, bool *ret_given)
{
  int hours, minutes, sign;

  *ret_given = false;
  skip_space(text);
  if (toupper((unsigned char)**text) == 'Z') {
    (*text)++;
    *ret_seconds = 0;
    *ret_given = true;
    return 0;
  }
  if (**text != '+' && **text != '-')
    return 0;
  sign = *(*text)++ == '-' ? -1 : 1;
  if (take_field(text, 2, 0, 23, &hours) < 0)
    return -EINVAL;
  if (**text == ':')
    (*text)++;
  if (take_field(text, 2, 0, 59, &minutes) < 0)
    return -EINVAL;
  *ret_seconds = sign * (hours * 3600L + minutes * 60L);
  *ret_given = true;
  return 0;
}

static bool at_end(const char *text)
{
  skip_space(&text);
  return *text == '\0';
}

static int local_ms(struct tm *tm, int64_t fraction_ms, int64_t *ret_ms)
{
  time_t seconds;

  tm->tm_isdst = -1;
  seconds = mktime(tm);
  if (seconds == (time_t)-1)
    return -EINVAL;
  *ret_ms = (int64_t)seconds * 1000 + fraction_ms;
  return 0;
}

/* [CLOCK] of the day that is `days_back` before the one of now. */
static int parse_day(const char *text, int64_t now_ms, int days_back, int64_t *ret_ms)
{
  time_t now = (time_t)(now_ms / 1000);
  struct tm tm;
  int64_t fraction = 0;

  if (!localtime_r(&now, &tm))
    return -EINVAL;
  tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
  tm.tm_mday -= days_back;
  skip_space(&text);
  if (*text != '\0' && take_clock(&text, &tm, &fraction) < 0)
    return -EINVAL;
  return at_end(text) ? local_ms(&tm, fraction, ret_ms) : -EINVAL;
}

/* Does the calendar know that day? timegm() would turn 31 February into 3 March. */
static bool day_exists(const struct tm *tm)
{
  struct tm copy = *tm;

  copy.tm_hour = 12;
  copy.tm_min = copy.tm_sec = 0;
  return timegm(&copy) != (time_t)-1 && copy.tm_mday == tm->tm_mday && copy.tm_mon == tm->tm_mon;
}

static int parse_date(const char *text, int64_t *ret_ms)
{
  struct tm tm = {0};
  int64_t fraction = 0;
  long east = 0;
  bool zoned = false;

  if (take_field(&text, 4, 1970, 9999, &tm.tm_year) < 0 || *text++ != '-' ||
      take_field(&text, 2, 1, 12, &tm.tm_mon) < 0 || *text++ != '-' ||
      take_field(&text, 2, 1, 31, &tm.tm_mday) < 0)
    return -EINVAL;
  tm.tm_year -= 1900;
  tm.tm_mon -= 1;
  if (!day_exists(&tm))
    return -EINVAL;
  if (!at_end(text)) {
    if (toupper((unsigned char)*text) != 'T' && *text != ' ')
      return -EINVAL;
    text++;
    if (take_clock(&text, &tm, &fraction) < 0 || take_zone(&text, &east, &zoned) < 0)
      return -EINVAL;
  }
  if (!at_end(text))
    return -EINVAL;
  if (!zoned)
    return local_ms(&tm, fraction, ret_ms);
  *ret_ms = ((int64_t)timegm(&tm) - east) * 1000 + fraction;
  return 0;
}

/* "10m ago", "-10m", "+10m"; `text` stands behind the sign. */
static int parse_relative(const char *text, int sign, bool ago, int64_t now_ms, int64_t *ret_ms)
{
  int64_t ms;

  if (take_duration(&text, &ms) < 0)
    return -EINVAL;
  if (at_word(text, "ago")) {
    if (!ago)
      return -EINVAL;
    text += 3;
  } else if (ago) {
    return -EINVAL;
  }
  if (!at_end(text))
    return -EINVAL;
  *ret_ms = now_ms + sign * ms;
  return 0;
}

static int parse_epoch(const char *text, int64_t *ret_ms)
{
  int64_t ms;

  if (take_thousandths(&text, &ms) < 0 || !at_end(text))
    return -EINVAL;
  *ret_ms = ms;
  return 0;
}

int timespec_parse(const char *text, int64_t now_ms, int64_t *ret_ms)
{
  skip_space(&text);
  if (at_word(text, "now") && at_end(text + 3)) {
    *ret_ms = now_ms;
    return 0;
  }
  if (at_word(text, "today"))
    return parse_day(text + 5, now_ms, 0, ret_ms);
  if (at_word(text, "yesterday"))
    return parse_day(text + 9, now_ms, 1, ret_ms);
  if (*text == '-' || *text == '+')
    return parse_relative(text + 1, *text == '-' ? -1 : 1, false, now_ms, ret_ms);
  if (*text == '@')
    return parse_epoch(text + 1, ret_ms);
  if (parse_epoch(text, ret_ms) == 0 || parse_date(text, ret_ms) == 0)
    return 0;
  if (isdigit((unsigned char)text[0]) && isdigit((unsigned char)text[1]) && text[2] == ':')
    return parse_day(text, now_ms, 0, ret_ms);
  return parse_relative(text, -1, true, now_ms, ret_ms);
}

int timespec_parse_duration(const char *text, int64_t *ret_ns)
{
  int64_t ms;

  if (take_duration(&text, &ms) < 0 || !at_end(text) || ms == 0)
    return -EINVAL;
  *ret_ns = ms * NS_PER_MS;
  return 0;
}
