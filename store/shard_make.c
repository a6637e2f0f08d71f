/* shard_make.c - making a shard aside; see shard_make.h. */
#include "store/shard_make.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/schema.h"
#include "store/shard.h"

#define GROUP "impasse"
#define FILE_MODE 0640

void shard_give_to_group(int fd)
{
  struct group group, *found = NULL;
  char buffer[4096];

  if (getgrnam_r(GROUP, &group, buffer, sizeof(buffer), &found) == 0 && found)
    (void)!fchown(fd, (uid_t)-1, found->gr_gid); /* not ours to give: stays as it is */
}

/* The file with the right owner and mode, before SQLite makes it with others. */
static int make_file(const char *path)
{
  int fd, e = shard_remove(path); /* with its journal: a kill may have left them behind */

  if (e)
    return e;
  fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
  if (fd < 0)
    return -errno;
  (void)fchmod(fd, FILE_MODE); /* whatever the umask: the group may read; else only we can */
  shard_give_to_group(fd);
  (void)close(fd); /* nothing was written */
  return 0;
}

static int fill(sqlite3 *sql)
{
  char *tables = schema_create();
  char *all = NULL;
  int result = SQLITE_NOMEM;

  if (tables)
    all = sqlite3_mprintf("PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL; BEGIN;\n"
                          "PRAGMA application_id = %d; PRAGMA user_version = %d;\n%s"
                          "INSERT INTO meta VALUES('program', 'impasse " IMPASSE_VERSION "'),"
                          " ('dictionary_version', '%d'), ('fingerprint', '%016llx');\nCOMMIT;",
                          SCHEMA_APPLICATION_ID, SCHEMA_VERSION, tables, DICTIONARY_VERSION,
                          (unsigned long long)schema_fingerprint());
  if (all)
    result = sqlite3_exec(sql, all, NULL, NULL, NULL);
  sqlite3_free(all);
  free(tables);
  return result;
}

static int make_aside(const char *path)
{
  sqlite3 *sql = NULL;
  int result, e = make_file(path);

  if (e)
    return e;
  result = sqlite3_open_v2(path, &sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
  if (result == SQLITE_OK)
    result = fill(sql);
  if (result != SQLITE_OK)
    e = shard_errno(sql, result);
  if (sqlite3_close(sql) != SQLITE_OK && e == 0)
    e = -EIO;
  return e;
}

int shard_make(const char *path)
{
  char *aside = NULL;
  int e;

  if (asprintf(&aside, "%s.new", path) < 0)
    return -ENOMEM;
  e = make_aside(aside);
  if (e == 0 && renameat2(AT_FDCWD, aside, AT_FDCWD, path, RENAME_NOREPLACE) < 0)
    e = -errno;
  if (e)
    (void)shard_remove(aside); /* what can be removed of it */
  free(aside);
  return e;
}
