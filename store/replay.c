/*
 * replay.c - the snapshot of an instant out of a recording.
 *
 *    tick T: the newest not later than the instant
 *    states     rows of (T - 60, T], newest first; the first of each _id that lives at T counts
 *    intervals  rows begun in (T - 60, T] or before, that had not ended at T: short ones by key,
 *               long ones and open ones by their indexes
 *
 * So the look back is bounded, however long the recording. Values are carried from their row's tick
 * to T as encode.h says. The file is foreign: values are bounded, enums checked, and rows sorted
 * here.
 */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/encode.h"
#include "store/recording_shards.h"
#include "store/schema.h"
#include "store/shard.h"

#define IDS_MAX (1ll << 34)   /* lives of one relation in one shard: a bit each is needed */
#define TICKS_MAX (1ll << 53) /* numbers of ticks: what is counted to and from them fits */

/* A text of the shard, read once. */
struct text {
  int64_t number;
  char *s;
  uint32_t reference; /* in the builder */
};

struct replay {
  struct recorded *shard;
  struct snapshot_builder *builder;
  struct encode_now now;
  uint64_t mono_ns[SCHEMA_KEYFRAME_TICKS]; /* of tick - i */
  sqlite3_stmt *find_text, *find_tick;
  struct text *texts; /* open hash; room is a power of two */
  size_t text_count, text_room;

  /* the relation that is replayed */
  struct encode_plan plan;
  sqlite3_stmt *find_life;
  int64_t *cells; /* column_count encoded values a row */
  uint32_t *order;
  size_t row_count, row_room;
};

static unsigned column_count(const struct replay *r)
{
  return relation_info(r->plan.relation)->column_count;
}

static int prepare(struct replay *r, sqlite3_stmt **ret_statement, char *text)
{
  int result =
      text ? sqlite3_prepare_v2(r->shard->sql, text, -1, ret_statement, NULL) : SQLITE_NOMEM;

  sqlite3_free(text);
  return result;
}

/* --- texts --- */

static struct text *text_place(const struct replay *r, int64_t number)
{
  size_t i = (size_t)((uint64_t)number * 0x9e3779b97f4a7c15ull >> 32) & (r->text_room - 1);

  while (r->texts[i].s && r->texts[i].number != number)
    i = (i + 1) & (r->text_room - 1);
  return &r->texts[i];
}

static int texts_grow(struct replay *r)
{
  struct text *old = r->texts;
  size_t old_room = r->text_room, room = old_room ? old_room * 2 : 256;
  struct text *texts = calloc(room, sizeof(*texts));

  if (!texts)
    return SQLITE_NOMEM;
  r->texts = texts;
  r->text_room = room;
  for (size_t i = 0; i < old_room; i++)
    if (old[i].s)
      *text_place(r, old[i].number) = old[i];
  free(old);
  return SQLITE_OK;
}

/* Reads a text by its number. *ret_text is NULL where the number is NULL or names none. */
static int text_read(struct replay *r, int64_t number, const struct text **ret_text)
{
  struct text *text;
  const char *s;
  int result;

  *ret_text = NULL;
  if (number == ENCODE_NULL)
    return SQLITE_OK;
  if (r->text_count >= r->text_room / 2 && texts_grow(r) != SQLITE_OK)
    return SQLITE_NOMEM;
  text = text_place(r, number);
  if (text->s) {
    *ret_text = text;
    return SQLITE_OK;
  }
  (void)sqlite3_bind_int64(r->find_text, 1, number); /* ours: cannot fail */
  result = sqlite3_step(r->find_text);
  s = result == SQLITE_ROW ? (const char *)sqlite3_column_text(r->find_text, 0) : NULL;
  if (s) {
    text->number = number;
    text->reference = snapshot_builder_text(r->builder, s);
    text->s = strdup(s);
    if (text->s) {
      r->text_count++;
      *ret_text = text;
    } else {
      result = SQLITE_NOMEM;
    }
  }
  (void)sqlite3_reset(r->find_text); /* repeats the error of the step */
  return result == SQLITE_ROW || result == SQLITE_DONE ? SQLITE_OK : result;
}

/* --- ticks --- */

static int mono_of(struct replay *r, uint64_t tick, uint64_t *ret_mono_ns)
{
  int result;

  if (tick <= r->now.tick && r->now.tick - tick < SCHEMA_KEYFRAME_TICKS) {
    *ret_mono_ns = r->mono_ns[r->now.tick - tick];
    return SQLITE_OK;
  }
  (void)sqlite3_bind_int64(r->find_tick, 1, (int64_t)tick); /* ours: cannot fail */
  result = sqlite3_step(r->find_tick);
  *ret_mono_ns =
      result == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(r->find_tick, 0) : r->now.mono_ns;
  (void)sqlite3_reset(r->find_tick); /* repeats the error of the step */
  return result == SQLITE_ROW || result == SQLITE_DONE ? SQLITE_OK : result;
}

static int read_ticks(struct replay *r)
{
  sqlite3_stmt *statement = NULL;
  int result = prepare(r, &statement,
                       sqlite3_mprintf("SELECT n, mono_ns FROM tick WHERE n > %lld AND n <= %lld",
                                       (long long)r->now.tick - SCHEMA_KEYFRAME_TICKS,
                                       (long long)r->now.tick));

  for (unsigned i = 0; i < SCHEMA_KEYFRAME_TICKS; i++)
    r->mono_ns[i] = r->now.mono_ns;
  while (result == SQLITE_OK && (result = sqlite3_step(statement)) == SQLITE_ROW) {
    uint64_t back = r->now.tick - (uint64_t)sqlite3_column_int64(statement, 0);

    if (back < SCHEMA_KEYFRAME_TICKS)
      r->mono_ns[back] = (uint64_t)sqlite3_column_int64(statement, 1);
    result = SQLITE_OK;
  }
  (void)sqlite3_finalize(statement); /* repeats the error of the step */
  return result == SQLITE_DONE ? SQLITE_OK : result;
}

/* --- statements of a relation --- */

/* Names of the columns that both we and the file have; others come as NULL. */
static char *column_list(const struct replay *r, const struct encode_column *columns,
                         unsigned count)
{
  const struct relation_info *info = relation_info(r->plan.relation);
  uint64_t have = r->shard->columns[r->plan.relation];
  char *list = sqlite3_mprintf("%s", "");

  for (unsigned i = 0; list && i < count; i++) {
    char *longer = have >> columns[i].column & 1
                       ? sqlite3_mprintf("%s, \"%s\"", list, info->columns[columns[i].column].name)
                       : sqlite3_mprintf("%s, NULL", list);

    sqlite3_free(list);
    list = longer;
  }
  return list;
}

static int prepare_life(struct replay *r)
{
  char *list = column_list(r, r->plan.key, r->plan.key_count);
  int result = SQLITE_NOMEM;

  if (list)
    result = prepare(r, &r->find_life,
                     sqlite3_mprintf("SELECT _born, _died%s FROM %s_key WHERE _id = ?", list,
                                     relation_info(r->plan.relation)->name));
  sqlite3_free(list);
  return result;
}

static char *rows_sql(const struct replay *r, const char *list)
{
  const char *name = relation_info(r->plan.relation)->name;
  long long now = (long long)r->now.tick, first = now - SCHEMA_KEYFRAME_TICKS;

  if (!schema_is_interval(r->plan.relation))
    return sqlite3_mprintf("SELECT _tick, _id%s FROM %s_row WHERE _tick > %lld AND _tick <= %lld"
                           " ORDER BY _tick DESC, _id DESC",
                           list, name, first, now);
  return sqlite3_mprintf(
      "SELECT _tick, _id%s FROM %s_row WHERE _tick > %lld AND _tick <= %lld"
      " AND (_last IS NULL OR _last >= %lld)"
      " UNION ALL SELECT _tick, _id%s FROM %s_row WHERE _last - _tick >= %d AND _last >= %lld"
      " AND _tick <= %lld"
      " UNION ALL SELECT _tick, _id%s FROM %s_row WHERE _last IS NULL AND _tick <= %lld",
      list, name, first, now, now, list, name, SCHEMA_KEYFRAME_TICKS, now, first, list, name,
      first);
}

static int prepare_rows(struct replay *r, sqlite3_stmt **ret_rows)
{
  char *list = column_list(r, r->plan.row, r->plan.row_count);
  int result = list ? prepare(r, ret_rows, rows_sql(r, list)) : SQLITE_NOMEM;

  sqlite3_free(list);
  return result;
}

/* A bit for each life of the relation, all 0. */
static int make_seen(struct replay *r, uint8_t **ret_seen, int64_t *ret_ids)
{
  sqlite3_stmt *statement = NULL;
  int result = prepare(r, &statement,
                       sqlite3_mprintf("SELECT coalesce(max(_id), 0) FROM %s_key",
                                       relation_info(r->plan.relation)->name));
  int64_t ids = 0;

  if (result == SQLITE_OK)
    result = sqlite3_step(statement);
  if (result == SQLITE_ROW) {
    ids = sqlite3_column_int64(statement, 0) + 1;
    result = ids <= 0 || ids > IDS_MAX ? SQLITE_CORRUPT : SQLITE_OK;
  }
  (void)sqlite3_finalize(statement); /* repeats the error of the step */
  if (result != SQLITE_OK)
    return result;
  *ret_seen = calloc((size_t)ids / 8 + 1, 1);
  *ret_ids = ids;
  return *ret_seen ? SQLITE_OK : SQLITE_NOMEM;
}

/* --- rows --- */

static int64_t value_of(sqlite3_stmt *statement, int column)
{
  return sqlite3_column_type(statement, column) == SQLITE_NULL
             ? ENCODE_NULL
             : sqlite3_column_int64(statement, column);
}

static uint8_t known_word(const struct column *column, int64_t value)
{
  for (uint8_t i = 0; column->values[i]; i++)
    if (i == value)
      return i;
  return ENUM_UNKNOWN;
}

/* A value of a column; a number that is no word of an enumerated one is unknown. */
static int64_t cell_of(const struct replay *r, sqlite3_stmt *statement, int at,
                       const struct encode_column *column)
{
  int64_t value = value_of(statement, at);

  if (column->rule == ENCODE_ENUM &&
      known_word(&relation_info(r->plan.relation)->columns[column->column], value) == ENUM_UNKNOWN)
    return ENCODE_NULL;
  return value;
}

static int row_new(struct replay *r, int64_t **ret_cells)
{
  if (r->row_count == r->row_room) {
    size_t room = r->row_room ? r->row_room * 2 : 256;
    int64_t *cells = reallocarray(r->cells, room, column_count(r) * sizeof(*cells));

    if (!cells)
      return SQLITE_NOMEM;
    r->cells = cells;
    r->row_room = room;
  }
  *ret_cells = r->cells + r->row_count * column_count(r);
  return SQLITE_OK;
}

/* Reads the key and identity of a life. *ret_lives: it does at this tick (an interval's row says so
 * by itself). */
static int read_life(struct replay *r, int64_t id, int64_t *cells, bool *ret_lives)
{
  int result;

  (void)sqlite3_bind_int64(r->find_life, 1, id); /* ours: cannot fail */
  result = sqlite3_step(r->find_life);
  *ret_lives = false;
  if (result == SQLITE_ROW) {
    int64_t died = value_of(r->find_life, 1);

    *ret_lives = died == ENCODE_NULL || died > (int64_t)r->now.tick;
    for (unsigned k = 0; k < r->plan.key_count; k++)
      cells[r->plan.key[k].column] = cell_of(r, r->find_life, (int)k + 2, &r->plan.key[k]);
  }
  (void)sqlite3_reset(r->find_life); /* repeats the error of the step */
  return result == SQLITE_ROW || result == SQLITE_DONE ? SQLITE_OK : result;
}

/* An age of the row's target, which is replayed already. */
static int64_t target_age(const struct replay *r, const int64_t *cells, unsigned column)
{
  const struct snapshot *view = snapshot_builder_view(r->builder);
  uint32_t row;

  if (r->plan.relation == RELATION_TARGETS ||
      relation_info(r->plan.relation)->columns[0].type != COLUMN_INT ||
      snapshot_find_target(view, cells[0], &row) < 0)
    return VALUE_UNKNOWN;
  return snapshot_int(view, RELATION_TARGETS, column, row);
}

static int read_row(struct replay *r, sqlite3_stmt *rows, int64_t *cells)
{
  struct encode_now then = {.tick = (uint64_t)sqlite3_column_int64(rows, 0)};
  int64_t depth = r->plan.depth < 0 ? VALUE_UNKNOWN : value_of(rows, r->plan.depth + 2);
  int result = mono_of(r, then.tick, &then.mono_ns);

  r->now.target_age_ms = target_age(r, cells, TARGETS_AGE_MS);
  r->now.target_swept_ms = target_age(r, cells, TARGETS_SWEPT_MS);
  for (unsigned c = 0; c < r->plan.row_count; c++) {
    const struct encode_column *column = &r->plan.row[c];

    cells[column->column] =
        encode_carry(column, cell_of(r, rows, (int)c + 2, column), &then, &r->now, depth);
  }
  return result;
}

static int take_row(struct replay *r, sqlite3_stmt *rows, uint8_t *seen, int64_t ids)
{
  int64_t id = sqlite3_column_int64(rows, 1);
  int64_t *cells;
  bool lives;
  int result;

  if (id < 0 || id >= ids)
    return SQLITE_CORRUPT;
  if (seen[id / 8] >> (id % 8) & 1)
    return SQLITE_OK;
  seen[id / 8] |= (uint8_t)(1 << (id % 8));
  result = row_new(r, &cells);
  if (result == SQLITE_OK)
    result = read_life(r, id, cells, &lives);
  if (result != SQLITE_OK || !lives)
    return result;
  result = read_row(r, rows, cells);
  r->row_count++;
  return result;
}

static int read_rows(struct replay *r)
{
  sqlite3_stmt *rows = NULL;
  uint8_t *seen = NULL;
  int64_t ids = 0;
  int result = make_seen(r, &seen, &ids);

  if (result == SQLITE_OK)
    result = prepare_life(r);
  if (result == SQLITE_OK)
    result = prepare_rows(r, &rows);
  while (result == SQLITE_OK && (result = sqlite3_step(rows)) == SQLITE_ROW)
    result = take_row(r, rows, seen, ids);
  (void)sqlite3_finalize(rows); /* repeat the errors of the last steps */
  (void)sqlite3_finalize(r->find_life);
  r->find_life = NULL;
  free(seen);
  return result == SQLITE_DONE ? SQLITE_OK : result;
}

/* --- into the snapshot --- */

static const char *text_or_empty(const struct replay *r, int64_t number)
{
  const struct text *text;

  if (number == ENCODE_NULL)
    return "";
  text = text_place(r, number); /* all were read before sorting */
  return text->s ? text->s : "";
}

/* The order of a snapshot's rows: by the key columns, unknown first but for enums. */
static int compare_rows(const void *a, const void *b, void *replay)
{
  const struct replay *r = replay;
  const int64_t *x = r->cells + *(const uint32_t *)a * (size_t)column_count(r);
  const int64_t *y = r->cells + *(const uint32_t *)b * (size_t)column_count(r);

  for (unsigned k = 0; k < r->plan.sort_count; k++) {
    unsigned c = r->plan.key[k].column;
    int order;

    if (r->plan.key[k].rule == ENCODE_TEXT)
      order = strcmp(text_or_empty(r, x[c]), text_or_empty(r, y[c]));
    else if (r->plan.key[k].rule == ENCODE_ENUM)
      order = ((uint64_t)x[c] > (uint64_t)y[c]) - ((uint64_t)x[c] < (uint64_t)y[c]);
    else
      order = (x[c] > y[c]) - (x[c] < y[c]);
    if (order)
      return order;
  }
  return 0;
}

static int read_texts(struct replay *r, const struct encode_column *columns, unsigned count)
{
  const struct text *text;
  int result = SQLITE_OK;

  for (unsigned i = 0; i < count; i++)
    for (size_t row = 0; columns[i].rule == ENCODE_TEXT && row < r->row_count; row++) {
      result = text_read(r, r->cells[row * column_count(r) + columns[i].column], &text);
      if (result != SQLITE_OK)
        return result;
    }
  return result;
}

static int sort_rows(struct replay *r)
{
  r->order = calloc(r->row_count + 1, sizeof(*r->order));
  if (!r->order)
    return SQLITE_NOMEM;
  for (size_t i = 0; i < r->row_count; i++)
    r->order[i] = (uint32_t)i;
  if (r->row_count && r->text_room == 0 && texts_grow(r) != SQLITE_OK)
    return SQLITE_NOMEM;
  qsort_r(r->order, r->row_count, sizeof(*r->order), compare_rows, r);
  return SQLITE_OK;
}

static void fill_column(struct replay *r, unsigned c)
{
  enum relation relation = r->plan.relation;
  const struct column *column = &relation_info(relation)->columns[c];

  for (size_t i = 0; i < r->row_count; i++) {
    int64_t value = r->cells[r->order[i] * (size_t)column_count(r) + c];

    switch (column->type) {
    case COLUMN_INT:
      snapshot_builder_ints(r->builder, relation, c)[i] = value;
      break;
    case COLUMN_REAL:
      snapshot_builder_reals(r->builder, relation, c)[i] = encode_real_back(value);
      break;
    case COLUMN_ENUM:
      snapshot_builder_enums(r->builder, relation, c)[i] = known_word(column, value);
      break;
    case COLUMN_TEXT:
      if (value != ENCODE_NULL && text_place(r, value)->s)
        snapshot_builder_texts(r->builder, relation, c)[i] = text_place(r, value)->reference;
      break;
    }
  }
}

static int replay_relation(struct replay *r, enum relation relation)
{
  int result;

  encode_plan_init(&r->plan, relation);
  r->row_count = r->row_room = 0;
  r->cells = NULL;
  r->order = NULL;
  result = r->shard->columns[relation] ? read_rows(r) : SQLITE_OK;
  if (result == SQLITE_OK && r->row_count > UINT32_MAX)
    result = SQLITE_CORRUPT;
  if (result == SQLITE_OK)
    result = read_texts(r, r->plan.key, r->plan.key_count);
  if (result == SQLITE_OK)
    result = read_texts(r, r->plan.row, r->plan.row_count);
  if (result == SQLITE_OK)
    result = sort_rows(r);
  if (result == SQLITE_OK &&
      snapshot_builder_relation(r->builder, relation, (uint32_t)r->row_count) < 0)
    result = SQLITE_NOMEM;
  for (unsigned c = 0; result == SQLITE_OK && c < column_count(r); c++)
    fill_column(r, c);
  free(r->cells);
  free(r->order);
  return result;
}

static int replay_tick(struct replay *r, sqlite3_stmt *tick)
{
  struct tick_clock clock = {.wall_ms = sqlite3_column_int64(tick, 1),
                             .mono_ns = (uint64_t)sqlite3_column_int64(tick, 2)};
  const char *host = (const char *)sqlite3_column_text(tick, 4);
  const char *boot = (const char *)sqlite3_column_text(tick, 5);
  int result;

  r->now = (struct encode_now){.tick = (uint64_t)sqlite3_column_int64(tick, 0),
                               .mono_ns = clock.mono_ns,
                               .target_age_ms = VALUE_UNKNOWN,
                               .target_swept_ms = VALUE_UNKNOWN};
  r->builder = snapshot_builder_new(clock, (uint64_t)sqlite3_column_int64(tick, 3),
                                    host ? host : "", boot ? boot : "");
  result = r->builder ? read_ticks(r) : SQLITE_NOMEM;
  if (result == SQLITE_OK)
    result = prepare(r, &r->find_text, sqlite3_mprintf("SELECT s FROM text WHERE id = ?"));
  if (result == SQLITE_OK)
    result = prepare(r, &r->find_tick, sqlite3_mprintf("SELECT mono_ns FROM tick WHERE n = ?"));
  for (unsigned i = 0; result == SQLITE_OK && i < RELATION_COUNT; i++)
    result = replay_relation(r, (enum relation)i); /* targets come first: ages refer to them */
  return result;
}

static void replay_done(struct replay *r)
{
  (void)sqlite3_finalize(r->find_text); /* repeat the errors of the last steps */
  (void)sqlite3_finalize(r->find_tick);
  for (size_t i = 0; i < r->text_room; i++)
    free(r->texts[i].s);
  free(r->texts);
  snapshot_builder_free(r->builder);
}

/* The newest tick of a shard not later than wall_ms; SQLITE_DONE where there is none, and
 * SQLITE_CORRUPT where its number is none of ours. */
static int find_tick(struct recorded *shard, int64_t wall_ms, sqlite3_stmt **ret_tick)
{
  static const char text[] =
      "SELECT n, t_ms, mono_ns, number, (SELECT s FROM text WHERE id = host),"
      " (SELECT s FROM text WHERE id = boot) FROM tick WHERE t <= ?1 / 1000 AND t_ms <= ?1"
      " ORDER BY t DESC, n DESC LIMIT 1";
  int result = sqlite3_prepare_v2(shard->sql, text, -1, ret_tick, NULL);

  if (result == SQLITE_OK)
    result = sqlite3_bind_int64(*ret_tick, 1, wall_ms);
  if (result == SQLITE_OK)
    result = sqlite3_step(*ret_tick);
  if (result == SQLITE_ROW &&
      (sqlite3_column_int64(*ret_tick, 0) < 0 || sqlite3_column_int64(*ret_tick, 0) > TICKS_MAX))
    result = SQLITE_CORRUPT;
  return result;
}

static int replay_shard(struct recorded *shard, int64_t wall_ms, struct snapshot **ret_snapshot,
                        struct recording_error *error)
{
  struct replay r = {.shard = shard};
  sqlite3_stmt *tick = NULL; /* as long as it stands on its row, all reads are of one instant */
  int result = find_tick(shard, wall_ms, &tick), e = 0;

  if (result == SQLITE_DONE)
    e = -ENODATA;
  else if (result == SQLITE_ROW)
    result = replay_tick(&r, tick);
  if (e == 0 && result != SQLITE_OK)
    e = recording_complain_sql(error, shard, result);
  if (e == 0) {
    e = snapshot_builder_finish(r.builder, ret_snapshot);
    r.builder = NULL;
    if (e)
      recording_complain(error, e, "%s: out of memory", shard->path);
  }
  (void)sqlite3_finalize(tick); /* repeats the error of the step */
  replay_done(&r);
  return e;
}

int recording_snapshot(struct recording *recording, int64_t wall_ms, struct snapshot **ret_snapshot,
                       struct recording_error *error)
{
  int e = recording_refresh(recording, error);

  for (size_t i = recording->count; e == 0 && i-- > 0;) {
    struct recorded *shard = recording->shards[i];
    int64_t first_ms, last_ms;

    e = recorded_range(recording, shard, &first_ms, &last_ms, error);
    if (e || first_ms > last_ms || first_ms > wall_ms)
      continue;
    e = recorded_open(recording, shard, error);
    if (e == 0 && !shard->vanished)
      return replay_shard(shard, wall_ms, ret_snapshot, error);
  }
  return e ? e
           : recording_complain(error, -ENODATA, "%s: nothing is recorded of that time",
                                recording->path);
}

/* --- stepping --- */

/* The instant of the tick that is `step` after (before) the newest one not later than wall_ms,
 * within one shard. *ret_left: how many steps were too many. */
static int step_in_shard(struct recorded *shard, int64_t wall_ms, int step, int64_t *ret_wall_ms,
                         int *ret_left)
{
  static const char forward[] = "SELECT n, t_ms FROM tick WHERE n <= ?1 ORDER BY n DESC LIMIT 1";
  static const char backward[] = "SELECT n, t_ms FROM tick WHERE n >= ?1 ORDER BY n LIMIT 1";
  sqlite3_stmt *tick = NULL, *other = NULL;
  int result = find_tick(shard, wall_ms, &tick);

  if (result == SQLITE_ROW) {
    int64_t wanted = sqlite3_column_int64(tick, 0) + step;

    result = sqlite3_prepare_v2(shard->sql, step > 0 ? forward : backward, -1, &other, NULL);
    if (result == SQLITE_OK)
      result = sqlite3_bind_int64(other, 1, wanted);
    if (result == SQLITE_OK)
      result = sqlite3_step(other);
    if (result == SQLITE_ROW) {
      *ret_wall_ms = sqlite3_column_int64(other, 1);
      *ret_left = (int)(wanted - sqlite3_column_int64(other, 0)); /* it is between the two */
    }
  }
  (void)sqlite3_finalize(other); /* repeat the errors of the last steps */
  (void)sqlite3_finalize(tick);
  return result == SQLITE_ROW    ? 0
         : result == SQLITE_DONE ? -ENODATA
                                 : shard_errno(shard->sql, result);
}

int recording_step(struct recording *recording, int64_t wall_ms, int step, int64_t *ret_wall_ms)
{
  struct recording_error error;
  int64_t first_ms, last_ms, at = wall_ms;
  int e = recording_refresh(recording, &error);
  size_t i = recording->count;
  bool found = false;

  while (e == 0 && !found && i-- > 0) { /* the shard of wall_ms: the newest that began by then */
    e = recorded_range(recording, recording->shards[i], &first_ms, &last_ms, &error);
    found = e == 0 && first_ms <= last_ms && first_ms <= wall_ms;
  }
  if (e || !found)
    return e ? e : -ENODATA;
  while (e == 0) {
    int left = 0;

    e = recorded_open(recording, recording->shards[i], &error);
    if (e == 0 && recording->shards[i]->vanished)
      e = -ENODATA;
    if (e == 0)
      e = step_in_shard(recording->shards[i], at, step, &at, &left);
    if (e || left == 0 || (left > 0 ? i + 1 == recording->count : i == 0))
      break;
    i = left > 0 ? i + 1 : i - 1; /* its first or last tick is one of the steps */
    e = recorded_range(recording, recording->shards[i], &first_ms, &last_ms, &error);
    if (e || first_ms > last_ms)
      break;
    at = left > 0 ? first_ms : last_ms;
    step = left > 0 ? left - 1 : left + 1;
  }
  if (e == 0)
    *ret_wall_ms = at;
  return e;
}
