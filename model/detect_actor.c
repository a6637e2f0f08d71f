/* detect_actor.c - see detect_actor.h. */
#include "model/detect_actor.h"

#include <stddef.h>

struct finding detect_actor_finding(const struct snapshot *s, uint32_t row, const char *rule,
                                    struct phrase *key)
{
  const char *target = snapshot_text(s, RELATION_ACTORS, ACTORS_TARGET, row);
  const char *name = snapshot_text(s, RELATION_ACTORS, ACTORS_NAME, row);
  int64_t actor = snapshot_int(s, RELATION_ACTORS, ACTORS_ACTOR, row);

  *key = (struct phrase){0};
  phrase_key(key, rule, target);
  if (name)
    phrase_name(key, name);
  else
    phrase_add(key, "#%llx", (unsigned long long)actor);
  return (struct finding){
      .key = key->text,
      .target = target,
      .target_key = snapshot_int(s, RELATION_ACTORS, ACTORS_TARGET_KEY, row),
      .actor = actor,
      .severity = SEVERITY_WARNING,
      .certainty = CERTAINTY_CONFIRMED,
  };
}

/* First row of `waits` of that waiter, by binary search: the rows are sorted by (target_key,
 * waiter, ...). */
static uint32_t first_wait(const struct snapshot *s, int64_t target_key, int64_t actor)
{
  uint32_t first = 0, count = 0;

  snapshot_range_of_target(s, RELATION_WAITS, target_key, &first, &count);
  while (count > 0) {
    uint32_t half = count / 2;

    if (snapshot_int(s, RELATION_WAITS, WAITS_WAITER, first + half) < actor) {
      first += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return first;
}

bool detect_actor_locked_up(const struct snapshot *s, int64_t target_key, int64_t actor)
{
  uint32_t rows = snapshot_rows(s, RELATION_WAITS);

  for (uint32_t row = first_wait(s, target_key, actor);
       row < rows && snapshot_int(s, RELATION_WAITS, WAITS_TARGET_KEY, row) == target_key &&
       snapshot_int(s, RELATION_WAITS, WAITS_WAITER, row) == actor;
       row++) {
    uint8_t verdict = snapshot_enum(s, RELATION_WAITS, WAITS_VERDICT, row);

    if (verdict != VERDICT_FREE && verdict != ENUM_UNKNOWN)
      return true;
  }
  return false;
}
