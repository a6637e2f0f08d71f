/* shard.c - names, first bytes and fates of the files of a recording; see shard.h. */
#include "store/shard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/schema.h"

static const char *const companions[] = {"", "-wal", "-shm", "-journal"};
#define COMPANION_COUNT (sizeof(companions) / sizeof(companions[0]))

/* --- names --- */

static bool parse_name(const char *name, struct shard *ret_shard)
{
  int64_t day = 0;
  unsigned number = 0;
  int length = 0;

  if (sscanf(name, "impasse-%8" SCNd64 "-%9u.db%n", &day, &number, &length) != 2 || length == 0 ||
      name[length] != '\0' || day < 19700101 || number == 0)
    return false;
  *ret_shard = (struct shard){.day = day, .number = number};
  return true;
}

bool shard_is_named(const char *path)
{
  const char *slash = strrchr(path, '/');
  struct shard shard;

  return parse_name(slash ? slash + 1 : path, &shard);
}

char *shard_path(const char *dir, int64_t day, unsigned number)
{
  char *path = NULL;

  if (asprintf(&path, "%s/impasse-%08" PRId64 "-%u.db", dir, day, number) < 0)
    return NULL;
  return path;
}

int64_t shard_day(int64_t wall_ms)
{
  time_t seconds = (time_t)(wall_ms / 1000);
  struct tm utc;

  if (!gmtime_r(&seconds, &utc))
    return 19700101;
  return (utc.tm_year + 1900) * 10000LL + (utc.tm_mon + 1) * 100 + utc.tm_mday;
}

static int by_age(const void *a, const void *b)
{
  const struct shard *x = a, *y = b;

  if (x->day != y->day)
    return x->day < y->day ? -1 : 1;
  return (x->number > y->number) - (x->number < y->number);
}

static int list_add(struct shard_list *list, const char *dir, struct shard shard)
{
  struct shard *more = reallocarray(list->shards, list->count + 1, sizeof(*more));

  if (!more)
    return -ENOMEM;
  list->shards = more;
  shard.path = shard_path(dir, shard.day, shard.number);
  if (!shard.path)
    return -ENOMEM;
  list->shards[list->count++] = shard;
  return 0;
}

int shard_list_read(const char *dir, struct shard_list *ret_list)
{
  struct shard_list list = {0};
  struct dirent *entry;
  struct shard shard;
  DIR *stream = opendir(dir);
  int e = 0;

  if (!stream)
    return -errno;
  while (e == 0 && (entry = readdir(stream)))
    if (parse_name(entry->d_name, &shard))
      e = list_add(&list, dir, shard);
  (void)closedir(stream); /* only read from */
  if (e) {
    shard_list_done(&list);
    return e;
  }
  if (list.count)
    qsort(list.shards, list.count, sizeof(*list.shards), by_age);
  *ret_list = list;
  return 0;
}

void shard_list_done(struct shard_list *list)
{
  for (size_t i = 0; i < list->count; i++)
    free(list->shards[i].path);
  free(list->shards);
  *list = (struct shard_list){0};
}

/* --- first bytes: https://www.sqlite.org/fileformat2.html, "The Database Header" --- */

#define HEADER_BYTES 100
#define AT_WRITE_VERSION 18 /* 2 = WAL */
#define AT_USER_VERSION 60
#define AT_APPLICATION_ID 68

static uint32_t big_endian(const unsigned char *p)
{
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static enum shard_kind kind_of(const unsigned char *header, ssize_t length, const char *path)
{
  if (length == 0)
    return SHARD_EMPTY;
  if (length < HEADER_BYTES || memcmp(header, "SQLite format 3", 16) != 0)
    return shard_is_named(path) ? SHARD_DAMAGED : SHARD_FOREIGN;
  if (big_endian(header + AT_APPLICATION_ID) != SCHEMA_APPLICATION_ID)
    return SHARD_FOREIGN;
  return big_endian(header + AT_USER_VERSION) > SCHEMA_VERSION ? SHARD_NEWER : SHARD_OURS;
}

int shard_look(const char *path, enum shard_kind *ret_kind, bool *ret_wal)
{
  unsigned char header[HEADER_BYTES] = {0};
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat st;
  ssize_t length;
  int e = 0;

  if (fd < 0)
    return -errno;
  if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
    *ret_kind = SHARD_FOREIGN;
    *ret_wal = false;
    goto out;
  }
  length = pread(fd, header, sizeof(header), 0);
  if (length < 0) {
    e = -errno;
    goto out;
  }
  *ret_kind = kind_of(header, length, path);
  *ret_wal = header[AT_WRITE_VERSION] == 2;
out:
  (void)close(fd); /* only read from */
  return e;
}

/* --- fates --- */

static int64_t file_bytes(const char *path, const char *companion)
{
  char *name = NULL;
  struct stat st;
  int64_t bytes = 0;

  if (asprintf(&name, "%s%s", path, companion) < 0)
    return 0;
  if (stat(name, &st) == 0)
    bytes = st.st_size;
  free(name);
  return bytes;
}

int64_t shard_bytes(const char *path)
{
  return file_bytes(path, "") + file_bytes(path, "-wal");
}

int shard_remove(const char *path)
{
  int e = 0;

  for (size_t i = 0; i < COMPANION_COUNT; i++) {
    char *name = NULL;

    if (asprintf(&name, "%s%s", path, companions[i]) < 0)
      return -ENOMEM;
    if (unlink(name) < 0 && errno != ENOENT && e == 0)
      e = -errno;
    free(name);
  }
  return e;
}

static int rename_companion(const char *path, const char *companion, unsigned number)
{
  char *from = NULL, *to = NULL;
  int e = -ENOMEM;

  if (asprintf(&from, "%s%s", path, companion) < 0)
    return e;
  if (asprintf(&to, "%s.damaged-%u%s", path, number, companion) < 0) {
    free(from);
    return e;
  }
  e = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) < 0 ? -errno : 0;
  free(from);
  free(to);
  return e == -ENOENT && companion[0] ? 0 : e;
}

int shard_set_aside(const char *path)
{
  unsigned number = 1;
  int e;

  do
    e = rename_companion(path, companions[0], number);
  while (e == -EEXIST && ++number < 10000);
  for (size_t i = 1; e == 0 && i < COMPANION_COUNT; i++)
    e = rename_companion(path, companions[i], number);
  return e;
}

/* --- SQLite --- */

int shard_errno(struct sqlite3 *sql, int result)
{
  static const struct {
    int result, error;
  } errors[] = {
      {SQLITE_OK, 0},
      {SQLITE_FULL, ENOSPC},
      {SQLITE_READONLY, EROFS},
      {SQLITE_NOMEM, ENOMEM},
      {SQLITE_BUSY, EAGAIN},
      {SQLITE_LOCKED, EAGAIN},
      {SQLITE_CORRUPT, EUCLEAN},
      {SQLITE_NOTADB, EUCLEAN},
      {SQLITE_PERM, EACCES},
      {SQLITE_AUTH, EACCES},
      {SQLITE_TOOBIG, E2BIG},
      {SQLITE_INTERRUPT, ECANCELED},
      {SQLITE_ERROR, EINVAL},
      {SQLITE_DONE, 0},
      {SQLITE_ROW, 0},
  };
  int system = sql ? sqlite3_system_errno(sql) : 0;

  for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
    if (errors[i].result == (result & 0xff))
      return -errors[i].error;
  if ((result & 0xff) == SQLITE_CANTOPEN)
    return system ? -system : -EACCES;
  return system ? -system : -EIO;
}

int shard_seal_open(struct sqlite3 *sql)
{
  int persist = 0;
  int result;

  (void)sqlite3_file_control(sql, NULL, SQLITE_FCNTL_PERSIST_WAL, &persist); /* the -wal goes */
  result = sqlite3_exec(sql, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE", NULL,
                        NULL, NULL);
  if (result == SQLITE_OK)
    return 0;
  persist = 1; /* a reader is in it: it must still be able to read after we have gone */
  (void)sqlite3_file_control(sql, NULL, SQLITE_FCNTL_PERSIST_WAL, &persist);
  return shard_errno(sql, result);
}

int shard_seal(const char *path)
{
  sqlite3 *sql = NULL;
  int result = sqlite3_open_v2(path, &sql, SQLITE_OPEN_READWRITE, NULL);
  int e = result == SQLITE_OK ? shard_seal_open(sql) : shard_errno(sql, result);

  (void)sqlite3_close(sql); /* no statement is open */
  return e;
}

int shard_last_ms(const char *path, int64_t *ret_ms)
{
  sqlite3 *sql = NULL;
  sqlite3_stmt *statement = NULL;
  int result = sqlite3_open_v2(path, &sql, SQLITE_OPEN_READWRITE, NULL);
  int e;

  if (result == SQLITE_OK)
    result = sqlite3_prepare_v2(sql, "SELECT t_ms FROM tick ORDER BY n DESC LIMIT 1", -1,
                                &statement, NULL);
  if (result == SQLITE_OK)
    result = sqlite3_step(statement);
  if (result == SQLITE_ROW)
    *ret_ms = sqlite3_column_int64(statement, 0);
  e = shard_errno(sql, result);
  (void)sqlite3_finalize(statement); /* repeats the error of the step */
  (void)sqlite3_close(sql);
  return e;
}
