/* detect_blind.c - the monitor itself: what it can no longer see, and why silence of the others is
 * not good news. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "model/detector.h"
#include "model/jsontext.h"
#include "model/phrase.h"

#define SECOND_NS 1000000000ull

enum { TARGETS_MAX = 16384, LISTED_MAX = 32 };

/* All that can be tuned. */
static const struct {
  int64_t late_intervals;    /* not read for so many of its intervals */
  int64_t usual_interval_ms; /* where the interval is not known */
  int64_t stretched;         /* the interval grew to more than so many times the shortest */
  int64_t lost_burst; /* so many records lost at once are told at once, fewer when they go on ... */
  uint64_t lost_for_ns;   /* ... for this long, ... */
  uint64_t lost_pause_ns; /* ... with pauses of at most this */
  uint64_t unreadable_for_ns;
  uint64_t keep_ns;
} limits = {.late_intervals = 5,
            .usual_interval_ms = 1000,
            .stretched = 4,
            .lost_burst = 100,
            .lost_for_ns = 5 * SECOND_NS,
            .lost_pause_ns = 2 * SECOND_NS,
            .unreadable_for_ns = 3 * SECOND_NS,
            .keep_ns = 10 * SECOND_NS};

struct blind_target {
  int64_t target_key;
  int64_t lost;          /* as counted last */
  int64_t shortest_ms;   /* interval; VALUE_UNKNOWN */
  uint64_t lost_rose_ns; /* when `lost` rose last, 0 never */
  bool lost_burst;       /* then, by many at once */
  bool was_readable;
};

/* In the order of the rows: a tick walks the old ones and the rows side by side. */
struct blind_state {
  struct blind_target *targets;
  uint32_t count;
};

static void *blind_new(void)
{
  return calloc(1, sizeof(struct blind_state));
}

static void blind_free(void *context)
{
  struct blind_state *state = context;

  if (state)
    free(state->targets);
  free(state);
}

static int64_t target_int(const struct snapshot *s, unsigned column, uint32_t row)
{
  return snapshot_int(s, RELATION_TARGETS, column, row);
}

/* What all findings about one target have in common; `what` ends the key, the sentence begins with
 * the target. */
static void tell(const struct snapshot *s, uint32_t row, const char *what, uint8_t severity,
                 uint64_t for_ns, const struct phrase *rest, struct finding_sink *sink)
{
  const char *target = snapshot_text(s, RELATION_TARGETS, TARGETS_TARGET, row);
  struct phrase key = {0}, sentence = {0};
  char detail[1024];
  struct jsontext json;

  phrase_key(&key, "blind", target);
  phrase_add(&key, "%s", what);
  phrase_name(&sentence, target);
  phrase_add(&sentence, " %s", rest->text);
  jsontext_init(&json, detail, sizeof(detail));
  jsontext_object(&json, NULL);
  jsontext_int(&json, "pid", target_int(s, TARGETS_PID, row));
  jsontext_int(&json, "interval_ms", target_int(s, TARGETS_INTERVAL_MS, row));
  jsontext_int(&json, "lost", target_int(s, TARGETS_LOST, row));
  jsontext_text(&json, "reason", snapshot_text(s, RELATION_TARGETS, TARGETS_REASON, row));
  jsontext_end(&json);
  finding_add(sink, &(struct finding){.key = key.text,
                                      .summary = sentence.text,
                                      .detail = detail,
                                      .target = target,
                                      .target_key = target_int(s, TARGETS_TARGET_KEY, row),
                                      .actor = VALUE_UNKNOWN,
                                      .severity = severity,
                                      .certainty = CERTAINTY_CONFIRMED,
                                      .for_ns = for_ns,
                                      .keep_ns = limits.keep_ns});
}

static void add_reason(struct phrase *rest, const struct snapshot *s, uint32_t row)
{
  const char *reason = snapshot_text(s, RELATION_TARGETS, TARGETS_REASON, row);

  if (reason)
    phrase_add(rest, ": %s", reason);
}

static void check_state(const struct snapshot *s, uint32_t row, const struct blind_target *t,
                        struct finding_sink *sink)
{
  uint8_t state = snapshot_enum(s, RELATION_TARGETS, TARGETS_STATE, row);
  struct phrase rest = {0};

  if (state == TARGET_GONE && target_int(s, TARGETS_CRASHED, row) == 1) {
    phrase_add(&rest, "is gone");
    add_reason(&rest, s, row);
    tell(s, row, "crashed", SEVERITY_WARNING, 0, &rest, sink);
  } else if (state == TARGET_UNREADABLE && t->was_readable) {
    phrase_add(&rest, "cannot be read any more");
    add_reason(&rest, s, row);
    tell(s, row, "unreadable", SEVERITY_WARNING, limits.unreadable_for_ns, &rest, sink);
  }
}

static void check_age(const struct snapshot *s, uint32_t row, struct finding_sink *sink)
{
  int64_t age = target_int(s, TARGETS_AGE_MS, row),
          interval = target_int(s, TARGETS_INTERVAL_MS, row);
  struct phrase rest = {0};

  if (interval == VALUE_UNKNOWN || interval <= 0)
    interval = limits.usual_interval_ms;
  if (snapshot_enum(s, RELATION_TARGETS, TARGETS_STATE, row) != TARGET_RUNNING ||
      age == VALUE_UNKNOWN || age / limits.late_intervals <= interval)
    return;
  phrase_add(&rest, "was not read for more than %lld of its intervals of ",
             (long long)limits.late_intervals);
  phrase_duration(&rest, interval);
  add_reason(&rest, s, row);
  tell(s, row, "late", SEVERITY_WARNING, 0, &rest, sink);
}

static void check_lost(const struct snapshot *s, uint32_t row, const struct blind_target *t,
                       struct finding_sink *sink)
{
  uint64_t now_ns = snapshot_about(s).now.mono_ns;
  struct phrase rest = {0};

  if (t->lost_rose_ns == 0 || now_ns - t->lost_rose_ns > limits.lost_pause_ns)
    return;
  phrase_add(&rest, "loses records (");
  phrase_count(&rest, t->lost);
  phrase_add(&rest, " so far): see gaps");
  tell(s, row, "lost", SEVERITY_WARNING, t->lost_burst ? 0 : limits.lost_for_ns, &rest, sink);
}

static void check_interval(const struct snapshot *s, uint32_t row, const struct blind_target *t,
                           struct finding_sink *sink)
{
  int64_t interval = target_int(s, TARGETS_INTERVAL_MS, row);
  struct phrase rest = {0};

  if (interval == VALUE_UNKNOWN || t->shortest_ms == VALUE_UNKNOWN ||
      interval / limits.stretched < t->shortest_ms || interval == limits.stretched * t->shortest_ms)
    return;
  phrase_add(&rest, "costs more to read than the budget allows: every ");
  phrase_duration(&rest, interval);
  phrase_add(&rest, " instead of every ");
  phrase_duration(&rest, t->shortest_ms);
  tell(s, row, "slow", SEVERITY_INFO, 0, &rest, sink);
}

/* What is known of the target after this tick. */
static struct blind_target look(const struct snapshot *s, uint32_t row,
                                const struct blind_target *old)
{
  uint8_t state = snapshot_enum(s, RELATION_TARGETS, TARGETS_STATE, row);
  int64_t lost = target_int(s, TARGETS_LOST, row),
          interval = target_int(s, TARGETS_INTERVAL_MS, row);
  struct blind_target t = {.target_key = target_int(s, TARGETS_TARGET_KEY, row),
                           .lost = VALUE_UNKNOWN,
                           .shortest_ms = VALUE_UNKNOWN};

  if (old)
    t = *old;
  if (state == TARGET_RUNNING || state == TARGET_STOPPED)
    t.was_readable = true;
  if (interval != VALUE_UNKNOWN && interval > 0 &&
      (t.shortest_ms == VALUE_UNKNOWN || interval < t.shortest_ms))
    t.shortest_ms = interval;
  if (lost != VALUE_UNKNOWN) {
    if (t.lost != VALUE_UNKNOWN && lost > t.lost) {
      t.lost_rose_ns = snapshot_about(s).now.mono_ns;
      t.lost_burst = lost - t.lost >= limits.lost_burst;
    }
    t.lost = lost;
  }
  return t;
}

/* Processes that never could be read are one finding together: a machine has hundreds of other
 * users' processes. */
static void tell_unreadable(const struct snapshot *s, const uint32_t *rows, uint32_t listed,
                            uint32_t count, struct finding_sink *sink)
{
  struct snapshot_about about = snapshot_about(s);
  struct phrase key = {0}, sentence = {0};
  char detail[8192];
  struct jsontext json;

  if (count == 0)
    return;
  phrase_key(&key, "blind", about.host);
  phrase_add(&key, "unreadable");
  phrase_add(&sentence, "%u process%s cannot be read", count, count == 1 ? "" : "es");
  add_reason(&sentence, s, rows[0]);
  jsontext_init(&json, detail, sizeof(detail));
  jsontext_object(&json, NULL);
  jsontext_int(&json, "count", count);
  jsontext_array(&json, "targets");
  for (uint32_t i = 0; i < listed && !json.full; i++) {
    struct jsontext_mark mark = jsontext_mark(&json);

    jsontext_object(&json, NULL);
    jsontext_text(&json, "target", snapshot_text(s, RELATION_TARGETS, TARGETS_TARGET, rows[i]));
    jsontext_text(&json, "reason", snapshot_text(s, RELATION_TARGETS, TARGETS_REASON, rows[i]));
    if (!jsontext_end_or_rewind(&json, mark))
      break;
  }
  jsontext_end(&json);
  jsontext_end(&json);
  finding_add(sink, &(struct finding){.key = key.text,
                                      .summary = sentence.text,
                                      .detail = detail,
                                      .target_key = VALUE_UNKNOWN,
                                      .actor = VALUE_UNKNOWN,
                                      .severity = SEVERITY_INFO,
                                      .certainty = CERTAINTY_CONFIRMED,
                                      .for_ns = limits.unreadable_for_ns,
                                      .keep_ns = limits.keep_ns});
}

static const struct blind_target *old_target(const struct blind_state *state, uint32_t *at,
                                             int64_t target_key)
{
  while (*at < state->count && state->targets[*at].target_key < target_key)
    (*at)++;
  return *at < state->count && state->targets[*at].target_key == target_key ? &state->targets[*at]
                                                                            : NULL;
}

static void blind_step(void *context, const struct snapshot *s, struct finding_sink *sink)
{
  struct blind_state *state = context;
  uint32_t rows = snapshot_rows(s, RELATION_TARGETS), at = 0, unreadable = 0, listed = 0;
  uint32_t unreadable_rows[LISTED_MAX] = {0};

  if (rows > TARGETS_MAX)
    rows = TARGETS_MAX;
  struct blind_target *targets = calloc(rows + 1, sizeof(*targets));
  if (!targets)
    return; /* without memory: the next tick tries again, with what was known */
  for (uint32_t row = 0; row < rows; row++) {
    struct blind_target *t = &targets[row];

    *t = look(s, row, old_target(state, &at, target_int(s, TARGETS_TARGET_KEY, row)));
    check_state(s, row, t, sink);
    check_age(s, row, sink);
    check_lost(s, row, t, sink);
    check_interval(s, row, t, sink);
    if (snapshot_enum(s, RELATION_TARGETS, TARGETS_STATE, row) == TARGET_UNREADABLE &&
        !t->was_readable) {
      if (listed < LISTED_MAX)
        unreadable_rows[listed++] = row;
      unreadable++;
    }
  }
  tell_unreadable(s, unreadable_rows, listed, unreadable, sink);
  free(state->targets);
  state->targets = targets;
  state->count = rows;
}

const struct detector detect_blind = {
    .name = "blind",
    .help = "What impasse itself cannot see: a target crashed or cannot be read any more, was not "
            "read for five of its intervals, loses records, or costs so much to read that its "
            "interval had to grow more than fourfold; and, as one piece of information, the "
            "processes that could never be read. Silence of the other detectors about such a "
            "target says nothing. It cannot tell a crash from an exit where the source does not "
            "know how the target ended.",
    .history_ns = 6 * SECOND_NS,
    .state_new = blind_new,
    .state_free = blind_free,
    .step = blind_step,
};
