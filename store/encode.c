/* encode.c - the rules of encode.h as code. Not here: where the integers are kept (series.c,
 * replay.c). */
#include "store/encode.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "store/schema.h"

#define NS_PER_MS 1000000
#define REAL_MAX 9e15 /* beyond it a double has no hundredths anyway */

#define ALL_COLUMNS UINT32_MAX

static const struct {
  enum relation relation;
  uint32_t column;
} soft_columns[] = {
    {RELATION_CALL_GRAPH, ALL_COLUMNS},
    {RELATION_ALERTS, ALERTS_SUMMARY},
    {RELATION_ALERTS, ALERTS_DETAIL},
    {RELATION_GAPS, GAPS_COUNT},
};

static bool is_soft(enum relation relation, unsigned column)
{
  for (unsigned i = 0; i < sizeof(soft_columns) / sizeof(soft_columns[0]); i++)
    if (soft_columns[i].relation == relation &&
        (soft_columns[i].column == column || soft_columns[i].column == ALL_COLUMNS))
      return true;
  return false;
}

static enum encode_rule rule_of(enum relation relation, unsigned column)
{
  const struct column *info = &relation_info(relation)->columns[column];

  if (relation == RELATION_ACTORS && column == ACTORS_DEPTH_TREND)
    return ENCODE_TREND;
  if (info->flags & COLUMN_AGE) /* age_ms is how old the row itself is, in every relation */
    return strcmp(info->name, "age_ms") == 0 ? ENCODE_READ : ENCODE_AGE;
  switch (info->type) {
  case COLUMN_INT:
    return ENCODE_INT;
  case COLUMN_REAL:
    return ENCODE_REAL;
  case COLUMN_ENUM:
    return ENCODE_ENUM;
  case COLUMN_TEXT:
    return ENCODE_TEXT;
  }
  return ENCODE_INT;
}

void encode_plan_init(struct encode_plan *plan, enum relation relation)
{
  const struct relation_info *info = relation_info(relation);

  *plan = (struct encode_plan){.relation = relation, .depth = -1};
  assert(info->column_count <= ENCODE_COLUMNS_MAX);
  for (unsigned c = 0; c < info->column_count; c++) {
    struct encode_column column = {
        .column = (uint8_t)c,
        .rule = (uint8_t)rule_of(relation, c),
        .soft = is_soft(relation, c),
    };

    if (info->columns[c].flags & COLUMN_KEY)
      plan->sort_count++;
    if (relation == RELATION_ACTORS && c == ACTORS_DEPTH)
      plan->depth = (int)plan->row_count;
    if (schema_in_key(relation, c))
      plan->key[plan->key_count++] = column;
    else
      plan->row[plan->row_count++] = column;
  }
}

static int64_t encode_real(double value)
{
  if (isnan(value))
    return ENCODE_NULL;
  value *= ENCODE_REAL_SCALE;
  if (value > REAL_MAX)
    value = REAL_MAX;
  if (value < -REAL_MAX)
    value = -REAL_MAX;
  return (int64_t)(value < 0 ? value - 0.5 : value + 0.5);
}

/* The instant an age counts from. Ages come from clocks of 64 bits, but also from files. */
static int64_t instant_ns(int64_t age_ms, const struct encode_now *now)
{
  int64_t age_ns, instant;

  if (__builtin_mul_overflow(age_ms, (int64_t)NS_PER_MS, &age_ns) ||
      __builtin_sub_overflow((int64_t)now->mono_ns, age_ns, &instant))
    return INT64_MIN;
  return instant;
}

static bool is_about(int64_t age_ms, int64_t other_ms)
{
  return other_ms != VALUE_UNKNOWN && age_ms - other_ms <= 1 && other_ms - age_ms <= 1;
}

static int64_t encode_read(int64_t age_ms, const struct encode_now *now)
{
  enum encode_age mode = ENCODE_FRESH;

  if (age_ms == VALUE_UNKNOWN || age_ms < 0 || age_ms > INT64_MAX >> 2)
    return ENCODE_NULL;
  if (is_about(age_ms, now->target_swept_ms))
    mode = ENCODE_AS_SWEPT;
  else if (is_about(age_ms, now->target_age_ms))
    mode = ENCODE_AS_TARGET;
  else if (now->last_mono_ns && instant_ns(age_ms, now) <= (int64_t)now->last_mono_ns)
    mode = ENCODE_AGEING;
  return age_ms << 2 | mode;
}

const void *encode_cells(const struct encode_column *column, const struct snapshot *snapshot,
                         enum relation relation)
{
  switch (relation_info(relation)->columns[column->column].type) {
  case COLUMN_REAL:
    return snapshot_reals(snapshot, relation, column->column);
  case COLUMN_ENUM:
    return snapshot_enums(snapshot, relation, column->column);
  case COLUMN_INT:
    return snapshot_ints(snapshot, relation, column->column);
  case COLUMN_TEXT:
    break;
  }
  return NULL;
}

int64_t encode_value(const struct encode_column *column, const void *cells, uint32_t row,
                     const struct encode_now *now)
{
  uint8_t word;

  switch ((enum encode_rule)column->rule) {
  case ENCODE_REAL:
    return encode_real(((const double *)cells)[row]);
  case ENCODE_ENUM:
    word = ((const uint8_t *)cells)[row];
    return word == ENUM_UNKNOWN ? ENCODE_NULL : word;
  case ENCODE_READ:
    return encode_read(((const int64_t *)cells)[row], now);
  case ENCODE_INT:
  case ENCODE_AGE:
  case ENCODE_TREND:
    return ((const int64_t *)cells)[row];
  case ENCODE_TEXT:
    break;
  }
  assert(!"a text is encoded by its number");
  return ENCODE_NULL;
}

double encode_real_back(int64_t value)
{
  return value == ENCODE_NULL ? (double)NAN : (double)value / ENCODE_REAL_SCALE;
}

/* The class of a depth, 4 bits, as the dictionary defines depth_trend. */
static uint64_t trend_class(int64_t depth)
{
  unsigned bits;

  if (depth <= 0)
    return 0;
  bits = 64 - (unsigned)__builtin_clzll((uint64_t)depth);
  return bits > 15 ? 15 : bits;
}

static int64_t carry_trend(int64_t trend, uint64_t ticks, int64_t depth)
{
  uint64_t shifted = (uint64_t)trend;

  if (depth == VALUE_UNKNOWN)
    return trend;
  for (uint64_t i = 0; i < ticks && i < 16; i++)
    shifted = shifted << 4 | trend_class(depth);
  return (int64_t)shifted;
}

static int64_t carry_age(int64_t age_ms, const struct encode_now *then,
                         const struct encode_now *now)
{
  int64_t instant = instant_ns(age_ms, then);

  if (instant == INT64_MIN || (int64_t)now->mono_ns < instant)
    return age_ms;
  return ((int64_t)now->mono_ns - instant) / NS_PER_MS;
}

static int64_t carry_read(int64_t value, const struct encode_now *then,
                          const struct encode_now *now)
{
  int64_t age_ms = value >> 2;

  switch ((enum encode_age)(value & 3)) {
  case ENCODE_AS_TARGET:
    return now->target_age_ms != VALUE_UNKNOWN ? now->target_age_ms : age_ms;
  case ENCODE_AS_SWEPT:
    return now->target_swept_ms != VALUE_UNKNOWN ? now->target_swept_ms : age_ms;
  case ENCODE_AGEING:
    return carry_age(age_ms, then, now);
  case ENCODE_FRESH:
    break;
  }
  return age_ms;
}

int64_t encode_carry(const struct encode_column *column, int64_t value,
                     const struct encode_now *then, const struct encode_now *now, int64_t depth)
{
  if (value == ENCODE_NULL)
    return value;
  switch ((enum encode_rule)column->rule) {
  case ENCODE_AGE:
    return carry_age(value, then, now);
  case ENCODE_READ:
    return carry_read(value, then, now);
  case ENCODE_TREND:
    return carry_trend(value, now->tick - then->tick, depth);
  case ENCODE_INT:
  case ENCODE_REAL:
  case ENCODE_ENUM:
  case ENCODE_TEXT:
    break;
  }
  return value;
}

/* Ages are whole milliseconds of an instant that is not: the same instant moves by less than
 * one. */
static bool same_instant(int64_t a_ms, const struct encode_now *a, int64_t b_ms,
                         const struct encode_now *b)
{
  int64_t difference = instant_ns(a_ms, a) - instant_ns(b_ms, b);

  return difference <= NS_PER_MS && difference >= -NS_PER_MS;
}

/* Several ways to say an age may be true at once: the one that was written counts. */
static bool read_differs(int64_t written, const struct encode_now *then, int64_t value,
                         const struct encode_now *now)
{
  switch ((enum encode_age)(written & 3)) {
  case ENCODE_AS_TARGET:
    return !is_about(value >> 2, now->target_age_ms);
  case ENCODE_AS_SWEPT:
    return !is_about(value >> 2, now->target_swept_ms);
  case ENCODE_AGEING:
    return !same_instant(written >> 2, then, value >> 2, now);
  case ENCODE_FRESH:
    break;
  }
  return (value & 3) != ENCODE_FRESH;
}

bool encode_differs(const struct encode_column *column, int64_t written,
                    const struct encode_now *then, int64_t value, const struct encode_now *now,
                    int64_t depth)
{
  if (column->rule == ENCODE_TREND && written != ENCODE_NULL)
    return value != carry_trend(written, now->tick - then->tick, depth);
  if (value == ENCODE_NULL || written == ENCODE_NULL)
    return value != written;
  if (column->rule == ENCODE_AGE)
    return !same_instant(written, then, value, now);
  if (column->rule == ENCODE_READ)
    return read_differs(written, then, value, now);
  return value != written;
}
