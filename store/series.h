/*
 * series.h - one relation on its way into the open shard: which rows live, what was last written of
 * them, and what of a new snapshot has to be written therefore.
 *
 *    rows of the last snapshot    a  b  c     e          sorted by key
 *    rows of this one             a     c  d  e'         merged without hashing
 *                                 |  |  |  |  |
 *                        unchanged  ends |  begins  changed: one row
 *                               unchanged
 *
 * Threads: one at a time. After a failure (the transaction is rolled back) the series is to be
 * forgotten.
 */
#ifndef IMPASSE_STORE_SERIES_H
#define IMPASSE_STORE_SERIES_H

#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "store/encode.h"
#include "store/intern.h"

struct series;
struct sqlite3;

/* For an open shard; freed before it is closed. 0 or -errno. */
int series_new(enum relation relation, struct sqlite3 *sql, struct intern *intern,
               struct series **ret_series);
void series_free(struct series *series);

/* Forgets all lives and ends those that the shard says are open with its last tick, so that the
 * next snapshot begins everything anew. Within a transaction; returns an SQLite result. */
int series_restart(struct series *series, uint64_t last_tick);

/* Writes what is new in `snapshot` against `last`, the one put before (NULL after a restart). With
 * `flush` they are the same one, and only soft columns that are not written yet are. Within a
 * transaction; returns an SQLite result. */
int series_put(struct series *series, const struct snapshot *last, const struct snapshot *snapshot,
               const struct encode_now *now, bool flush);

/* Writes a row of an interval relation that no snapshot holds, seen in this one tick: an encoded
 * value for each column of the dictionary. Within a transaction, after a restart; returns an SQLite
 * result. */
int series_add(struct series *series, uint64_t tick, const int64_t *values);

/* Rows written since it was made. */
uint64_t series_rows(const struct series *series);

#endif
