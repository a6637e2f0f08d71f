/*
 * detector.h - what a detector is: it reads a snapshot and says findings; it keeps a bounded state
 * of its own.
 *
 * A detector sees the snapshot of this tick with all relations but `alerts` filled in (verdicts and
 * certainties of waits included), so that a replay of recorded snapshots finds the same. It never
 * decides about time: how long a finding must last before it fires, and when it is over, is the
 * alert's business (alert.h); a detector only repeats its finding, with the same key, in each tick
 * in which the condition holds.
 *
 * To add one: model/detect_NAME.c with `const struct detector detect_NAME`, and one row in
 * detector.c.
 */
#ifndef IMPASSE_MODEL_DETECTOR_H
#define IMPASSE_MODEL_DETECTOR_H

#include <stddef.h>
#include <stdint.h>

#include "model/snapshot.h"

/* One observation. The texts are copied by finding_add. */
struct finding {
  const char *key;        /* stable: rule/target/names */
  const char *summary;    /* one sentence, names as they are (untrusted bytes) */
  const char *detail;     /* JSON object, best without what grows with the clock alone */
  const char *target;     /* name of that process, kept because an alert outlives it; or NULL */
  int64_t target_key;     /* VALUE_UNKNOWN where it is about no single process */
  int64_t actor;          /* VALUE_UNKNOWN where it is about no single actor */
  uint8_t severity;       /* enum severity */
  uint8_t certainty;      /* enum certainty */
  uint64_t for_ns;        /* it must be found for this long before it fires; 0 = at once */
  uint64_t keep_ns;       /* it goes on firing for this long after it was found last */
  const int64_t *members; /* pairs target_key, actor whose other alerts this one inhibits: a core */
  size_t member_count;    /* pairs */
};

struct finding_sink; /* alert.h */

/* Takes a finding. A second one in the same tick of the same key and the same target, actor and
 * first member is ignored; one of the same key about somebody else (names need not be unique) gets
 * key#2, key#3 ... in the order of adding. What does not fit is counted by the sink. */
void finding_add(struct finding_sink *sink, const struct finding *finding);

struct detector {
  const char *name;
  const char *help;    /* what it means, how it is found, what it cannot see */
  uint64_t history_ns; /* ticks must span this long before silence means "not there"; 0 = one */
  void *(*state_new)(void); /* NULL where it keeps none; returns NULL without memory */
  void (*state_free)(void *state);
  void (*step)(void *state, const struct snapshot *snapshot, struct finding_sink *sink);
};

/* All detectors, NULL-terminated, in the order in which people read them. */
extern const struct detector *const detectors[];

const struct detector *detector_by_name(const char *name); /* NULL where there is none */

#endif
