/* alert_rules.h - the detectors that a command was given by name, and which alerts of a snapshot
 * are theirs. */
#ifndef IMPASSE_COLLECTOR_ALERT_RULES_H
#define IMPASSE_COLLECTOR_ALERT_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "collector/options.h"
#include "model/detector.h"
#include "model/snapshot.h"

enum { ALERT_RULES_MAX = 32 };

struct alert_rules {
  const struct options *options; /* whose --target counts */
  const struct detector *list[ALERT_RULES_MAX];
  size_t count;
};

/* Those named in options->args; without names all whose history is at most `history_ns`. -EINVAL
 * with the complaint for an unknown name. */
int alert_rules_init(struct alert_rules *rules, const struct options *options, uint64_t history_ns,
                     struct complaint *complaint);

/* Number of the rule that the alert in this row is of, or -1 where it is of none, or of a target
 * that is not meant. */
int alert_rules_match(const struct alert_rules *rules, const struct snapshot *snapshot,
                      uint32_t row);

#endif
