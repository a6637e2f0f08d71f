/* format.c - values as people read them. Not here: cells and styles. */
#include "tui/format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define UNKNOWN "-"

/* Three figures and a letter: 1.23k, 12.3k, 123k. */
static char *scaled(char *buffer, double value, double step, const char *letters)
{
  size_t letter = 0;

  while (value >= 999.5 && letters[letter + 1]) {
    value /= step;
    letter++;
  }
  (void)snprintf(buffer, FORMAT_SIZE,
                 value < 9.995   ? "%.2f%c"
                 : value < 99.95 ? "%.1f%c"
                                 : "%.0f%c",
                 value, letters[letter]);
  return buffer;
}

char *format_count(char buffer[FORMAT_SIZE], int64_t count)
{
  if (count == VALUE_UNKNOWN) {
    (void)snprintf(buffer, FORMAT_SIZE, UNKNOWN);
  } else if (count > -10000 && count < 10000) {
    (void)snprintf(buffer, FORMAT_SIZE, "%lld", (long long)count);
  } else if (count < 0) {
    buffer[0] = '-';
    (void)scaled(buffer + 1, -(double)count / 1000, 1000, "kMGTPE");
  } else {
    (void)scaled(buffer, (double)count / 1000, 1000, "kMGTPE");
  }
  return buffer;
}

char *format_rate(char buffer[FORMAT_SIZE], double per_s, bool sign)
{
  double size = fabs(per_s);
  char *end = buffer;

  if (isnan(per_s)) {
    (void)snprintf(buffer, FORMAT_SIZE, UNKNOWN);
    return buffer;
  }
  if (size < 0.005) {
    (void)snprintf(buffer, FORMAT_SIZE, "0");
    return buffer;
  }
  if (per_s < 0)
    *end++ = '-';
  else if (sign)
    *end++ = '+';
  if (size >= 9999.5)
    (void)scaled(end, size / 1000, 1000, "kMGTPE");
  else
    (void)snprintf(end, FORMAT_SIZE - 1,
                   size < 0.995  ? "%.2f"
                   : size < 9.95 ? "%.1f"
                                 : "%.0f",
                   size);
  return buffer;
}

char *format_bytes(char buffer[FORMAT_SIZE], int64_t bytes)
{
  if (bytes == VALUE_UNKNOWN || bytes < 0)
    (void)snprintf(buffer, FORMAT_SIZE, UNKNOWN);
  else if (bytes < 1000)
    (void)snprintf(buffer, FORMAT_SIZE, "%dB", (int)bytes);
  else
    (void)scaled(buffer, (double)bytes / 1024, 1024, "KMGTPE");
  return buffer;
}

char *format_duration(char buffer[FORMAT_SIZE], int64_t ms)
{
  int64_t s = ms / 1000 + (ms % 1000 >= 950); /* 59.96 s is a minute, not 60.0 s */

  if (ms == VALUE_UNKNOWN || ms < 0)
    (void)snprintf(buffer, FORMAT_SIZE, UNKNOWN);
  else if (ms < 59950)
    (void)snprintf(buffer, FORMAT_SIZE, "%.1fs", (double)ms / 1000);
  else if (s < 3600)
    (void)snprintf(buffer, FORMAT_SIZE, "%dm %02ds", (int)(s / 60), (int)(s % 60));
  else if (s < 86400)
    (void)snprintf(buffer, FORMAT_SIZE, "%dh %02dm", (int)(s / 3600), (int)(s / 60 % 60));
  else
    (void)snprintf(buffer, FORMAT_SIZE, "%lldd %02dh", (long long)(s / 86400),
                   (int)(s / 3600 % 24));
  return buffer;
}

char *format_seconds(char buffer[FORMAT_SIZE], int64_t s)
{
  if (s < 0 || s >= 60)
    return format_duration(buffer, s < 0 || s > INT64_MAX / 1000 ? VALUE_UNKNOWN : s * 1000);
  (void)snprintf(buffer, FORMAT_SIZE, "%ds", (int)s);
  return buffer;
}

char *format_permille(char buffer[FORMAT_SIZE], int64_t permille)
{
  if (permille == VALUE_UNKNOWN)
    (void)snprintf(buffer, FORMAT_SIZE, UNKNOWN);
  else
    (void)snprintf(buffer, FORMAT_SIZE, permille > -1000 && permille < 1000 ? "%.1f%%" : "%.0f%%",
                   (double)permille / 10);
  return buffer;
}

/* A bar of `eighths` (0 blank .. 8 full), U+2581 .. U+2588. */
static char *bar(char *at, unsigned eighths)
{
  if (!eighths) {
    *at++ = ' ';
  } else {
    *at++ = '\xe2';
    *at++ = '\x96';
    *at++ = (char)(0x80 + eighths);
  }
  *at = '\0';
  return at;
}

char *format_trend(char buffer[FORMAT_SIZE], int64_t depth_trend, unsigned cells)
{
  char *at = buffer;

  *at = '\0';
  if (depth_trend == VALUE_UNKNOWN)
    return buffer;
  for (unsigned i = cells < 16 ? cells : 16; i > 0; i--)
    at = bar(at, (unsigned)(((uint64_t)depth_trend >> (4 * (i - 1)) & 15) + 1) / 2);
  return buffer;
}

char *format_bars(char buffer[FORMAT_SIZE], const int64_t *values, unsigned count)
{
  int64_t largest = 1;
  char *at = buffer;

  *at = '\0';
  count = count < 16 ? count : 16;
  for (unsigned i = 0; i < count; i++)
    largest = values[i] > largest ? values[i] : largest;
  for (unsigned i = 0; i < count; i++)
    at = bar(at, values[i] <= 0 ? 0 : 1 + (unsigned)(7 * ((double)values[i] / (double)largest)));
  return buffer;
}

static bool ends_with(const char *text, const char *end)
{
  size_t length = strlen(text), n = strlen(end);

  return length >= n && strcmp(text + length - n, end) == 0;
}

static char *format_us(char *buffer, int64_t us)
{
  if (us == VALUE_UNKNOWN || us < 0)
    (void)snprintf(buffer, FORMAT_SIZE, UNKNOWN);
  else if (us < 1000)
    (void)snprintf(buffer, FORMAT_SIZE, "%dus", (int)us);
  else if (us < 1000000)
    (void)snprintf(buffer, FORMAT_SIZE, "%.*fms", us < 9950 ? 1 : 0, (double)us / 1000);
  else
    (void)format_duration(buffer, us / 1000);
  return buffer;
}

static char *format_since(char *buffer, int64_t s, int64_t wall_ms)
{
  if (s == VALUE_UNKNOWN || s > INT64_MAX / 2000 || s < 0)
    return strcpy(buffer, UNKNOWN);
  return format_seconds(buffer, wall_ms / 1000 > s ? wall_ms / 1000 - s : 0);
}

static char *format_exact(char *buffer, int64_t value)
{
  if (value == VALUE_UNKNOWN)
    return strcpy(buffer, UNKNOWN);
  (void)snprintf(buffer, FORMAT_SIZE, "%lld", (long long)value);
  return buffer;
}

/* The unit of an integer column decides how it is read; numbers that are names (pid, keys) have
 * no unit. */
static const struct {
  const char *unit;
  char *(*format)(char *buffer, int64_t value);
} by_unit[] = {
    {"", format_exact},
    {"bytes", format_bytes},
    {"milliseconds", format_duration},
    {"microseconds", format_us},
    {"1/1000 of a core", format_permille},
    {"1/1000 of the time", format_permille},
};

const char *format_value(char buffer[FORMAT_SIZE], enum relation relation, unsigned column,
                         struct value value, int64_t wall_ms)
{
  const struct column *info = &relation_info(relation)->columns[column];

  if (!value.known)
    return strcpy(buffer, UNKNOWN);
  if (value.type == COLUMN_TEXT || value.type == COLUMN_ENUM)
    return value.text;
  if (value.type == COLUMN_REAL)
    return format_rate(buffer, value.real, strcmp(info->name, "growth_per_s") == 0);
  if (relation == RELATION_ACTORS && column == ACTORS_DEPTH_TREND)
    return format_trend(buffer, value.integer, 16);
  if (strcmp(info->unit, "Unix seconds") == 0)
    return format_since(buffer, value.integer, wall_ms);
  for (size_t i = 0; i < sizeof by_unit / sizeof *by_unit; i++)
    if (strcmp(info->unit, by_unit[i].unit) == 0)
      return by_unit[i].format(buffer, value.integer);
  return format_count(buffer, value.integer);
}

const char *format_cell(char buffer[FORMAT_SIZE], const struct snapshot *s, enum relation relation,
                        unsigned column, uint32_t row)
{
  struct value value = snapshot_value(s, relation, column, row);

  if (relation == RELATION_ACTORS && (column == ACTORS_DEPTH || column == ACTORS_CAPACITY) &&
      value.known && snapshot_enum(s, relation, ACTORS_DEPTH_UNIT, row) == DEPTH_BYTES)
    return format_bytes(buffer, value.integer);
  if (relation == RELATION_TABLES && column == TABLES_MAX_WAIT_US && value.known && !value.integer)
    return strcpy(buffer, "none"); /* that ended: others may last */
  return format_value(buffer, relation, column, value, snapshot_about(s).now.wall_ms);
}

char *format_heading(char buffer[FORMAT_SIZE], const struct column *column)
{
  static const struct {
    const char *suffix, *shown;
  } suffixes[] = {{"_per_s", "/s"}, {"_permille", "%"}, {"_ms", ""}, {"_us", ""}, {"_bytes", ""}};

  (void)snprintf(buffer, FORMAT_SIZE - 4, "%s", column->name);
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
    if (ends_with(buffer, suffixes[i].suffix)) {
      strcpy(buffer + strlen(buffer) - strlen(suffixes[i].suffix), suffixes[i].shown);
      break;
    }
  }
  for (char *c = buffer; *c; c++)
    *c = *c == '_' ? ' ' : *c;
  return buffer;
}

char *format_clock(char buffer[FORMAT_SIZE], int64_t wall_ms, bool date)
{
  time_t seconds = (time_t)(wall_ms / 1000);
  struct tm tm;

  if (!localtime_r(&seconds, &tm) ||
      !strftime(buffer, FORMAT_SIZE, date ? "%Y-%m-%d %H:%M:%S" : "%H:%M:%S", &tm))
    return strcpy(buffer, UNKNOWN);
  return buffer;
}
