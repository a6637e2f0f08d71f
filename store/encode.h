/*
 * encode.h - how a value of the dictionary is kept as an integer, when it counts as changed, and
 * back again.
 *
 *    rule   which columns                kept as                          rounding in a replay
 *    INT    COLUMN_INT                   itself                           none
 *    REAL   COLUMN_REAL                  hundredths                       0.005
 *    ENUM   COLUMN_ENUM                  its number                       none
 *    TEXT   COLUMN_TEXT                  number in the table `text`       none
 *    AGE    COLUMN_AGE                   itself; ageing is no change      1 ms
 *    READ   age_ms                       age << 2 | how it moves          1 ms; 1 tick where it was
 *                                                                         read in between
 *    TREND  actors.depth_trend           itself; shifting is no change    none
 *
 * Unknown is NULL. A *soft* column (a counter or a text that would change in every tick) is only
 * written along with another column or with the next keyframe: all that is counted in call_graph,
 * the summary and detail of alerts, the count of gaps. In a replay they are up to
 * SCHEMA_KEYFRAME_TICKS old.
 *
 * How an age_ms moves (enum encode_age): with the full sweeps of its target or with all that is read
 * of it (so that only the target's row need be written), by ageing (it was not read since), or fresh
 * (it was read since the last tick). Which of them was written stays as long as it holds: a row that
 * is read by each full sweep alone, and one that is read between them as well, are written once.
 *
 * Pure: no I/O, no allocation.
 */
#ifndef IMPASSE_STORE_ENCODE_H
#define IMPASSE_STORE_ENCODE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/dictionary.h"
#include "model/snapshot.h"

#define ENCODE_NULL INT64_MIN
#define ENCODE_COLUMNS_MAX 32
#define ENCODE_REAL_SCALE 100

enum encode_rule {
  ENCODE_INT,
  ENCODE_REAL,
  ENCODE_ENUM,
  ENCODE_TEXT,
  ENCODE_AGE,
  ENCODE_READ,
  ENCODE_TREND
};

enum encode_age { ENCODE_AS_TARGET, ENCODE_FRESH, ENCODE_AGEING, ENCODE_AS_SWEPT };

struct encode_column {
  uint8_t column; /* number in the dictionary */
  uint8_t rule;   /* enum encode_rule */
  bool soft;
};

/* The columns of a relation by the table that they are kept in. */
struct encode_plan {
  enum relation relation;
  unsigned key_count, row_count;
  unsigned sort_count; /* of key[]: the COLUMN_KEY ones, which come first */
  int depth;           /* in row[]: the depth that TREND shifts in, or -1 */
  struct encode_column key[ENCODE_COLUMNS_MAX]; /* R_key */
  struct encode_column row[ENCODE_COLUMNS_MAX]; /* R_row */
};

void encode_plan_init(struct encode_plan *plan, enum relation relation);

/* What is needed to encode a row beside its values. */
struct encode_now {
  uint64_t tick; /* of the recording */
  uint64_t mono_ns;
  uint64_t last_mono_ns; /* of the tick before, 0 = none */
  /* age_ms and swept_ms of the row's target, VALUE_UNKNOWN where it has none or is the row itself */
  int64_t target_age_ms, target_swept_ms;
};

/* The cells of a column but a TEXT one (which needs the table `text`), and one of them encoded. */
const void *encode_cells(const struct encode_column *column, const struct snapshot *snapshot,
                         enum relation relation);
int64_t encode_value(const struct encode_column *column, const void *cells, uint32_t row,
                     const struct encode_now *now);

/* The inverse for REAL: the number that hundredths stand for. */
double encode_real_back(int64_t value);

/* What a value written at `then` is said to be now, if no newer row says otherwise. `depth` is the
 * row's depth at `then` (for TREND). The inverse of encode_value for then == now. READ comes back
 * as age_ms. */
int64_t encode_carry(const struct encode_column *column, int64_t value,
                     const struct encode_now *then, const struct encode_now *now, int64_t depth);

/* Whether `value` at `now` is something else than what `written` at `then` would be said to be. */
bool encode_differs(const struct encode_column *column, int64_t written,
                    const struct encode_now *then, int64_t value, const struct encode_now *now,
                    int64_t depth);

#endif
