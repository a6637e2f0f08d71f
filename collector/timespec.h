/*
 * timespec.h - how people write times and durations.
 *
 *   time      now | today [CLOCK] | yesterday [CLOCK] | CLOCK | DATE[(T| )CLOCK[ZONE]] | DURATION
 * ago | -DURATION | +DURATION | [@]EPOCH[.fraction] CLOCK     HH:MM[:SS[.fraction]]          DATE
 * YYYY-MM-DD          ZONE  Z | (+|-)HH[:]MM DURATION  NUMBER UNIT [NUMBER UNIT ...]  UNIT  ms s
 * sec m min h hour(s) d day(s) w week(s); a bare number: seconds
 *
 * Without a zone, local time. Pure but for the process's time zone.
 */
#ifndef IMPASSE_COLLECTOR_TIMESPEC_H
#define IMPASSE_COLLECTOR_TIMESPEC_H

#include <stdint.h>

/* Unix milliseconds. 0 or -EINVAL. */
int timespec_parse(const char *text, int64_t now_ms, int64_t *ret_ms);

/* Nanoseconds, above 0 and at most 100 years. 0 or -EINVAL. */
int timespec_parse_duration(const char *text, int64_t *ret_ns);

#endif
