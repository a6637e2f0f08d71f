/*
 * recording.h - the past: all shards of a directory, or one file, read as one recording.
 *
 * SQL: tables of the dictionary's relations with t, t_ms, at (and last_t), as schema.h promises
 * them, over all shards; shards outside the times that a query asks for are not opened. Replay: the
 * snapshot of any instant. Read-only: it may be written to at the same time, and what was just
 * recorded is seen by the next query.
 *
 * Threads: one at a time.
 */
#ifndef IMPASSE_STORE_RECORDING_H
#define IMPASSE_STORE_RECORDING_H

#include <stdint.h>

#include "model/snapshot.h"

struct recording;
struct sqlite3;

struct recording_error {
  char text[512]; /* one line: what and where */
};

/* `path` is a directory or one shard. -ENOENT where nothing is recorded there, -EMEDIUMTYPE where a
 * file is not an impasse recording, -EPROTONOSUPPORT where a newer impasse wrote it, -EUCLEAN where
 * it is damaged, else -errno. */
int recording_open(const char *path, struct recording **ret_recording,
                   struct recording_error *error);
void recording_free(struct recording *recording);

/* The handle for query.h; it lives as long as the recording. */
struct sqlite3 *recording_sql(struct recording *recording);

/* First and last instant (Unix ms) of which there is a snapshot; -ENODATA where there is none yet.
 */
int recording_range(struct recording *recording, int64_t *ret_first_ms, int64_t *ret_last_ms);

/* The newest snapshot not later than wall_ms, as it was recorded but for the rounding stated in
 * encode.h. -ENODATA where there is none. */
int recording_snapshot(struct recording *recording, int64_t wall_ms, struct snapshot **ret_snapshot,
                       struct recording_error *error);

/* Number of ticks `step` after (before, if negative) the snapshot at wall_ms: its instant. For
 * stepping through the past; stops at both ends. */
int recording_step(struct recording *recording, int64_t wall_ms, int step, int64_t *ret_wall_ms);

#endif
