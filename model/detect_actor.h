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

#endif
