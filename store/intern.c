/* intern.c - an open hash of texts before the table `text`. Not here: what the texts mean. */
#include "store/intern.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "model/hash.h"
#include "store/encode.h"
#include "store/shard.h"

#define CACHE_BYTES_MAX (16u << 20)
#define ROOM_FIRST 1024

struct entry {
  char *text; /* NULL = empty */
  uint64_t hash;
  int64_t number;
};

struct intern {
  sqlite3_stmt *find, *add;
  sqlite3 *sql;
  struct entry *entries; /* room is a power of two */
  size_t count, room, bytes;
};

int intern_new(struct sqlite3 *sql, struct intern **ret_intern)
{
  struct intern *intern = calloc(1, sizeof(*intern));
  int result;

  if (!intern)
    return -ENOMEM;
  intern->sql = sql;
  result = sqlite3_prepare_v3(sql, "SELECT id FROM text WHERE s = ?", -1, SQLITE_PREPARE_PERSISTENT,
                              &intern->find, NULL);
  if (result == SQLITE_OK)
    result = sqlite3_prepare_v3(sql, "INSERT INTO text(s) VALUES(?)", -1, SQLITE_PREPARE_PERSISTENT,
                                &intern->add, NULL);
  if (result != SQLITE_OK) {
    intern_free(intern);
    return shard_errno(sql, result);
  }
  *ret_intern = intern;
  return 0;
}

void intern_forget(struct intern *intern)
{
  for (size_t i = 0; i < intern->room; i++)
    free(intern->entries[i].text);
  free(intern->entries);
  intern->entries = NULL;
  intern->count = intern->room = intern->bytes = 0;
}

void intern_free(struct intern *intern)
{
  if (!intern)
    return;
  intern_forget(intern);
  (void)sqlite3_finalize(intern->find); /* repeats the error of the last step */
  (void)sqlite3_finalize(intern->add);
  free(intern);
}

/* Where the text is, or the empty place where it belongs. */
static struct entry *place(const struct intern *intern, const char *text, uint64_t hash)
{
  size_t i = hash & (intern->room - 1);

  while (intern->entries[i].text &&
         (intern->entries[i].hash != hash || strcmp(intern->entries[i].text, text) != 0))
    i = (i + 1) & (intern->room - 1);
  return &intern->entries[i];
}

static int grow(struct intern *intern)
{
  struct entry *old = intern->entries;
  size_t old_room = intern->room, room = old_room ? old_room * 2 : ROOM_FIRST;
  struct entry *entries = calloc(room, sizeof(*entries));

  if (!entries)
    return SQLITE_NOMEM;
  intern->entries = entries;
  intern->room = room;
  for (size_t i = 0; i < old_room; i++)
    if (old[i].text)
      *place(intern, old[i].text, old[i].hash) = old[i];
  free(old);
  return SQLITE_OK;
}

static int look_up(struct intern *intern, const char *text, int64_t *ret_number)
{
  int result;

  sqlite3_bind_text(intern->find, 1, text, -1, SQLITE_STATIC);
  result = sqlite3_step(intern->find);
  if (result == SQLITE_ROW)
    *ret_number = sqlite3_column_int64(intern->find, 0);
  (void)sqlite3_reset(intern->find); /* repeats the error of the step */
  if (result != SQLITE_DONE)
    return result == SQLITE_ROW ? SQLITE_OK : result;

  sqlite3_bind_text(intern->add, 1, text, -1, SQLITE_STATIC);
  result = sqlite3_step(intern->add);
  (void)sqlite3_reset(intern->add);
  if (result != SQLITE_DONE)
    return result;
  *ret_number = sqlite3_last_insert_rowid(intern->sql);
  return SQLITE_OK;
}

int intern_number(struct intern *intern, const char *text, int64_t *ret_number)
{
  uint64_t hash;
  struct entry *entry;
  int64_t number = ENCODE_NULL;
  int result;

  if (!text) {
    *ret_number = ENCODE_NULL;
    return SQLITE_OK;
  }
  if (intern->bytes > CACHE_BYTES_MAX)
    intern_forget(intern);
  if (intern->count >= intern->room / 2 && grow(intern) != SQLITE_OK)
    return SQLITE_NOMEM;
  hash = hash_text(HASH_SEED, text);
  entry = place(intern, text, hash);
  if (entry->text) {
    *ret_number = entry->number;
    return SQLITE_OK;
  }
  result = look_up(intern, text, &number);
  if (result != SQLITE_OK)
    return result;
  *ret_number = number;
  *entry = (struct entry){.text = strdup(text), .hash = hash, .number = number};
  if (entry->text) { /* without memory it is merely not remembered */
    intern->count++;
    intern->bytes += strlen(text) + 1 + sizeof(*entry);
  }
  return SQLITE_OK;
}
