/*
 * sql_reader.h - the thread that reads SQL for a feed: over the snapshot that comes with the
 * question, or over a recording. Statements end early when the reader is stopped.
 */
#ifndef IMPASSE_COLLECTOR_SQL_READER_H
#define IMPASSE_COLLECTOR_SQL_READER_H

#include <stdint.h>

#include "collector/feed_calls.h"

struct sql_reader;

/* Takes over `recording` (store/recording.h) on success; NULL: live. */
struct recording;
int sql_reader_start(struct recording *recording, struct sql_reader **ret_reader);
void sql_reader_stop(struct sql_reader *reader); /* NULL is fine */

/* Answers `call` with the rows as one text. `snapshot` is referenced; NULL for a recording. */
void sql_reader_select(struct sql_reader *reader, const struct snapshot *snapshot, const char *sql,
                       const char *format, struct feed_call *call);

/* Answers `call` with the recorded snapshot of that instant. */
void sql_reader_snapshot(struct sql_reader *reader, int64_t wall_ms, struct feed_call *call);

#endif
