/*
 * rules.h - what each detector says at the moment, for the status line: the worst of its alerts,
 * how many, since when. Not here: cells.
 */
#ifndef IMPASSE_TUI_RULES_H
#define IMPASSE_TUI_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"

#define RULES_MAX 16

struct rule {
  const char *name;
  uint32_t firing;
  uint32_t pending;
  uint8_t severity; /* worst of the firing ones */
  int64_t since;    /* Unix seconds of the oldest firing one */
  bool too_early;   /* it has not watched for long enough for its silence to mean anything */
};

/* The detectors in their order, those that fire first and the worst of them foremost.
 * `watched_ms`: how long the detectors have been running. Returns how many. */
unsigned rules_of(const struct snapshot *snapshot, int64_t watched_ms,
                  struct rule ret_rules[RULES_MAX]);

/* Higher is more urgent: firing before pending before resolved, then by severity, then the surer
 * one, then the oldest. */
int64_t rules_alert_urgency(const struct snapshot *snapshot, uint32_t alert);

#endif
