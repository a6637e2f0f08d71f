/* detect_stuck.c - waits that nobody is left to end: the holder died, the promise has no fulfiller.
 * Those on the same object are one finding. Not here: circles, see detect_deadlock.c. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "model/detect_deadlock.h"
#include "model/jsontext.h"
#include "model/phrase.h"

struct stuck_wait {
  int64_t target_key;
  const char *what; /* the object, else the waiter */
  uint8_t via;
  uint32_t row;
};

static int stuck_order(const void *left, const void *right)
{
  const struct stuck_wait *a = left, *b = right;

  if (a->target_key != b->target_key)
    return a->target_key < b->target_key ? -1 : 1;
  if (a->via != b->via)
    return a->via < b->via ? -1 : 1;
  int order = strcmp(a->what, b->what);
  return order != 0 ? order : (a->row > b->row) - (a->row < b->row);
}

static bool same_object(const struct stuck_wait *a, const struct stuck_wait *b)
{
  return a->target_key == b->target_key && a->via == b->via && strcmp(a->what, b->what) == 0;
}

static uint8_t certainty_of(const struct snapshot *s, uint32_t row)
{
  uint8_t certainty = snapshot_enum(s, RELATION_WAITS, WAITS_CERTAINTY, row);

  return certainty == ENUM_UNKNOWN ? CERTAINTY_SUSPECTED : certainty;
}

/* Sorted stuck waits that are at least confirmed; NULL where there are none (or no memory: the next
 * tick tries). */
static struct stuck_wait *collect(const struct snapshot *s, uint32_t *ret_count)
{
  uint32_t rows = snapshot_rows(s, RELATION_WAITS), count = 0, filled = 0;
  const uint8_t *verdicts = rows > 0 ? snapshot_enums(s, RELATION_WAITS, WAITS_VERDICT) : NULL;
  struct stuck_wait *waits = NULL;

  for (uint32_t row = 0; row < rows; row++)
    count += verdicts[row] == VERDICT_STUCK;
  if (count > 0)
    waits = calloc(count, sizeof(*waits));
  if (!waits)
    return NULL;
  for (uint32_t row = 0; row < rows; row++) {
    if (verdicts[row] != VERDICT_STUCK || certainty_of(s, row) < CERTAINTY_CONFIRMED)
      continue;
    const char *what = snapshot_text(s, RELATION_WAITS, WAITS_OBJECT, row);
    if (!what)
      what = snapshot_text(s, RELATION_WAITS, WAITS_WAITER_NAME, row);
    waits[filled++] = (struct stuck_wait){
        .target_key = snapshot_int(s, RELATION_WAITS, WAITS_TARGET_KEY, row),
        .what = what ? what : "?",
        .via = snapshot_enum(s, RELATION_WAITS, WAITS_VIA, row),
        .row = row,
    };
  }
  qsort(waits, filled, sizeof(*waits), stuck_order);
  *ret_count = filled;
  return waits;
}

static int64_t behind_of(const struct snapshot *s, uint32_t wait_row)
{
  uint32_t row = 0;
  int64_t actor = snapshot_int(s, RELATION_WAITS, WAITS_WAITER, wait_row);

  if (snapshot_find_actor(s, snapshot_int(s, RELATION_WAITS, WAITS_TARGET_KEY, wait_row), actor,
                          &row) != 0)
    return VALUE_UNKNOWN;
  return snapshot_int(s, RELATION_ACTORS, ACTORS_BEHIND, row);
}

static void tell(const struct snapshot *s, const struct stuck_wait *waits, uint32_t count,
                 char *detail, struct finding_sink *sink)
{
  uint32_t row = waits[0].row;
  const char *via = snapshot_value(s, RELATION_WAITS, WAITS_VIA, row).text;
  const char *target = snapshot_text(s, RELATION_WAITS, WAITS_TARGET, row);
  const char *waiter = snapshot_text(s, RELATION_WAITS, WAITS_WAITER_NAME, row);
  int64_t behind = 0;
  uint8_t certainty = CERTAINTY_PROVEN;
  struct phrase key = {0}, sentence = {0};
  struct jsontext json;

  for (uint32_t i = 0; i < count; i++) {
    uint8_t c = certainty_of(s, waits[i].row);
    int64_t more = behind_of(s, waits[i].row);

    certainty = c < certainty ? c : certainty;
    behind += more != VALUE_UNKNOWN ? more : 0;
  }
  phrase_key(&key, "stuck", target);
  phrase_add(&key, "%s ", via ? via : "?");
  phrase_name(&key, waits[0].what);
  phrase_name(&sentence, waiter);
  phrase_add(&sentence, " waits for ever (%s%s", via ? via : "?",
             waits[0].what != waiter ? " " : "");
  if (waits[0].what != waiter)
    phrase_name(&sentence, waits[0].what);
  phrase_add(&sentence, "): nobody is left to end it");
  if (count > 1)
    phrase_add(&sentence, "; %u more wait likewise", count - 1);
  if (behind > 0)
    phrase_add(&sentence, "; %lld blocked behind", (long long)behind);
  jsontext_init(&json, detail, DEADLOCK_DETAIL_BYTES);
  jsontext_object(&json, NULL);
  jsontext_text(&json, "kind", "stuck");
  jsontext_text(&json, "object", snapshot_text(s, RELATION_WAITS, WAITS_OBJECT, row));
  jsontext_int(&json, "member_count", count);
  jsontext_int(&json, "victims", behind);
  jsontext_array(&json, "members");
  for (uint32_t i = 0; i < count && i < DEADLOCK_LIST_MAX; i++)
    jsontext_text(&json, NULL, snapshot_text(s, RELATION_WAITS, WAITS_WAITER_NAME, waits[i].row));
  jsontext_end(&json);
  jsontext_end(&json);
  finding_add(sink, &(struct finding){
                        .key = key.text,
                        .summary = sentence.text,
                        .detail = detail,
                        .target = target,
                        .target_key = waits[0].target_key,
                        .actor = snapshot_int(s, RELATION_WAITS, WAITS_WAITER, row),
                        .severity = SEVERITY_WARNING,
                        .certainty = certainty,
                        .for_ns = DEADLOCK_CONFIRMED_FOR_NS,
                        .keep_ns = DEADLOCK_KEEP_NS,
                    });
}

void detect_stuck_step(const struct snapshot *s, char *detail, struct finding_sink *sink)
{
  uint32_t count = 0;
  struct stuck_wait *waits = collect(s, &count);

  for (uint32_t first = 0, end; first < count; first = end) {
    for (end = first + 1; end < count && same_object(&waits[end], &waits[first]); end++)
      ;
    tell(s, waits + first, end - first, detail, sink);
  }
  free(waits);
}
