/*
 * recording_shards.h - the shards behind a recording, as recording.c, history.c and replay.c share
 * them; nobody else includes it.
 */
#ifndef IMPASSE_STORE_RECORDING_SHARDS_H
#define IMPASSE_STORE_RECORDING_SHARDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/dictionary.h"
#include "store/recording.h"

struct sqlite3;
struct sqlite3_stmt;

/* One file, opened when it is first needed. */
struct recorded {
  char *path;
  int64_t day;
  unsigned number;
  struct sqlite3 *sql;              /* NULL = not open */
  unsigned used;                    /* cursors in it: it must not be closed */
  uint64_t asked;                   /* when it was needed last, counted */
  bool vanished;                    /* retention was faster: it has no rows */
  uint64_t columns[RELATION_COUNT]; /* bit c: the file has schema column c of the relation */
  bool have_range;
  int64_t first_ms, last_ms; /* first > last where it has no tick */
};

struct recording {
  char *path;
  bool is_dir;
  struct sqlite3 *sql;      /* the face: virtual tables over all shards */
  struct recorded **shards; /* oldest first */
  size_t count;
  uint64_t asked;
};

/* Opens a shard that may be closed; a few others are closed for it. 0 or -errno with the error in
 * words. A shard that is not there any more is marked `vanished`. */
int recorded_open(struct recording *recording, struct recorded *shard,
                  struct recording_error *error);

/* First and last instant, first > last where there is none; asked again for the newest shard
 * only. */
int recorded_range(struct recording *recording, struct recorded *shard, int64_t *ret_first_ms,
                   int64_t *ret_last_ms, struct recording_error *error);

/* Looks for new and vanished shards. */
int recording_refresh(struct recording *recording, struct recording_error *error);

/* Puts one harmless line into *error and returns e. */
int recording_complain(struct recording_error *error, int e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int recording_complain_sql(struct recording_error *error, const struct recorded *shard, int result);

/* history.c: makes the virtual tables on recording->sql. 0 or -ENOMEM. */
int history_make_tables(struct recording *recording);

#endif
