/* phrase.c - see phrase.h. */
#include "model/phrase.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/utf8.h"

void phrase_add(struct phrase *phrase, const char *format, ...)
{
  size_t room = sizeof(phrase->text) - phrase->length;
  char *at = phrase->text + phrase->length;
  va_list list;

  va_start(list, format);
  int n = vsnprintf(at, room, format, list);
  va_end(list);
  if (n < 0)
    return;
  size_t fits = (size_t)n < room ? (size_t)n : utf8_prefix(at, room - 2);
  at[fits] = '\0';
  phrase->length += fits;
}

void phrase_name(struct phrase *phrase, const char *name)
{
  if (!name) {
    phrase_add(phrase, "?");
    return;
  }
  size_t n = utf8_prefix(name, PHRASE_NAME_BYTES);
  phrase_add(phrase, "%.*s%s", (int)n, name, name[n] ? "..." : "");
}

void phrase_key(struct phrase *phrase, const char *rule, const char *target)
{
  phrase_add(phrase, "%s/", rule);
  phrase_name(phrase, target);
  phrase_add(phrase, "/");
}

/* Three significant digits below 10, two above. */
static void scaled(struct phrase *phrase, double value, double base, const char *const *units)
{
  unsigned i = 0;

  while (fabs(value) >= base * 0.9995 && units[i + 1]) {
    value /= base;
    i++;
  }
  double step = 1;
  while (fabs(value) >= 100 * step)
    step *= 10;
  double tenths = round(value * 10) / 10;
  if (fabs(value) < 10 && floor(tenths) != tenths)
    phrase_add(phrase, "%.1f%s", tenths, units[i]);
  else
    phrase_add(phrase, "%.0f%s", round(value / step) * step, units[i]);
}

void phrase_count(struct phrase *phrase, int64_t count)
{
  static const char *const units[] = {"", "k", "M", "G", "T", "P", NULL};

  scaled(phrase, (double)count, 1000, units);
}

void phrase_rate(struct phrase *phrase, double per_s)
{
  static const char *const units[] = {"/s", "k/s", "M/s", "G/s", "T/s", NULL};

  scaled(phrase, per_s, 1000, units);
}

void phrase_bytes(struct phrase *phrase, int64_t bytes)
{
  static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB", NULL};

  scaled(phrase, (double)bytes, 1024, units);
}

void phrase_duration(struct phrase *phrase, int64_t ms)
{
  static const struct {
    int64_t below_ms, unit_ms;
    const char *unit;
  } scales[] = {{1000, 1, "ms"},
                {120000, 1000, "s"},
                {7200000, 60000, "min"},
                {172800000, 3600000, "h"},
                {INT64_MAX, 86400000, "days"}};
  size_t i = 0;

  while (ms >= scales[i].below_ms && i + 1 < sizeof(scales) / sizeof(scales[0]))
    i++;
  phrase_add(phrase, "%lld %s", (long long)(ms / scales[i].unit_ms), scales[i].unit);
}
