/*
 * detect_deadlock.h - what the two halves of the rule `deadlock` share: circles of waits
 * (detect_deadlock.c) and waits that nobody is left to end (detect_stuck.c).
 */
#ifndef IMPASSE_MODEL_DETECT_DEADLOCK_H
#define IMPASSE_MODEL_DETECT_DEADLOCK_H

#include "model/detector.h"

/* What a wait that is confirmed but not proven has to last before it is told: somebody whom the
 * source cannot see might still end it. */
#define DEADLOCK_CONFIRMED_FOR_NS (2ull * 1000000000)
#define DEADLOCK_KEEP_NS (2ull * 1000000000)

/* Bytes of a finding's detail, and items of a list in it. */
#define DEADLOCK_DETAIL_BYTES (48u << 10)
#define DEADLOCK_LIST_MAX 256

/* Adds a finding for each group of waits whose verdict is stuck. `detail` has
 * DEADLOCK_DETAIL_BYTES. */
void detect_stuck_step(const struct snapshot *snapshot, char *detail, struct finding_sink *sink);

#endif
