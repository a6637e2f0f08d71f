/*
 * detect_names.h - the stable key of a finding about several actors: RULE/TARGET/NAME,NAME,... in
 * sorted order, so that the same circle has the same key wherever one begins to walk it. Not here:
 * sentences, they keep the order of waiting.
 */
#ifndef IMPASSE_MODEL_DETECT_NAMES_H
#define IMPASSE_MODEL_DETECT_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "model/phrase.h"

/* More names than this: one fewer, and a hash of the rest. */
#define DETECT_NAMES_SHOWN 8

struct detect_name {
  const char *target; /* not NULL */
  const char *name;   /* NULL: the actor's number stands for it */
  int64_t actor;
};

/* Sorts the names (count > 0) and writes the key. Names of several targets are written TARGET/NAME
 * each. */
void detect_names_key(struct phrase *key, const char *rule, struct detect_name *names,
                      size_t count);

#endif
