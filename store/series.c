/*
 * series.c - merging a snapshot into what was written of one relation; see series.h.
 *
 * The hot loop is "a row that lives on": its cells are encoded and compared with what was written,
 * straight from the columns of the snapshot. Nothing is looked up and nothing is written for a row
 * that did not change.
 */
#include "store/series.h"

#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/schema.h"
#include "store/shard.h"

/* What was last written of a row that lives. */
struct life {
  int64_t id;
  uint64_t tick;
  uint64_t mono_ns;
  int64_t values[]; /* plan.row_count */
};

struct series {
  struct encode_plan plan;
  bool interval;
  struct sqlite3 *sql;
  struct intern *intern;
  sqlite3_stmt *begin_life, *end_life, *write_row, *end_row;
  int64_t next_id;
  uint64_t rows;

  char *lives; /* room of life_bytes each */
  size_t life_bytes;
  uint32_t used, room; /* lives that were ever taken, and that there is room for */
  uint32_t *freed;     /* numbers of lives to take again */
  uint32_t freed_count, freed_room;
  uint32_t *slots;      /* number of the life of each row of the last snapshot */
  uint32_t *next_slots; /* the same of this one, while it is put */
  uint32_t slot_room;   /* of both */

  const void *key_cells[ENCODE_COLUMNS_MAX]; /* of the snapshot that is put; NULL for TEXT */
  const void *row_cells[ENCODE_COLUMNS_MAX];
  const void *last_key_cells[ENCODE_COLUMNS_MAX];
  const int64_t *ages, *swept; /* TARGETS.age_ms, .swept_ms where the relation has an age_ms */
  int read;                    /* in plan.row[]: age_ms, or -1 */
};

/* What one series_put works on. */
struct put {
  const struct snapshot *last, *snapshot;
  struct encode_now now;
  int64_t target_key; /* whose age now.target_age_ms is */
  bool flush;
};

static struct life *life_at(const struct series *s, uint32_t slot)
{
  return (struct life *)(void *)(s->lives + s->life_bytes * slot);
}

/* --- statements --- */

static int prepare(struct series *s, sqlite3_stmt **ret_statement, const char *text)
{
  int result;

  if (!text)
    return SQLITE_NOMEM;
  result = sqlite3_prepare_v3(s->sql, text, -1, SQLITE_PREPARE_PERSISTENT, ret_statement, NULL);
  return result;
}

/* INSERT INTO R_key or R_row: `fixed` columns and then those of the plan, one parameter each. */
static int prepare_insert(struct series *s, sqlite3_stmt **ret_statement, const char *table,
                          const char *fixed, const struct encode_column *columns, unsigned count,
                          unsigned parameters)
{
  const struct relation_info *info = relation_info(s->plan.relation);
  char *text = NULL;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  int result = SQLITE_NOMEM;

  if (!out)
    return SQLITE_NOMEM;
  fprintf(out, "INSERT INTO %s_%s(%s", info->name, table, fixed);
  for (unsigned i = 0; i < count; i++)
    fprintf(out, ", \"%s\"", info->columns[columns[i].column].name);
  fprintf(out, ") VALUES(?");
  for (unsigned i = 1; i < count + parameters; i++)
    fprintf(out, ", ?");
  fprintf(out, ")");
  if (fclose(out) == 0)
    result = prepare(s, ret_statement, text);
  free(text);
  return result;
}

static int prepare_update(struct series *s, sqlite3_stmt **ret_statement, const char *format)
{
  char *text = sqlite3_mprintf(format, relation_info(s->plan.relation)->name);
  int result = prepare(s, ret_statement, text);

  sqlite3_free(text);
  return result;
}

static int prepare_all(struct series *s)
{
  int result =
      prepare_insert(s, &s->begin_life, "key", "_id, _born", s->plan.key, s->plan.key_count, 2);

  if (result == SQLITE_OK)
    result =
        prepare_insert(s, &s->write_row, "row", "_tick, _id", s->plan.row, s->plan.row_count, 2);
  if (result == SQLITE_OK && s->interval)
    result =
        prepare_update(s, &s->end_row, "UPDATE %s_row SET _last = ? WHERE _tick = ? AND _id = ?");
  if (result == SQLITE_OK && !s->interval)
    result = prepare_update(s, &s->end_life, "UPDATE %s_key SET _died = ? WHERE _id = ?");
  return result;
}

int series_new(enum relation relation, struct sqlite3 *sql, struct intern *intern,
               struct series **ret_series)
{
  struct series *s = calloc(1, sizeof(*s));
  int result;

  if (!s)
    return -ENOMEM;
  encode_plan_init(&s->plan, relation);
  s->interval = schema_is_interval(relation);
  s->sql = sql;
  s->intern = intern;
  s->life_bytes = sizeof(struct life) + s->plan.row_count * sizeof(int64_t);
  s->read = -1;
  for (unsigned i = 0; i < s->plan.row_count; i++)
    if (s->plan.row[i].rule == ENCODE_READ)
      s->read = (int)i;
  result = prepare_all(s);
  if (result != SQLITE_OK) {
    series_free(s);
    return shard_errno(sql, result);
  }
  *ret_series = s;
  return 0;
}

void series_free(struct series *s)
{
  if (!s)
    return;
  (void)sqlite3_finalize(s->begin_life); /* repeat the errors of the last steps */
  (void)sqlite3_finalize(s->end_life);
  (void)sqlite3_finalize(s->write_row);
  (void)sqlite3_finalize(s->end_row);
  free(s->lives);
  free(s->freed);
  free(s->slots);
  free(s->next_slots);
  free(s);
}

uint64_t series_rows(const struct series *s)
{
  return s->rows;
}

static int run(sqlite3_stmt *statement)
{
  int result = sqlite3_step(statement);

  (void)sqlite3_reset(statement); /* repeats the error of the step */
  return result == SQLITE_DONE ? SQLITE_OK : result;
}

static void bind(sqlite3_stmt *statement, int parameter, int64_t value)
{
  if (value == ENCODE_NULL)
    (void)sqlite3_bind_null(statement, parameter); /* parameters are ours: cannot fail */
  else
    (void)sqlite3_bind_int64(statement, parameter, value);
}

/* --- lives --- */

static int take_life(struct series *s, uint32_t *ret_slot)
{
  if (s->freed_count) {
    *ret_slot = s->freed[--s->freed_count];
    return SQLITE_OK;
  }
  if (s->used == s->room) {
    uint32_t room = s->room ? s->room * 2 : 64;
    char *lives = reallocarray(s->lives, room, s->life_bytes);

    if (!lives)
      return SQLITE_NOMEM;
    s->lives = lives;
    s->room = room;
  }
  *ret_slot = s->used++;
  return SQLITE_OK;
}

static int give_life(struct series *s, uint32_t slot)
{
  if (s->freed_count == s->freed_room) {
    uint32_t room = s->freed_room ? s->freed_room * 2 : 64;
    uint32_t *freed = reallocarray(s->freed, room, sizeof(*freed));

    if (!freed)
      return SQLITE_NOMEM;
    s->freed = freed;
    s->freed_room = room;
  }
  s->freed[s->freed_count++] = slot;
  return SQLITE_OK;
}

static int make_slots(struct series *s, uint32_t rows)
{
  uint32_t *slots, *next;

  if (rows <= s->slot_room)
    return SQLITE_OK;
  rows += rows / 2;
  slots = reallocarray(s->slots, rows, sizeof(*slots));
  if (!slots)
    return SQLITE_NOMEM;
  s->slots = slots;
  next = reallocarray(s->next_slots, rows, sizeof(*next));
  if (!next)
    return SQLITE_NOMEM;
  s->next_slots = next;
  s->slot_room = rows;
  return SQLITE_OK;
}

static int ask_number(struct series *s, const char *format, int64_t *ret_number)
{
  char *text = sqlite3_mprintf(format, relation_info(s->plan.relation)->name);
  sqlite3_stmt *statement = NULL;
  int result = text ? sqlite3_prepare_v2(s->sql, text, -1, &statement, NULL) : SQLITE_NOMEM;

  if (result == SQLITE_OK)
    result = sqlite3_step(statement);
  if (result == SQLITE_ROW)
    *ret_number = sqlite3_column_int64(statement, 0);
  (void)sqlite3_finalize(statement); /* repeats the error of the step */
  sqlite3_free(text);
  return result == SQLITE_ROW ? SQLITE_OK : result == SQLITE_DONE ? SQLITE_CORRUPT : result;
}

static int end_all(struct series *s, uint64_t last_tick)
{
  const char *format = s->interval ? "UPDATE %s_row SET _last = %lld WHERE _last IS NULL"
                                   : "UPDATE %s_key SET _died = %lld WHERE _died IS NULL";
  char *text = sqlite3_mprintf(format, relation_info(s->plan.relation)->name,
                               (long long)last_tick + !s->interval);
  int result = text ? sqlite3_exec(s->sql, text, NULL, NULL, NULL) : SQLITE_NOMEM;

  sqlite3_free(text);
  return result;
}

int series_restart(struct series *s, uint64_t last_tick)
{
  int64_t last_id = 0;
  int result;

  s->used = s->freed_count = 0;
  result = ask_number(s, "SELECT coalesce(max(_id), 0) FROM %s_key", &last_id);
  if (result != SQLITE_OK)
    return result;
  s->next_id = last_id + 1;
  return last_id ? end_all(s, last_tick) : SQLITE_OK;
}

/* --- keys --- */

static int compare_texts(const char *a, const char *b)
{
  return strcmp(a ? a : "", b ? b : "");
}

/* Compares one key or identity column of row i of the last snapshot with row j of this one. */
static int compare_cell(const struct series *s, const struct put *put, unsigned k, uint32_t i,
                        uint32_t j)
{
  const struct encode_column *column = &s->plan.key[k];
  const void *a = s->last_key_cells[k], *b = s->key_cells[k];

  if (column->rule == ENCODE_TEXT)
    return compare_texts(snapshot_text(put->last, s->plan.relation, column->column, i),
                         snapshot_text(put->snapshot, s->plan.relation, column->column, j));
  if (column->rule == ENCODE_ENUM)
    return ((const uint8_t *)a)[i] - ((const uint8_t *)b)[j];
  return (((const int64_t *)a)[i] > ((const int64_t *)b)[j]) -
         (((const int64_t *)a)[i] < ((const int64_t *)b)[j]);
}

static int compare_keys(const struct series *s, const struct put *put, uint32_t i, uint32_t j)
{
  int order = 0;

  for (unsigned k = 0; order == 0 && k < s->plan.sort_count; k++)
    order = compare_cell(s, put, k, i, j);
  return order;
}

static bool same_identity(const struct series *s, const struct put *put, uint32_t i, uint32_t j)
{
  for (unsigned k = s->plan.sort_count; k < s->plan.key_count; k++)
    if (compare_cell(s, put, k, i, j) != 0)
      return false;
  return true;
}

/* --- rows --- */

/* Rows are sorted by target, so its age is looked up once a target. */
static void note_target(const struct series *s, struct put *put, uint32_t j)
{
  int64_t target_key;
  uint32_t row;

  if (s->read < 0 || !s->ages)
    return;
  target_key = ((const int64_t *)s->key_cells[0])[j];
  if (target_key == put->target_key)
    return;
  put->target_key = target_key;
  put->now.target_age_ms = put->now.target_swept_ms = VALUE_UNKNOWN;
  if (snapshot_find_target(put->snapshot, target_key, &row) == 0) {
    put->now.target_age_ms = s->ages[row];
    put->now.target_swept_ms = s->swept[row];
  }
}

static int encode_text(struct series *s, const struct put *put, unsigned c, uint32_t j,
                       int64_t *ret_value)
{
  return intern_number(s->intern,
                       snapshot_text(put->snapshot, s->plan.relation, s->plan.row[c].column, j),
                       ret_value);
}

/* Writes the row as it is now and remembers it. */
static int write_row(struct series *s, const struct put *put, struct life *life, uint32_t j)
{
  int result = SQLITE_OK;

  life->tick = put->now.tick;
  life->mono_ns = put->now.mono_ns;
  (void)sqlite3_bind_int64(s->write_row, 1, (int64_t)put->now.tick); /* ours: cannot fail */
  (void)sqlite3_bind_int64(s->write_row, 2, life->id);
  for (unsigned c = 0; result == SQLITE_OK && c < s->plan.row_count; c++) {
    if (s->plan.row[c].rule == ENCODE_TEXT)
      result = encode_text(s, put, c, j, &life->values[c]);
    else
      life->values[c] = encode_value(&s->plan.row[c], s->row_cells[c], j, &put->now);
    bind(s->write_row, (int)c + 3, life->values[c]);
  }
  s->rows++;
  return result == SQLITE_OK ? run(s->write_row) : result;
}

static int end_row(struct series *s, const struct put *put, const struct life *life)
{
  (void)sqlite3_bind_int64(s->end_row, 1, (int64_t)put->now.tick - 1); /* ours: cannot fail */
  (void)sqlite3_bind_int64(s->end_row, 2, (int64_t)life->tick);
  (void)sqlite3_bind_int64(s->end_row, 3, life->id);
  return run(s->end_row);
}

static int begin_life(struct series *s, struct put *put, uint32_t j)
{
  uint32_t slot;
  struct life *life;
  int64_t value;
  int result = take_life(s, &slot);

  if (result != SQLITE_OK)
    return result;
  s->next_slots[j] = slot;
  life = life_at(s, slot);
  life->id = s->next_id++;
  (void)sqlite3_bind_int64(s->begin_life, 1, life->id); /* ours: cannot fail */
  (void)sqlite3_bind_int64(s->begin_life, 2, (int64_t)put->now.tick);
  for (unsigned k = 0; result == SQLITE_OK && k < s->plan.key_count; k++) {
    const struct encode_column *column = &s->plan.key[k];

    if (column->rule == ENCODE_TEXT)
      result = intern_number(
          s->intern, snapshot_text(put->snapshot, s->plan.relation, column->column, j), &value);
    else
      value = encode_value(column, s->key_cells[k], j, &put->now);
    if (result == SQLITE_OK)
      bind(s->begin_life, (int)k + 3, value);
  }
  if (result == SQLITE_OK)
    result = run(s->begin_life);
  note_target(s, put, j);
  return result == SQLITE_OK ? write_row(s, put, life, j) : result;
}

static int end_life(struct series *s, const struct put *put, uint32_t i)
{
  struct life *life = life_at(s, s->slots[i]);
  int result;

  if (s->interval) {
    result = end_row(s, put, life);
  } else {
    (void)sqlite3_bind_int64(s->end_life, 1, (int64_t)put->now.tick); /* ours: cannot fail */
    (void)sqlite3_bind_int64(s->end_life, 2, life->id);
    result = run(s->end_life);
  }
  return result == SQLITE_OK ? give_life(s, s->slots[i]) : result;
}

/* Whether a text is another one than was written. It is compared with the last snapshot's, which is
 * what was written but for soft columns. */
static int text_differs(struct series *s, const struct put *put, const struct life *life,
                        unsigned c, uint32_t i, uint32_t j, bool *ret_differs)
{
  unsigned column = s->plan.row[c].column;
  int64_t value;
  int result;

  if (!s->plan.row[c].soft) {
    const char *was = snapshot_text(put->last, s->plan.relation, column, i);
    const char *is = snapshot_text(put->snapshot, s->plan.relation, column, j);

    *ret_differs = was != is && (!was || !is || strcmp(was, is) != 0);
    return SQLITE_OK;
  }
  result = encode_text(s, put, c, j, &value);
  *ret_differs = value != life->values[c];
  return result;
}

static int row_differs(struct series *s, const struct put *put, const struct life *life, uint32_t i,
                       uint32_t j, bool soft, bool *ret_differs)
{
  struct encode_now then = {.tick = life->tick, .mono_ns = life->mono_ns};
  int64_t depth = s->plan.depth < 0 ? VALUE_UNKNOWN : life->values[s->plan.depth];
  bool differs = false;
  int result = SQLITE_OK;

  for (unsigned c = 0; !differs && result == SQLITE_OK && c < s->plan.row_count; c++) {
    const struct encode_column *column = &s->plan.row[c];

    if (column->soft && !soft)
      continue;
    if (column->rule == ENCODE_TEXT)
      result = text_differs(s, put, life, c, i, j, &differs);
    else
      differs =
          encode_differs(column, life->values[c], &then,
                         encode_value(column, s->row_cells[c], j, &put->now), &put->now, depth);
  }
  *ret_differs = differs;
  return result;
}

static int live_on(struct series *s, struct put *put, uint32_t i, uint32_t j)
{
  struct life *life = life_at(s, s->slots[i]);
  bool due = put->flush || (put->now.tick + (uint64_t)life->id) % SCHEMA_KEYFRAME_TICKS == 0;
  bool differs;
  int result;

  s->next_slots[j] = s->slots[i];
  note_target(s, put, j);
  result = row_differs(s, put, life, i, j, due, &differs);
  if (result != SQLITE_OK)
    return result;
  if (!differs && (s->interval || put->flush || !due))
    return SQLITE_OK;
  if (s->interval)
    result = end_row(s, put, life);
  return result == SQLITE_OK ? write_row(s, put, life, j) : result;
}

int series_add(struct series *s, uint64_t tick, const int64_t *values)
{
  int64_t id = s->next_id++;
  int result;

  assert(s->interval);
  (void)sqlite3_bind_int64(s->begin_life, 1, id); /* ours: cannot fail */
  (void)sqlite3_bind_int64(s->begin_life, 2, (int64_t)tick);
  for (unsigned k = 0; k < s->plan.key_count; k++)
    bind(s->begin_life, (int)k + 3, values[s->plan.key[k].column]);
  result = run(s->begin_life);
  if (result != SQLITE_OK)
    return result;
  (void)sqlite3_bind_int64(s->write_row, 1, (int64_t)tick);
  (void)sqlite3_bind_int64(s->write_row, 2, id);
  for (unsigned c = 0; c < s->plan.row_count; c++)
    bind(s->write_row, (int)c + 3, values[s->plan.row[c].column]);
  result = run(s->write_row);
  if (result != SQLITE_OK)
    return result;
  (void)sqlite3_bind_int64(s->end_row, 1, (int64_t)tick);
  (void)sqlite3_bind_int64(s->end_row, 2, (int64_t)tick);
  (void)sqlite3_bind_int64(s->end_row, 3, id);
  s->rows++;
  return run(s->end_row);
}

/* --- the merge --- */

static void point_at_cells(struct series *s, const struct put *put)
{
  enum relation relation = s->plan.relation;

  for (unsigned k = 0; k < s->plan.key_count; k++) {
    s->key_cells[k] = encode_cells(&s->plan.key[k], put->snapshot, relation);
    s->last_key_cells[k] = put->last ? encode_cells(&s->plan.key[k], put->last, relation) : NULL;
  }
  for (unsigned c = 0; c < s->plan.row_count; c++)
    s->row_cells[c] = encode_cells(&s->plan.row[c], put->snapshot, relation);
  s->ages = relation == RELATION_TARGETS || snapshot_rows(put->snapshot, RELATION_TARGETS) == 0
                ? NULL
                : snapshot_ints(put->snapshot, RELATION_TARGETS, TARGETS_AGE_MS);
  s->swept = s->ages ? snapshot_ints(put->snapshot, RELATION_TARGETS, TARGETS_SWEPT_MS) : NULL;
}

int series_put(struct series *s, const struct snapshot *last, const struct snapshot *snapshot,
               const struct encode_now *now, bool flush)
{
  struct put put = {last, snapshot, *now, VALUE_UNKNOWN, flush};
  uint32_t last_rows = last ? snapshot_rows(last, s->plan.relation) : 0;
  uint32_t rows = snapshot_rows(snapshot, s->plan.relation);
  uint32_t i = 0, j = 0, *slots;
  int result = make_slots(s, rows);

  put.now.target_age_ms = put.now.target_swept_ms = VALUE_UNKNOWN;
  point_at_cells(s, &put);
  while (result == SQLITE_OK && (i < last_rows || j < rows)) {
    int order = i == last_rows ? 1 : j == rows ? -1 : compare_keys(s, &put, i, j);

    if (order == 0 && same_identity(s, &put, i, j)) {
      result = live_on(s, &put, i++, j++);
      continue;
    }
    if (order <= 0)
      result = end_life(s, &put, i++);
    if (result == SQLITE_OK && order >= 0)
      result = begin_life(s, &put, j++);
  }
  slots = s->slots;
  s->slots = s->next_slots;
  s->next_slots = slots;
  return result;
}
