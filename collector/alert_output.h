/*
 * alert_output.h - alerts as a stream of JSON objects, one a line, flushed: what changed between
 * two snapshots.
 *
 *   {"schema":"impasse.alert/1","seq":1,"type":"firing","t_ms":...,"rule":"deadlock",
 *    "severity":"critical","certainty":"proven","state":"firing","host":"web1",
 *    "target":"shop:812","key":"...","since":...,"until":null,
 *    "summary":"...","detail":{...}}
 *
 * type: pending, firing, changed (severity or certainty moved), resolved, gone (forgotten without
 * having fired), and once at the beginning "start", at the end "end", and "trouble" when snapshots
 * stop coming (with a "summary"). seq counts the lines from 1: a reader sees that it missed none.
 */
#ifndef IMPASSE_COLLECTOR_ALERT_OUTPUT_H
#define IMPASSE_COLLECTOR_ALERT_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "model/snapshot.h"

struct alert_output;

/* Which alerts are told: called with the row of `alerts`. */
typedef bool alert_output_wants_fn(void *context, const struct snapshot *snapshot, uint32_t row);

/* `out` stays the caller's. NULL without memory. */
struct alert_output *alert_output_new(FILE *out, alert_output_wants_fn *wants, void *context);
void alert_output_free(struct alert_output *output);

/* Writes a line for each alert that is not as in the snapshot before. 0, -EPIPE or another -errno
 * of the output. */
int alert_output_show(struct alert_output *output, const struct snapshot *snapshot);

/* One line that is about no alert: "start", "trouble", "end". `summary` may be NULL. */
int alert_output_event(struct alert_output *output, const char *type, int64_t wall_ms,
                       const char *summary);

/* Lines written. */
uint64_t alert_output_count(const struct alert_output *output);

#endif
