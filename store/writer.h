/*
 * writer.h - the recorder's pen: the one writing connection of a recording.
 *
 *    DIR/impasse.lock              held (flock) while a writer is open; holds its pid
 *    DIR/impasse-YYYYMMDD-N.db     a shard: one day (UTC) or less; the newest is open in WAL, the
 *                                  others are sealed
 *    DIR/...db.damaged-N           set aside, never touched again
 *
 * What is in a shard: schema.h. How values are stored: encode.h. Reading: recording.h.
 * Threads: one at a time. Nothing is printed.
 */
#ifndef IMPASSE_STORE_WRITER_H
#define IMPASSE_STORE_WRITER_H

#include <stdint.h>

#include "model/snapshot.h"

struct writer;

struct writer_options {
  unsigned keep_days; /* 0 = no limit; shards of older days are deleted */
  /* 0 = no limit; with all shards and their -wal, the oldest are deleted first */
  int64_t keep_bytes;
};

struct writer_stats {
  uint64_t ticks;      /* recorded since it was opened */
  uint64_t rows;       /* written; what did not change is not */
  uint64_t failed;     /* puts that failed and were not recorded */
  int64_t shard_bytes; /* size of the open shard and its -wal */
  const char *shard;   /* path of the open shard; "" while there is none */
};

struct writer_error {
  char text[512]; /* one line: what, where, what to do */
};

/* Opens or makes the directory (0750) and takes its lock; the shard is opened by the first put.
 * -EBUSY where another recorder writes there (the text names its pid), -EMEDIUMTYPE where a file of
 * a shard's name is not ours, else -errno. */
int writer_open(const char *dir, const struct writer_options *options, struct writer **ret_writer,
                struct writer_error *error);

/* Records one snapshot in one transaction. On failure (-ENOSPC, -EIO, -EROFS ...) nothing of it is
 * recorded and what was committed stays; the next put tries again, and the first that succeeds
 * leaves a row in `gaps`. */
int writer_put(struct writer *writer, const struct snapshot *snapshot, struct writer_error *error);

struct writer_stats writer_stats(const struct writer *writer);

/* Seals the open shard and lets the lock go. NULL is fine. */
void writer_close(struct writer *writer);

#endif
