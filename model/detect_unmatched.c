/* detect_unmatched.c - messages that no clause takes. */
#include "model/detect_actor.h"
#include "model/jsontext.h"

#define SECOND_NS 1000000000ull

/* All that can be tuned. */
static const struct {
  int64_t unmatched_ms; /* waits in receive with messages and takes none, for so long */
  /* fewer messages are worth a note only: the late answer to a call that timed out, say, stays in many a healthy mailbox
   * for ever */
  int64_t piled_up;
  uint64_t keep_ns;
} limits = {.unmatched_ms = 3000, .piled_up = 10, .keep_ns = 3 * SECOND_NS};

static void tell(const struct snapshot *s, uint32_t row, struct finding_sink *sink)
{
  int64_t depth = snapshot_int(s, RELATION_ACTORS, ACTORS_DEPTH, row);
  struct phrase key = {0}, sentence = {0};
  struct finding f = detect_actor_finding(s, row, "unmatched", &key);
  char detail[512];
  struct jsontext json;

  phrase_name(&sentence, snapshot_text(s, RELATION_ACTORS, ACTORS_NAME, row));
  phrase_add(&sentence, " waits in receive and takes none of its ");
  phrase_count(&sentence, depth);
  phrase_add(&sentence, depth == 1 ? " message" : " messages");
  jsontext_init(&json, detail, sizeof(detail));
  jsontext_object(&json, NULL);
  jsontext_int(&json, "depth", depth);
  jsontext_int(&json, "unmatched_ms", snapshot_int(s, RELATION_ACTORS, ACTORS_UNMATCHED_MS, row));
  jsontext_text(&json, "function", snapshot_text(s, RELATION_ACTORS, ACTORS_FUNCTION, row));
  jsontext_end(&json);
  f.summary = sentence.text;
  f.detail = detail;
  f.severity = depth < limits.piled_up ? SEVERITY_INFO : SEVERITY_WARNING;
  f.keep_ns = limits.keep_ns;
  finding_add(sink, &f);
}

static void unmatched_step(void *state, const struct snapshot *s, struct finding_sink *sink)
{
  uint32_t rows = snapshot_rows(s, RELATION_ACTORS);

  (void)state; /* keeps none: how long is a column */
  if (rows == 0)
    return;
  const int64_t *unmatched = snapshot_ints(s, RELATION_ACTORS, ACTORS_UNMATCHED_MS);
  const int64_t *depth = snapshot_ints(s, RELATION_ACTORS, ACTORS_DEPTH);
  for (uint32_t row = 0; row < rows; row++)
    if (unmatched[row] >= limits.unmatched_ms && depth[row] > 0)
      tell(s, row, sink);
}

const struct detector detect_unmatched = {
    .name = "unmatched",
    .help = "An actor waits in receive, has no open call, has messages in its mailbox, and for "
            "three seconds has taken none of them: no clause matches them, and each later receive "
            "searches them again. Fewer than ten are information only. It cannot see messages that "
            "are taken and thrown away, and "
            "where the source does not know the head of the mailbox, an actor that takes one "
            "message as each new one arrives looks busy.",
    .history_ns = 4 * SECOND_NS,
    .step = unmatched_step,
};
