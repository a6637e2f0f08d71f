/* detect_race.c - a registered name that goes from hand to hand: check-then-act on it acts on
 * somebody else. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "model/detect_names.h"
#include "model/detector.h"
#include "model/hash.h"
#include "model/jsontext.h"
#include "model/phrase.h"

#define SECOND_NS 1000000000ull

enum { CHANGES = 3, NAMES_MAX = 4096 };

/* All that can be tuned, with CHANGES: so many changes ... */
static const struct {
  int64_t within_ms; /* ... within this */
  uint64_t keep_ns;
} limits = {.within_ms = 60 * 1000, .keep_ns = 10 * SECOND_NS};

/* One name, and when it changed hands lately, newest first. */
struct race_name {
  int64_t target_key;
  uint64_t name_hash;
  int64_t changes; /* as counted when it was looked at last */
  int64_t at_ms[CHANGES];
};

/* Both arrays are in the order of the rows; each tick walks old and new side by side. */
struct race_state {
  struct race_name *names;
  uint32_t count;
};

static void *race_new(void)
{
  return calloc(1, sizeof(struct race_state));
}

static void race_free(void *context)
{
  struct race_state *state = context;

  if (state)
    free(state->names);
  free(state);
}

static const struct race_name *find(const struct race_state *state, uint32_t *hint,
                                    int64_t target_key, uint64_t hash)
{
  for (uint32_t i = 0; i < state->count; i++) {
    const struct race_name *n = &state->names[(*hint + i) % state->count];

    if (n->target_key == target_key && n->name_hash == hash) {
      *hint = (uint32_t)(n - state->names) + 1;
      return n;
    }
  }
  return NULL;
}

/* What is known of the name now. A name that is new to us counts its changes from here, but for the
 * one that made it a row. */
static struct race_name look(const struct race_name *old, int64_t target_key, uint64_t hash,
                             int64_t changes, int64_t now_ms)
{
  struct race_name n = {.target_key = target_key, .name_hash = hash, .changes = changes};
  int64_t fresh = 1;

  if (old) {
    memcpy(n.at_ms, old->at_ms, sizeof(n.at_ms));
    fresh = changes - old->changes;
  }
  for (int64_t i = 0; i < fresh && i < CHANGES; i++) {
    memmove(&n.at_ms[1], &n.at_ms[0], sizeof(n.at_ms) - sizeof(n.at_ms[0]));
    n.at_ms[0] = now_ms;
  }
  return n;
}

static bool races(const struct race_name *n, int64_t now_ms)
{
  return n->at_ms[CHANGES - 1] != 0 && now_ms - n->at_ms[CHANGES - 1] < limits.within_ms;
}

static void tell(const struct snapshot *s, uint32_t row, struct finding_sink *sink)
{
  const char *target = snapshot_text(s, RELATION_NAMES, NAMES_TARGET, row);
  const char *name = snapshot_text(s, RELATION_NAMES, NAMES_NAME, row);
  struct phrase key = {0}, sentence = {0};
  char detail[256];
  struct jsontext json;

  phrase_key(&key, "race", target);
  phrase_name(&key, name);
  phrase_add(&sentence, "the registered name ");
  phrase_name(&sentence, name);
  phrase_add(&sentence, " went to another actor at least %d times within a minute", CHANGES);
  phrase_add(&sentence, " (");
  phrase_count(&sentence, snapshot_int(s, RELATION_NAMES, NAMES_CHANGES, row));
  phrase_add(&sentence, " times seen): who looks it up may reach the next one");
  jsontext_init(&json, detail, sizeof(detail));
  jsontext_object(&json, NULL);
  jsontext_int(&json, "changes", snapshot_int(s, RELATION_NAMES, NAMES_CHANGES, row));
  jsontext_end(&json);
  finding_add(
      sink, &(struct finding){.key = key.text,
                              .summary = sentence.text,
                              .detail = detail,
                              .target = target,
                              .target_key = snapshot_int(s, RELATION_NAMES, NAMES_TARGET_KEY, row),
                              .actor = VALUE_UNKNOWN,
                              .severity = SEVERITY_INFO,
                              .certainty = CERTAINTY_CONFIRMED,
                              .keep_ns = limits.keep_ns});
}

static void race_step(void *context, const struct snapshot *s, struct finding_sink *sink)
{
  struct race_state *state = context;
  int64_t now_ms = snapshot_about(s).now.wall_ms;
  uint32_t rows = snapshot_rows(s, RELATION_NAMES), count = 0, hint = 0;
  struct race_name *names = NULL;

  if (rows > NAMES_MAX)
    rows = NAMES_MAX;
  if (rows > 0) {
    names = calloc(rows, sizeof(*names));
    if (!names)
      return; /* without memory: the next tick tries again, with what was known */
  }
  for (uint32_t row = 0; row < rows; row++) {
    int64_t target_key = snapshot_int(s, RELATION_NAMES, NAMES_TARGET_KEY, row);
    const char *name = snapshot_text(s, RELATION_NAMES, NAMES_NAME, row);
    int64_t changes = snapshot_int(s, RELATION_NAMES, NAMES_CHANGES, row);

    if (!name || changes == VALUE_UNKNOWN || changes == 0)
      continue;
    uint64_t hash = hash_text(HASH_SEED, name);
    names[count] = look(find(state, &hint, target_key, hash), target_key, hash, changes, now_ms);
    if (races(&names[count++], now_ms))
      tell(s, row, sink);
  }
  free(state->names);
  state->names = names;
  state->count = count;
}

const struct detector detect_race = {
    .name = "race",
    .help = "A registered name changed hands three times within a minute: who looks the name up "
            "and then sends to it may reach another actor than the one it looked at. Found by "
            "comparing names in each sweep; changes between two sweeps count once. It cannot see "
            "lost updates of a table.",
    .history_ns = 60 * SECOND_NS,
    .state_new = race_new,
    .state_free = race_free,
    .step = race_step,
};
