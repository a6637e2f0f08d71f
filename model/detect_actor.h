/*
 * detect_actor.h - what several detectors ask about one row of `actors`. Not here: thresholds; each
 * detector has its own.
 */
#ifndef IMPASSE_MODEL_DETECT_ACTOR_H
#define IMPASSE_MODEL_DETECT_ACTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "model/detector.h"
#include "model/phrase.h"

/* A finding about the actor of that row: target, actor and `key` = RULE/TARGET/NAME filled in, the
 * rest is the caller's. The key's text lives in `key`. */
struct finding detect_actor_finding(const struct snapshot *s, uint32_t row, const char *rule,
                                    struct phrase *key);

/* Is the actor in a deadlock or behind one, for ever or until a timeout? Then what else it shows is
 * a consequence. */
bool detect_actor_locked_up(const struct snapshot *s, int64_t target_key, int64_t actor);

/* A thread that sleeps until something comes to do: in accept, epoll_wait and their like. Who waits
 * for a lock that it has (leader and followers) waits for work, too. */
bool detect_actor_awaits_work(const struct snapshot *s, uint32_t row);

/* So many are blocked behind one actor that it is told as a bottleneck; fewer are ordinary traffic. */
#define DETECT_ACTOR_BEHIND 16

/* Are they, and is it able to end that: does it get something done, or is it a thread that is about
 * something else? */
bool detect_actor_is_bottleneck(const struct snapshot *s, uint32_t row);

#endif
