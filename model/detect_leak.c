/* detect_leak.c - what swells: mailboxes, the memory of an actor, of a process. Series of samples
 * are kept of what is large only, so that the cost does not depend on how many actors there are.
 * Not here: the statistics, see trend.h. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "model/detect_actor.h"
#include "model/jsontext.h"
#include "model/trend.h"

#define MIB (1024.0 * 1024)
#define SECOND_NS 1000000000ull

enum { SERIES_MAX = 4096 }; /* of each kind */

/* All that can be tuned stands in the next three tables. How often a sample is taken, how long a
 * series has to be before anything is said, and how long that is held: growth of messages a second
 * shows in ten seconds, growth of messages an hour needs a series of its own. */
static const struct pace {
  int64_t spacing_ms;
  int64_t span_ms;
  uint64_t keep_ns;
} fast = {.spacing_ms = 700, .span_ms = 10 * 1000, .keep_ns = 10 * SECOND_NS},
  slow = {.spacing_ms = 30 * 1000, .span_ms = 300 * 1000, .keep_ns = 60 * SECOND_NS};

/* What is watched. */
static const struct kind {
  const char *word;   /* in the detail */
  const char *suffix; /* of the key */
  enum relation relation;
  unsigned column; /* INT */
  const struct pace *pace;
  double smallest; /* below this it is not watched */
  double rise;     /* least growth over the series */
  /* only actors whose mailbox holds more than can be seen (they drain it into a queue of their own,
   * as gen_server2 does): their memory is all that tells how it swells */
  bool hidden_queue;
  uint8_t unit; /* of a depth; connections wait for a moment, or their queue is full */
} kinds[] = {
    {"depth", "", RELATION_ACTORS, ACTORS_DEPTH, &fast, 200, 100, false, DEPTH_MESSAGES},
    {"depth", "", RELATION_ACTORS, ACTORS_DEPTH, &slow, 200, 100, false, DEPTH_MESSAGES},
    {"depth", "", RELATION_ACTORS, ACTORS_DEPTH, &fast, MIB, MIB / 2, false, DEPTH_BYTES},
    {"depth", "", RELATION_ACTORS, ACTORS_DEPTH, &slow, MIB, MIB / 2, false, DEPTH_BYTES},
    {"memory_bytes", " memory", RELATION_ACTORS, ACTORS_MEMORY_BYTES, &fast, 64 * MIB, 16 * MIB,
     false, ENUM_UNKNOWN},
    {"memory_bytes", " memory", RELATION_ACTORS, ACTORS_MEMORY_BYTES, &slow, 64 * MIB, 16 * MIB,
     false, ENUM_UNKNOWN},
    {"memory_bytes", " memory", RELATION_ACTORS, ACTORS_MEMORY_BYTES, &fast, 2 * MIB, 2 * MIB, true,
     ENUM_UNKNOWN},
    {"memory_bytes", " memory", RELATION_ACTORS, ACTORS_MEMORY_BYTES, &slow, 2 * MIB, 2 * MIB, true,
     ENUM_UNKNOWN},
    {"rss_bytes", "memory", RELATION_TARGETS, TARGETS_RSS_BYTES, &fast, 64 * MIB, 16 * MIB, false,
     ENUM_UNKNOWN},
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]), SAMPLES_MIN = 8 };

static const struct {
  double rising;     /* share of pairs that rise: most of the window */
  double recent;     /* the last third still grows with this share of the whole slope */
  double near_limit; /* a process is watched from this share of its limit on */
  double critical_s; /* the limit is so near */
  int64_t critical_depth;
  uint64_t for_ns; /* a start-up ramp has flattened by then */
} limits = {.rising = 0.85,
            .recent = 0.25,
            .near_limit = 0.6,
            .critical_s = 600,
            .critical_depth = 1000000,
            .for_ns = 5 * SECOND_NS};

struct series {
  int64_t target_key, actor; /* VALUE_UNKNOWN: the process itself */
  unsigned count;
  struct trend_point points[TREND_POINTS_MAX];
};

/* All series of one kind, in the order of the rows that they are of: a tick walks both side by
 * side. */
struct series_set {
  struct series **series;
  uint32_t count;
};

struct leak_state {
  struct series_set sets[KINDS];
};

static void *leak_new(void)
{
  return calloc(1, sizeof(struct leak_state));
}

static void set_clear(struct series_set *set)
{
  for (uint32_t i = 0; i < set->count; i++)
    free(set->series[i]);
  free(set->series);
  *set = (struct series_set){0};
}

static void leak_free(void *context)
{
  struct leak_state *state = context;

  for (unsigned k = 0; state && k < KINDS; k++)
    set_clear(&state->sets[k]);
  free(state);
}

static unsigned key_column(enum relation relation)
{
  return relation == RELATION_TARGETS ? (unsigned)TARGETS_TARGET_KEY : (unsigned)ACTORS_TARGET_KEY;
}

static int64_t row_actor(const struct snapshot *s, enum relation relation, uint32_t row)
{
  return relation == RELATION_TARGETS ? VALUE_UNKNOWN
                                      : snapshot_int(s, relation, ACTORS_ACTOR, row);
}

static int64_t row_age_ms(const struct snapshot *s, enum relation relation, uint32_t row)
{
  unsigned column =
      relation == RELATION_TARGETS ? (unsigned)TARGETS_AGE_MS : (unsigned)ACTORS_AGE_MS;
  int64_t age = snapshot_int(s, relation, column, row);

  return age == VALUE_UNKNOWN ? 0 : age;
}

static bool is_depth(const struct kind *kind)
{
  return kind->relation == RELATION_ACTORS && kind->column == ACTORS_DEPTH;
}

static bool is_of_kind(const struct snapshot *s, const struct kind *kind, uint32_t row)
{
  uint8_t unit;

  if (is_depth(kind)) {
    unit = snapshot_enum(s, RELATION_ACTORS, ACTORS_DEPTH_UNIT, row);
    return kind->unit == (unit == ENUM_UNKNOWN ? DEPTH_MESSAGES : unit);
  }
  return !kind->hidden_queue ||
         snapshot_enum(s, RELATION_ACTORS, ACTORS_DEPTH_IS, row) == DEPTH_AT_LEAST;
}

/* The value from which on at most SERIES_MAX rows are watched: when more are large, the largest, by
 * powers of two. */
static int64_t watch_from(const struct snapshot *s, const struct kind *kind, const int64_t *values,
                          uint32_t rows)
{
  double smallest = kind->smallest;
  uint32_t by_bits[64] = {0};
  uint32_t sum = 0;
  int bits = 63;

  for (uint32_t row = 0; row < rows; row++)
    if (values[row] > 0 && is_of_kind(s, kind, row))
      by_bits[63 - __builtin_clzll((unsigned long long)values[row])]++;
  while (bits > 0 && sum + by_bits[bits] <= SERIES_MAX)
    sum += by_bits[bits--];
  if (bits > 0 && sum == 0)
    bits--; /* even the largest are too many: take the first of them */
  int64_t floor = bits > 0 ? (int64_t)1 << (bits + 1) : 1;
  return (double)floor > smallest ? floor : (int64_t)smallest;
}

static void sample(struct series *series, int64_t at_ms, int64_t spacing_ms, double value)
{
  if (series->count > 0 && at_ms - series->points[series->count - 1].at_ms < spacing_ms)
    return;
  if (series->count == TREND_POINTS_MAX) {
    memmove(series->points, series->points + 1, sizeof(series->points) - sizeof(series->points[0]));
    series->count--;
  }
  series->points[series->count++] = (struct trend_point){at_ms, value};
}

static bool grows(const struct series *series, const struct kind *kind, struct trend *ret_trend)
{
  const struct trend_point *first = &series->points[0], *last = &series->points[series->count - 1];

  if (series->count < SAMPLES_MIN || last->at_ms - first->at_ms < kind->pace->span_ms ||
      last->value - first->value < kind->rise)
    return false;
  struct trend t = trend_of(series->points, series->count);
  *ret_trend = t;
  return t.rising >= limits.rising && t.recent_per_s >= limits.recent * t.slope_per_s &&
         t.slope_per_s * (double)(last->at_ms - first->at_ms) / 1000 >= kind->rise;
}

/* What is left until the limit that the value would hit first, in its own unit; VALUE_UNKNOWN where
 * there is none. */
static int64_t room_left(const struct snapshot *s, const struct kind *kind, uint32_t row,
                         int64_t value)
{
  uint32_t target = 0;
  int64_t limit = VALUE_UNKNOWN, used = value;

  if (is_depth(kind)) {
    limit = snapshot_int(s, RELATION_ACTORS, ACTORS_CAPACITY, row);
  } else if (snapshot_find_target(s,
                                  snapshot_int(s, kind->relation, key_column(kind->relation), row),
                                  &target) == 0) {
    limit = snapshot_int(s, RELATION_TARGETS, TARGETS_MEMORY_LIMIT_BYTES, target);
    used = snapshot_int(s, RELATION_TARGETS, TARGETS_RSS_BYTES, target);
  }
  if (limit == VALUE_UNKNOWN || used == VALUE_UNKNOWN)
    return VALUE_UNKNOWN;
  return limit > used ? limit - used : 0;
}

/* A process that swells far below its limit has a cache. */
static bool worth_telling(const struct snapshot *s, const struct kind *kind, uint32_t row,
                          int64_t value)
{
  int64_t limit = VALUE_UNKNOWN;

  if (kind->relation != RELATION_TARGETS)
    return true;
  limit = snapshot_int(s, RELATION_TARGETS, TARGETS_MEMORY_LIMIT_BYTES, row);
  return limit != VALUE_UNKNOWN && (double)value >= limits.near_limit * (double)limit;
}

static void sentence_of(const struct snapshot *s, const struct kind *kind, uint32_t row,
                        const struct trend *trend, int64_t value, double seconds_left,
                        struct phrase *sentence)
{
  bool messages = is_depth(kind) && kind->unit == DEPTH_MESSAGES;

  if (kind->relation == RELATION_TARGETS) {
    phrase_name(sentence, snapshot_text(s, RELATION_TARGETS, TARGETS_TARGET, row));
    phrase_add(sentence, ": its memory");
  } else {
    phrase_add(sentence, messages         ? "the mailbox of "
                         : is_depth(kind) ? "what is unread in "
                                          : "the memory of ");
    phrase_name(sentence, snapshot_text(s, RELATION_ACTORS, ACTORS_NAME, row));
  }
  phrase_add(sentence, " grows by ");
  if (messages) {
    phrase_rate(sentence, trend->slope_per_s);
    phrase_add(sentence, " and holds ");
    phrase_count(sentence, value);
    phrase_add(sentence, " messages");
  } else {
    phrase_bytes(sentence, (int64_t)trend->slope_per_s);
    phrase_add(sentence, "/s and is ");
    phrase_bytes(sentence, value);
    if (kind->hidden_queue)
      phrase_add(sentence, ": it keeps a queue of its own that swells");
  }
  if (!isnan(seconds_left)) {
    phrase_add(sentence, is_depth(kind) ? "; full in " : "; at the limit in ");
    phrase_duration(sentence, (int64_t)(seconds_left * 1000));
  }
}

static void tell(const struct snapshot *s, const struct kind *kind, uint32_t row,
                 const struct trend *trend, int64_t value, struct finding_sink *sink)
{
  int64_t room = room_left(s, kind, row, value);
  double left = room == VALUE_UNKNOWN || room > 1LL << 52 ? NAN : (double)room / trend->slope_per_s;
  bool bytes =
      is_depth(kind) && kind->unit == DEPTH_BYTES; /* full, it only slows down who writes */
  bool deep = is_depth(kind) && !bytes && value > limits.critical_depth;
  struct phrase key = {0}, sentence = {0};
  struct finding f = {0};
  char detail[512];
  struct jsontext json;

  if (kind->relation == RELATION_TARGETS) {
    f.target = snapshot_text(s, RELATION_TARGETS, TARGETS_TARGET, row);
    f.target_key = snapshot_int(s, RELATION_TARGETS, TARGETS_TARGET_KEY, row);
    f.actor = VALUE_UNKNOWN;
    f.certainty = CERTAINTY_CONFIRMED;
    phrase_key(&key, "leak", f.target);
  } else {
    f = detect_actor_finding(s, row, "leak", &key);
  }
  phrase_add(&key, "%s", kind->suffix);
  sentence_of(s, kind, row, trend, value, left, &sentence);
  jsontext_init(&json, detail, sizeof(detail));
  jsontext_object(&json, NULL);
  jsontext_int(&json, kind->word, value);
  jsontext_real(&json, "growth_per_s", trend->slope_per_s);
  jsontext_real(&json, "rising", trend->rising);
  jsontext_real(&json, "seconds_to_limit", left);
  jsontext_end(&json);
  f.key = key.text;
  f.summary = sentence.text;
  f.detail = detail;
  f.severity = !bytes && (deep || left < limits.critical_s) ? SEVERITY_CRITICAL : SEVERITY_WARNING;
  f.for_ns = limits.for_ns;
  f.keep_ns = kind->pace->keep_ns;
  finding_add(sink, &f);
}

static bool before(const struct series *series, int64_t target_key, int64_t actor)
{
  return series->target_key < target_key ||
         (series->target_key == target_key && series->actor < actor);
}

/* The series of that row: the old one, taken out of the old set, or a new one. NULL without
 * memory. */
static struct series *series_of(struct series_set *old, uint32_t *at, int64_t target_key,
                                int64_t actor)
{
  struct series *series = NULL;

  while (*at < old->count && before(old->series[*at], target_key, actor))
    (*at)++;
  if (*at < old->count && old->series[*at]->target_key == target_key &&
      old->series[*at]->actor == actor) {
    series = old->series[*at];
    old->series[*at] = NULL;
    (*at)++;
    return series;
  }
  series = calloc(1, sizeof(*series));
  if (series)
    *series = (struct series){.target_key = target_key, .actor = actor};
  return series;
}

static void step_kind(struct series_set *set, const struct kind *kind, const struct snapshot *s,
                      struct finding_sink *sink)
{
  uint32_t rows = snapshot_rows(s, kind->relation), at = 0;
  struct series_set next = {
      .series = calloc(rows < SERIES_MAX ? rows + 1 : SERIES_MAX, sizeof(*next.series))};
  int64_t now_ms = (int64_t)(snapshot_about(s).now.mono_ns / 1000000), from = 0;
  const int64_t *values = NULL;

  if (!next.series)
    return; /* without memory: the series have a hole */
  if (rows > 0) {
    values = snapshot_ints(s, kind->relation, kind->column);
    from = watch_from(s, kind, values, rows);
  }
  for (uint32_t row = 0; row < rows && next.count < SERIES_MAX; row++) {
    struct trend trend = {0};

    if (values[row] < from || !is_of_kind(s, kind, row))
      continue;
    struct series *series =
        series_of(set, &at, snapshot_int(s, kind->relation, key_column(kind->relation), row),
                  row_actor(s, kind->relation, row));
    if (!series)
      break;
    next.series[next.count++] = series;
    sample(series, now_ms - row_age_ms(s, kind->relation, row), kind->pace->spacing_ms,
           (double)values[row]);
    if (grows(series, kind, &trend) && worth_telling(s, kind, row, values[row]))
      tell(s, kind, row, &trend, values[row], sink);
  }
  set_clear(set);
  *set = next;
}

static void leak_step(void *context, const struct snapshot *s, struct finding_sink *sink)
{
  struct leak_state *state = context;

  for (unsigned k = 0; k < KINDS; k++)
    step_kind(&state->sets[k], &kinds[k], s, sink);
}

const struct detector detect_leak = {
    .name = "leak",
    .help = "A mailbox, the memory of an actor, or the memory of a process near its limit grows "
            "during most of at least ten seconds, and still does. Found by the median slope "
            "between all pairs of up to twenty samples; a second series over minutes finds slow "
            "growth. The sentence says when the limit is reached, where one is known; critical "
            "when that is less than ten minutes away, or with more than a million messages. Of "
            "actors that drain their mailbox "
            "into a queue of their own the memory is watched from 2 MiB on. It cannot tell a leak "
            "from a load that rises for as long, watches the 4096 largest of "
            "each kind only, and no mailbox below 200 messages, no pipe or stream below 1 MiB.",
    .history_ns = 16 * SECOND_NS,
    .state_new = leak_new,
    .state_free = leak_free,
    .step = leak_step,
};
