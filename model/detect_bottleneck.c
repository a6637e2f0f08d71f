/* detect_bottleneck.c - one owner, one message at a time: many wait behind an actor that does its
 * best. */
#include <math.h>
#include <stdbool.h>

#include "model/detect_actor.h"
#include "model/jsontext.h"

#define SECOND_NS 1000000000ull

/* All that can be tuned. */
static const struct {
  int64_t behind; /* so many actors blocked behind it; fewer are ordinary traffic */
  uint64_t for_ns, keep_ns;
} limits = {.behind = 16, .for_ns = 5 * SECOND_NS, .keep_ns = 5 * SECOND_NS};

static double actor_real(const struct snapshot *s, unsigned column, uint32_t row)
{
  return snapshot_real(s, RELATION_ACTORS, column, row);
}

/* Runs or could run. So does who waits in receive while messages wait for it: it is between two of
 * them, or needs something for one that it has taken. Not so who takes none. */
static bool is_busy(const struct snapshot *s, uint32_t row)
{
  uint8_t state = snapshot_enum(s, RELATION_ACTORS, ACTORS_STATE, row);

  if (state == ACTOR_RECEIVE)
    return snapshot_int(s, RELATION_ACTORS, ACTORS_DEPTH, row) > 0 &&
           snapshot_int(s, RELATION_ACTORS, ACTORS_UNMATCHED_MS, row) == VALUE_UNKNOWN;
  return state == ACTOR_RUNNING || state == ACTOR_RUNNABLE;
}

/* Gets something done, and is one actor: a pool serves with as many as it has. */
static bool works(const struct snapshot *s, uint32_t row)
{
  uint8_t kind = snapshot_enum(s, RELATION_ACTORS, ACTORS_KIND, row);

  return is_busy(s, row) && kind != ACTOR_KIND_POOL && kind != ACTOR_KIND_SERVICE &&
         kind != ACTOR_KIND_QUEUE &&
         (actor_real(s, ACTORS_WORK_PER_S, row) > 0 || actor_real(s, ACTORS_OUT_PER_S, row) > 0);
}

static void tell(const struct snapshot *s, uint32_t row, struct finding_sink *sink)
{
  int64_t behind = snapshot_int(s, RELATION_ACTORS, ACTORS_BEHIND, row);
  double in = actor_real(s, ACTORS_IN_PER_S, row), out = actor_real(s, ACTORS_OUT_PER_S, row);
  double work = actor_real(s, ACTORS_WORK_PER_S, row);
  struct value unit = snapshot_value(s, RELATION_ACTORS, ACTORS_WORK_UNIT, row);
  struct phrase key = {0}, sentence = {0};
  struct finding f = detect_actor_finding(s, row, "bottleneck", &key);
  char detail[512];
  struct jsontext json;

  phrase_count(&sentence, behind);
  phrase_add(&sentence, " actors are blocked behind ");
  phrase_name(&sentence, snapshot_text(s, RELATION_ACTORS, ACTORS_NAME, row));
  phrase_add(&sentence, ", which works");
  if (!isnan(in) && !isnan(out)) {
    phrase_add(&sentence, ": ");
    phrase_rate(&sentence, in);
    phrase_add(&sentence, " arrive, ");
    phrase_rate(&sentence, out);
    phrase_add(&sentence, " are served");
  } else if (work > 0) {
    phrase_add(&sentence, ": ");
    phrase_count(&sentence, (int64_t)ceil(work));
    phrase_add(&sentence, " %s/s", unit.text ? unit.text : "steps");
  }
  jsontext_init(&json, detail, sizeof(detail));
  jsontext_object(&json, NULL);
  jsontext_int(&json, "behind", behind);
  jsontext_int(&json, "depth", snapshot_int(s, RELATION_ACTORS, ACTORS_DEPTH, row));
  jsontext_real(&json, "in_per_s", in);
  jsontext_real(&json, "out_per_s", out);
  jsontext_real(&json, "work_per_s", work);
  jsontext_end(&json);
  f.summary = sentence.text;
  f.detail = detail;
  f.for_ns = limits.for_ns;
  f.keep_ns = limits.keep_ns;
  finding_add(sink, &f);
}

static void bottleneck_step(void *state, const struct snapshot *s, struct finding_sink *sink)
{
  uint32_t rows = snapshot_rows(s, RELATION_ACTORS);

  (void)state; /* keeps none: how long is the alert's business */
  if (rows == 0)
    return;
  const int64_t *behind = snapshot_ints(s, RELATION_ACTORS, ACTORS_BEHIND);
  for (uint32_t row = 0; row < rows; row++)
    if (behind[row] >= limits.behind && works(s, row) &&
        !detect_actor_locked_up(s, snapshot_int(s, RELATION_ACTORS, ACTORS_TARGET_KEY, row),
                                snapshot_int(s, RELATION_ACTORS, ACTORS_ACTOR, row)))
      tell(s, row, sink);
}

const struct detector detect_bottleneck = {
    .name = "bottleneck",
    .help = "For five seconds at least sixteen actors were blocked behind one that gets something "
            "done, and runs or has messages before it: all go through one owner, one message at a "
            "time. The sentence sets what arrives against what is served, or tells the work done "
            "where neither is known. It cannot see an owner that looks idle in each sweep, callers "
            "that do not block, and how much time one message takes.",
    .history_ns = 6 * SECOND_NS,
    .step = bottleneck_step,
};
