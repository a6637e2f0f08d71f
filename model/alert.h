/*
 * alert.h - the life of findings: pending -> firing -> resolved, one row of `alerts` each.
 *
 *              found           for for_ns          not found for keep_ns            15 min
 *    (nothing) -----> pending ------------> firing ----------------------> resolved -------> (gone)
 *        ^               |                  |    ^
 *        `---------------'                  `----'
 *           not found                       found again within keep_ns: the same alert goes on
 *
 * Severity and certainty follow the newest finding, but a firing alert never becomes less certain.
 * `since` is when it was found first, `until` when it was found last. Alerts of actors that are
 * members of a firing deadlock are inhibited: they go on living, but are not shown until the
 * deadlock is over.
 * Bounded: at most ALERTS_MAX, of which the last sixteenth is for critical ones only; those that
 * were resolved longest ago make room, and what still does not fit is counted (alerts_lost). The
 * texts of all together take about 16 MiB: a detail that makes them more is left out, and counted.
 *
 * Pure; one thread. The collection is `finding_sink` to the detectors.
 */
#ifndef IMPASSE_MODEL_ALERT_H
#define IMPASSE_MODEL_ALERT_H

#include <stdint.h>

#include "model/detector.h"
#include "model/snapshot.h"

#define ALERTS_MAX 4096
#define ALERT_RESOLVED_KEEP_NS (15ull * 60 * 1000000000)

struct finding_sink *alerts_new(void);
void alerts_free(struct finding_sink *alerts);

/* Begins a tick: findings may be added until alerts_end. `rule` names the detector whose findings
 * follow. */
void alerts_begin(struct finding_sink *alerts, struct tick_clock now);
void alerts_rule(struct finding_sink *alerts, const char *rule);
/* Ends it: moves every alert along its life. */
void alerts_end(struct finding_sink *alerts);

/* Writes the relation `alerts`, sorted by key. 0 or -ENOMEM. */
int alerts_fill(const struct finding_sink *alerts, struct snapshot_builder *builder,
                const char *host);

/* Earliest CLOCK_MONOTONIC time at which an alert would change state if what was found in this tick
 * goes on being found, and nothing else, UINT64_MAX where there is none: a tick at that time is not
 * too late. */
uint64_t alerts_next_ns(const struct finding_sink *alerts);

/* Findings that were dropped because ALERTS_MAX was reached or memory was out; monotonic. */
uint64_t alerts_lost(const struct finding_sink *alerts);

#endif
