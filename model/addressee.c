/* addressee.c - see addressee.h. */
#include "model/addressee.h"

#include "model/sweep.h"

int64_t addressee_of(const struct snapshot *snapshot, int64_t target_key, int64_t actor,
                     enum feed_question question)
{
  int64_t thread;
  uint32_t row;

  if (question != FEED_STACK || actor == 0 || (uint64_t)actor >> 56 == SOURCE_TAG_THREAD ||
      snapshot_find_actor(snapshot, target_key, actor, &row))
    return actor;
  thread = snapshot_int(snapshot, RELATION_ACTORS, ACTORS_THREAD, row);
  return thread > 0 ? (int64_t)ACTOR_KEY(SOURCE_TAG_THREAD, (uint64_t)thread) : actor;
}
