/* detect_actor.c - see detect_actor.h. */
#include "model/detect_actor.h"

#include <stddef.h>
#include <string.h>

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

static uint8_t actor_enum(const struct snapshot *s, unsigned column, uint32_t row)
{
  return snapshot_enum(s, RELATION_ACTORS, column, row);
}

bool detect_actor_awaits_work(const struct snapshot *s, uint32_t row)
{
  static const char *const calls[] = {
      "accept",       "accept4", "epoll_wait", "epoll_pwait",    "epoll_pwait2",
      "poll",         "ppoll",   "select",     "pselect6",       "rt_sigtimedwait",
      "io_getevents", "pause",   "msgrcv",     "mq_timedreceive"};
  const char *function = snapshot_text(s, RELATION_ACTORS, ACTORS_FUNCTION, row);

  if (!function || actor_enum(s, ACTORS_KIND, row) != ACTOR_KIND_THREAD ||
      actor_enum(s, ACTORS_STATE, row) != ACTOR_RECEIVE)
    return false;
  for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
    if (strcmp(function, calls[i]) == 0)
      return true;
  return false;
}

/* Runs or could run. So does who waits in receive while messages wait for it: it is between two of
 * them, or needs something for one that it has taken. Not so who takes none. */
static bool is_busy(const struct snapshot *s, uint32_t row)
{
  uint8_t state = actor_enum(s, ACTORS_STATE, row);

  if (state == ACTOR_RECEIVE)
    return snapshot_int(s, RELATION_ACTORS, ACTORS_DEPTH, row) > 0 &&
           snapshot_int(s, RELATION_ACTORS, ACTORS_UNMATCHED_MS, row) == VALUE_UNKNOWN;
  return state == ACTOR_RUNNING || state == ACTOR_RUNNABLE;
}

/* Gets something done, and is one actor: a pool serves with as many as it has. What a thread gets
 * done nobody counts. */
static bool works(const struct snapshot *s, uint32_t row)
{
  uint8_t kind = actor_enum(s, ACTORS_KIND, row), state = actor_enum(s, ACTORS_STATE, row);

  if (kind == ACTOR_KIND_THREAD)
    return (state == ACTOR_RUNNING || state == ACTOR_RECEIVE) && !detect_actor_awaits_work(s, row);
  return is_busy(s, row) && kind != ACTOR_KIND_POOL && kind != ACTOR_KIND_SERVICE &&
         kind != ACTOR_KIND_QUEUE &&
         (snapshot_real(s, RELATION_ACTORS, ACTORS_WORK_PER_S, row) > 0 ||
          snapshot_real(s, RELATION_ACTORS, ACTORS_OUT_PER_S, row) > 0);
}

bool detect_actor_is_bottleneck(const struct snapshot *s, uint32_t row)
{
  return snapshot_int(s, RELATION_ACTORS, ACTORS_BEHIND, row) >= DETECT_ACTOR_BEHIND &&
         works(s, row) &&
         !detect_actor_locked_up(s, snapshot_int(s, RELATION_ACTORS, ACTORS_TARGET_KEY, row),
                                 snapshot_int(s, RELATION_ACTORS, ACTORS_ACTOR, row));
}
