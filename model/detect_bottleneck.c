/* detect_bottleneck.c - one owner, one message at a time: many wait behind an actor that does its
 * best, or a queue of the system stays full because nobody takes from it fast enough. */
#include <math.h>
#include <stdbool.h>

#include "model/detect_actor.h"
#include "model/jsontext.h"

#define SECOND_NS 1000000000ull

/* All that can be tuned. */
static const struct {
  uint64_t for_ns, full_for_ns, keep_ns;
} limits = {.for_ns = 5 * SECOND_NS, .full_for_ns = 10 * SECOND_NS, .keep_ns = 5 * SECOND_NS};

static double actor_real(const struct snapshot *s, unsigned column, uint32_t row)
{
  return snapshot_real(s, RELATION_ACTORS, column, row);
}

/* "which sleeps in clock_nanosleep": what nobody counts the work of is told by what it is about. */
static void add_doing(const struct snapshot *s, uint32_t row, struct phrase *sentence)
{
  const char *function = snapshot_text(s, RELATION_ACTORS, ACTORS_FUNCTION, row);
  bool sleeps = snapshot_enum(s, RELATION_ACTORS, ACTORS_STATE, row) == ACTOR_RECEIVE;

  phrase_add(sentence, sleeps ? ", which sleeps" : ", which runs");
  if (sleeps && function) {
    phrase_add(sentence, " in ");
    phrase_name(sentence, function);
  }
}

static void add_rates(const struct snapshot *s, uint32_t row, struct phrase *sentence)
{
  double in = actor_real(s, ACTORS_IN_PER_S, row), out = actor_real(s, ACTORS_OUT_PER_S, row);
  double work = actor_real(s, ACTORS_WORK_PER_S, row);
  struct value unit = snapshot_value(s, RELATION_ACTORS, ACTORS_WORK_UNIT, row);

  phrase_add(sentence, ", which works");
  if (!isnan(in) && !isnan(out)) {
    phrase_add(sentence, ": ");
    phrase_rate(sentence, in);
    phrase_add(sentence, " arrive, ");
    phrase_rate(sentence, out);
    phrase_add(sentence, " are served");
  } else if (work > 0) {
    phrase_add(sentence, ": ");
    phrase_count(sentence, (int64_t)ceil(work));
    phrase_add(sentence, " %s/s", unit.text ? unit.text : "steps");
  }
}

static void tell(const struct snapshot *s, uint32_t row, struct finding_sink *sink)
{
  bool thread = snapshot_enum(s, RELATION_ACTORS, ACTORS_KIND, row) == ACTOR_KIND_THREAD;
  int64_t behind = snapshot_int(s, RELATION_ACTORS, ACTORS_BEHIND, row);
  struct phrase key = {0}, sentence = {0};
  struct finding f = detect_actor_finding(s, row, "bottleneck", &key);
  char detail[512];
  struct jsontext json;

  phrase_count(&sentence, behind);
  phrase_add(&sentence, " %s are blocked behind ", thread ? "threads" : "actors");
  phrase_name(&sentence, snapshot_text(s, RELATION_ACTORS, ACTORS_NAME, row));
  (thread ? add_doing : add_rates)(s, row, &sentence);
  jsontext_init(&json, detail, sizeof(detail));
  jsontext_object(&json, NULL);
  jsontext_int(&json, "behind", behind);
  jsontext_int(&json, "depth", snapshot_int(s, RELATION_ACTORS, ACTORS_DEPTH, row));
  jsontext_real(&json, "in_per_s", actor_real(s, ACTORS_IN_PER_S, row));
  jsontext_real(&json, "out_per_s", actor_real(s, ACTORS_OUT_PER_S, row));
  jsontext_real(&json, "work_per_s", actor_real(s, ACTORS_WORK_PER_S, row));
  jsontext_end(&json);
  f.summary = sentence.text;
  f.detail = detail;
  f.for_ns = limits.for_ns;
  f.keep_ns = limits.keep_ns;
  finding_add(sink, &f);
}

/* --- a queue that stays full --- */

/* Of streams and pipes that is how they slow down whoever writes: nothing is wrong with one. What
 * is turned away, a connection or a message that does not fit, is. An actor whose mailbox has a
 * limit is told of by those who wait behind it. */
static bool is_full(const struct snapshot *s, uint32_t row)
{
  int64_t depth = snapshot_int(s, RELATION_ACTORS, ACTORS_DEPTH, row),
          capacity = snapshot_int(s, RELATION_ACTORS, ACTORS_CAPACITY, row);

  return depth != VALUE_UNKNOWN && capacity != VALUE_UNKNOWN && capacity > 0 && depth >= capacity &&
         snapshot_enum(s, RELATION_ACTORS, ACTORS_KIND, row) == ACTOR_KIND_QUEUE &&
         snapshot_enum(s, RELATION_ACTORS, ACTORS_DEPTH_UNIT, row) != DEPTH_BYTES;
}

static void tell_full(const struct snapshot *s, uint32_t row, struct finding_sink *sink)
{
  struct value unit = snapshot_value(s, RELATION_ACTORS, ACTORS_DEPTH_UNIT, row);
  int64_t depth = snapshot_int(s, RELATION_ACTORS, ACTORS_DEPTH, row);
  struct phrase key = {0}, sentence = {0};
  struct finding f = detect_actor_finding(s, row, "bottleneck", &key);
  char detail[512];
  struct jsontext json;

  phrase_add(&key, " full");
  phrase_add(&sentence, "the queue ");
  phrase_name(&sentence, snapshot_text(s, RELATION_ACTORS, ACTORS_NAME, row));
  phrase_add(&sentence, " stays full: %lld %s wait, and no more are let in", (long long)depth,
             unit.text ? unit.text : "messages");
  jsontext_init(&json, detail, sizeof(detail));
  jsontext_object(&json, NULL);
  jsontext_int(&json, "depth", depth);
  jsontext_int(&json, "capacity", snapshot_int(s, RELATION_ACTORS, ACTORS_CAPACITY, row));
  jsontext_int(&json, "dropped", snapshot_int(s, RELATION_ACTORS, ACTORS_DROPPED, row));
  jsontext_end(&json);
  f.key = key.text;
  f.summary = sentence.text;
  f.detail = detail;
  f.for_ns = limits.full_for_ns;
  f.keep_ns = limits.keep_ns;
  finding_add(sink, &f);
}

static void bottleneck_step(void *state, const struct snapshot *s, struct finding_sink *sink)
{
  uint32_t rows = snapshot_rows(s, RELATION_ACTORS);

  (void)state; /* keeps none: how long is the alert's business */
  for (uint32_t row = 0; row < rows; row++) {
    if (detect_actor_is_bottleneck(s, row))
      tell(s, row, sink);
    if (is_full(s, row))
      tell_full(s, row, sink);
  }
}

const struct detector detect_bottleneck = {
    .name = "bottleneck",
    .help = "For five seconds at least sixteen actors were blocked behind one that gets something "
            "done, and runs or has messages before it: all go through one owner, one message at a "
            "time. The sentence sets what arrives against what is served, or tells the work done "
            "where neither is known; of a thread, whose work nobody counts, what it is about, if "
            "it is not waiting for work itself. A queue of the system that takes connections or "
            "messages and is full for ten seconds is told as well; a full pipe or stream is not, "
            "for that is how they slow down who writes. It cannot see an owner that looks idle "
            "in each sweep, callers that do not block, and how much time one message takes.",
    .history_ns = 11 * SECOND_NS,
    .step = bottleneck_step,
};
