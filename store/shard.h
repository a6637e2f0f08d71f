/*
 * shard.h - the files of a recording: their names, whose they are, how large, and what became of
 * them.
 *
 *    impasse-20260131-2.db        second shard of that day (UTC)
 *    ...-wal ...-shm              beside the one that is being written
 *    ....db.damaged-1             set aside; no list contains it
 *
 * Foreign bytes: a file is looked at before SQLite opens it. Not here: what is inside (schema.h).
 */
#ifndef IMPASSE_STORE_SHARD_H
#define IMPASSE_STORE_SHARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sqlite3;

struct shard {
  int64_t day;     /* YYYYMMDD, UTC */
  unsigned number; /* from 1 */
  char *path;
};

struct shard_list {
  struct shard *shards; /* oldest first */
  size_t count;
};

/* What the first bytes of a file say. */
enum shard_kind {
  SHARD_OURS,
  SHARD_NEWER,   /* a later layout than ours */
  SHARD_EMPTY,   /* nothing was written yet */
  SHARD_FOREIGN, /* another program's database, or not one at all and not named as a shard */
  SHARD_DAMAGED  /* no database, although it has a shard's name */
};

/* The shards of a directory. 0 or -errno; done with shard_list_done. */
int shard_list_read(const char *dir, struct shard_list *ret_list);
void shard_list_done(struct shard_list *list);

/* Path of a shard, to be freed by the caller; NULL without memory. */
char *shard_path(const char *dir, int64_t day, unsigned number);
int64_t shard_day(int64_t wall_ms);
bool shard_is_named(const char *path);

/* 0 or -errno where it cannot be read. *ret_wal: it is (or was left) in WAL mode. */
int shard_look(const char *path, enum shard_kind *ret_kind, bool *ret_wal);

/* Bytes of a shard and its -wal. */
int64_t shard_bytes(const char *path);

/* Deletes a shard and what stands beside it. */
int shard_remove(const char *path);

/* Renames a damaged shard and what stands beside it to the first free .damaged-N. 0 or -errno. */
int shard_set_aside(const char *path);

/* Turns a closed shard in WAL mode into a plain file, which needs no writable directory to be read.
 * -EAGAIN while a reader is in it: then it stays as it is. */
int shard_seal(const char *path);
/* The same on an open connection without running statements. */
int shard_seal_open(struct sqlite3 *sql);

/* The instant of the last tick in a shard; *ret_ms stays as it is where there is none. 0 or
 * -errno. */
int shard_last_ms(const char *path, int64_t *ret_ms);

/* An SQLite result of this connection as -errno. */
int shard_errno(struct sqlite3 *sql, int result);

#endif
