/*
 * history.c - the relations of a recording as virtual tables: each asks the view of its name in
 * every shard that can have an answer, one after the other.
 *
 *    SELECT name, max(depth) FROM actors WHERE t >= 100 AND name LIKE 'w%' GROUP BY name
 *                                 |
 *      shard of Monday: ends before 100 -> not opened
 *      shard of Tuesday: SELECT name, depth, t FROM actors WHERE t >= ?1  (its own indexes work)
 *                                 |
 *      SQLite here: LIKE, GROUP BY, and all conditions once more
 *
 * A condition is handed on only where it means the same in the file: binary collation, and a value
 * of the column's class. Not here: what is in a shard (schema.h), snapshots (replay.c).
 */
#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/query.h"
#include "store/recording_shards.h"
#include "store/schema.h"

#define TERMS_MAX 16

struct history_table {
  struct recording *recording;
  enum relation relation;
};

struct vtab {
  sqlite3_vtab base;
  struct history_table table;
};

/* A condition that xBestIndex handed to xFilter: its value is argv[i] for the i-th. */
struct term {
  int column; /* of the schema */
  int op;     /* SQLITE_INDEX_CONSTRAINT_ */
};

struct cursor {
  sqlite3_vtab_cursor base;
  struct recorded *shard; /* the one that is read, NULL = none */
  sqlite3_stmt *statement;
  size_t next_shard;
  uint64_t used; /* columns that are asked for */
  struct term terms[TERMS_MAX];
  sqlite3_value *values[TERMS_MAX];
  int term_count;
  int64_t least_t, most_t; /* what can fulfil the terms */
  int64_t row;
  bool eof;
};

static const struct {
  int op;
  const char *sql;
} operators[] = {
    {SQLITE_INDEX_CONSTRAINT_EQ, "="},  {SQLITE_INDEX_CONSTRAINT_GT, ">"},
    {SQLITE_INDEX_CONSTRAINT_GE, ">="}, {SQLITE_INDEX_CONSTRAINT_LT, "<"},
    {SQLITE_INDEX_CONSTRAINT_LE, "<="},
};

static const char *operator_sql(int op)
{
  for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
    if (operators[i].op == op)
      return operators[i].sql;
  return NULL;
}

static const struct history_table *table_of(const struct cursor *c)
{
  return &((struct vtab *)c->base.pVtab)->table;
}

/* Which of the times a schema column is, or -1. */
static int time_of(enum relation relation, int column)
{
  int first = (int)relation_info(relation)->column_count;

  return column >= first ? column - first : -1;
}

static bool is_text(enum relation relation, int column)
{
  int time = time_of(relation, column);
  enum column_type type;

  if (time >= 0)
    return time == SCHEMA_AT;
  type = relation_info(relation)->columns[column].type;
  return type == COLUMN_TEXT || type == COLUMN_ENUM;
}

/* --- planning --- */

static int vtab_connect(sqlite3 *sql, void *table, int argc, const char *const *argv,
                        sqlite3_vtab **ret_vtab, char **ret_error)
{
  const struct history_table *history = table;
  char *declaration = schema_declaration(history->relation);
  struct vtab *vtab = calloc(1, sizeof(*vtab));
  int result = SQLITE_NOMEM;

  (void)argc;
  (void)argv;
  (void)ret_error;
  if (declaration && vtab)
    result = sqlite3_declare_vtab(sql, declaration);
  free(declaration);
  if (result != SQLITE_OK) {
    free(vtab);
    return result;
  }
  (void)sqlite3_vtab_config(sql, SQLITE_VTAB_INNOCUOUS); /* only reads: for the ready-made views */
  vtab->table = *history;
  *ret_vtab = &vtab->base;
  return SQLITE_OK;
}

static int vtab_disconnect(sqlite3_vtab *vtab)
{
  free(vtab);
  return SQLITE_OK;
}

/* How much a condition narrows, for the order of joins; like the statistics in schema.c only a
 * guess. */
static double narrowing(enum relation relation, struct term term)
{
  int time = time_of(relation, term.column);
  bool equal = term.op == SQLITE_INDEX_CONSTRAINT_EQ;

  if (time == SCHEMA_T || time == SCHEMA_T_MS)
    return equal ? 10000 : 8;
  if (time < 0 && equal && schema_in_key(relation, (unsigned)term.column))
    return relation_info(relation)->columns[term.column].flags & COLUMN_KEY && term.column > 0
               ? 1000
               : 20;
  return equal ? 4 : 1.5;
}

static int vtab_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
  enum relation relation = ((struct vtab *)base)->table.relation;
  double rows = 1e7;
  char *text = sqlite3_mprintf("%llu", (unsigned long long)info->colUsed);
  int count = 0;

  for (int i = 0; text && i < info->nConstraint && count < TERMS_MAX; i++) {
    struct term term = {info->aConstraint[i].iColumn, info->aConstraint[i].op};
    char *longer;

    if (!info->aConstraint[i].usable || term.column < 0 || !operator_sql(term.op) ||
        strcmp(sqlite3_vtab_collation(info, i), "BINARY") != 0)
      continue;
    longer = sqlite3_mprintf("%s %d %d", text, term.column, term.op);
    sqlite3_free(text);
    text = longer;
    info->aConstraintUsage[i].argvIndex = ++count;
    rows /= narrowing(relation, term);
  }
  if (!text)
    return SQLITE_NOMEM;
  info->idxStr = text;
  info->needToFreeIdxStr = 1;
  info->estimatedRows = rows < 1 ? 1 : (sqlite3_int64)rows;
  info->estimatedCost = rows + 1000; /* opening */
  return SQLITE_OK;
}

/* --- cursors --- */

static int cursor_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **ret_cursor)
{
  struct cursor *c = calloc(1, sizeof(*c));

  (void)vtab;
  if (!c)
    return SQLITE_NOMEM;
  *ret_cursor = &c->base;
  return SQLITE_OK;
}

static void leave_shard(struct cursor *c)
{
  (void)sqlite3_finalize(c->statement); /* its errors were told when they happened */
  c->statement = NULL;
  if (c->shard)
    c->shard->used--;
  c->shard = NULL;
}

static void reset(struct cursor *c)
{
  leave_shard(c);
  for (int i = 0; i < c->term_count; i++)
    sqlite3_value_free(c->values[i]);
  c->term_count = 0;
}

static int cursor_close(sqlite3_vtab_cursor *cursor)
{
  reset((struct cursor *)cursor);
  free(cursor);
  return SQLITE_OK;
}

static int complain(struct cursor *c, int result, const char *text)
{
  sqlite3_free(c->base.pVtab->zErrMsg);
  c->base.pVtab->zErrMsg = sqlite3_mprintf("%s", text);
  return result == SQLITE_INTERRUPT ? result : SQLITE_ERROR;
}

static bool may_hand_on(enum relation relation, int column, sqlite3_value *value)
{
  int type = sqlite3_value_type(value);

  if (is_text(relation, column))
    return type == SQLITE_TEXT;
  return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}

/* What a condition on one of the times says of the shards that can fulfil it. A second more on
 * either side does not matter: it only decides which files are asked. */
static void narrow_times(struct cursor *c, int time, int op, sqlite3_value *value)
{
  bool above = op != SQLITE_INDEX_CONSTRAINT_LT && op != SQLITE_INDEX_CONSTRAINT_LE;
  bool below = op != SQLITE_INDEX_CONSTRAINT_GT && op != SQLITE_INDEX_CONSTRAINT_GE;
  double limit = sqlite3_value_double(value) / (time == SCHEMA_T_MS ? 1000 : 1);
  int64_t t;

  if (time != SCHEMA_T && time != SCHEMA_T_MS && time != SCHEMA_LAST_T)
    return;
  t = limit > 1e12 ? (int64_t)1e12 : limit < -1e12 ? -(int64_t)1e12 : (int64_t)limit;
  if (above && t - 1 > c->least_t) /* a row of the shard has last_t within it, too */
    c->least_t = t - 1;
  if (below && time != SCHEMA_LAST_T && t + 1 < c->most_t)
    c->most_t = t + 1;
}

static int take_terms(struct cursor *c, const char *plan, int argc, sqlite3_value **argv)
{
  enum relation relation = table_of(c)->relation;
  char *end = NULL;

  c->used = strtoull(plan, &end, 10);
  for (int i = 0; i < argc; i++) {
    int column = (int)strtol(end, &end, 10);
    int op = (int)strtol(end, &end, 10);

    if (!may_hand_on(relation, column, argv[i]))
      continue; /* SQLite compares it by itself */
    c->values[c->term_count] = sqlite3_value_dup(argv[i]);
    if (!c->values[c->term_count])
      return SQLITE_NOMEM;
    c->terms[c->term_count++] = (struct term){column, op};
    narrow_times(c, time_of(relation, column), op, argv[i]);
  }
  return SQLITE_OK;
}

/* The question to one shard. Columns that it has not are unknown there, and so is no condition on
 * them fulfilled. */
static char *question(const struct cursor *c, uint64_t have)
{
  enum relation relation = table_of(c)->relation;
  char *text = NULL;
  size_t length;
  FILE *out = open_memstream(&text, &length);

  if (!out)
    return NULL;
  fprintf(out, "SELECT 0");
  for (unsigned i = 0; i < schema_column_count(relation); i++) {
    if (!(c->used >> i & 1))
      continue;
    if (have >> i & 1)
      fprintf(out, ", \"%s\"", schema_column_name(relation, i));
    else
      fprintf(out, ", NULL");
  }
  fprintf(out, " FROM \"%s\"", relation_info(relation)->name);
  for (int i = 0; i < c->term_count; i++) {
    fprintf(out, i ? " AND " : " WHERE ");
    if (have >> c->terms[i].column & 1)
      fprintf(out, "\"%s\" %s ?%d", schema_column_name(relation, (unsigned)c->terms[i].column),
              operator_sql(c->terms[i].op), i + 1);
    else
      fprintf(out, "NULL");
  }
  if (fclose(out) == 0)
    return text;
  free(text);
  return NULL;
}

static int ask_shard(struct cursor *c)
{
  struct recorded *shard = c->shard;
  uint64_t have = shard->columns[table_of(c)->relation];
  char *text = question(c, have);
  int result = text ? sqlite3_prepare_v2(shard->sql, text, -1, &c->statement, NULL) : SQLITE_NOMEM;

  free(text);
  for (int i = 0; result == SQLITE_OK && i < c->term_count; i++)
    if (have >> c->terms[i].column & 1)
      result = sqlite3_bind_value(c->statement, i + 1, c->values[i]);
  return result;
}

static bool can_answer(const struct cursor *c, int64_t first_ms, int64_t last_ms)
{
  return first_ms <= last_ms && first_ms / 1000 <= c->most_t && last_ms / 1000 >= c->least_t;
}

/* Goes to the next shard that can have an answer, or to the end. */
static int next_shard(struct cursor *c)
{
  struct recording *recording = table_of(c)->recording;
  struct recording_error error;

  leave_shard(c);
  while (c->next_shard < recording->count) {
    struct recorded *shard = recording->shards[c->next_shard++];
    int64_t first_ms, last_ms;
    int result;

    if (recorded_range(recording, shard, &first_ms, &last_ms, &error) < 0)
      return complain(c, SQLITE_ERROR, error.text);
    if (!can_answer(c, first_ms, last_ms))
      continue;
    if (recorded_open(recording, shard, &error) < 0)
      return complain(c, SQLITE_ERROR, error.text);
    if (shard->vanished || shard->columns[table_of(c)->relation] == 0)
      continue;
    c->shard = shard;
    shard->used++;
    result = ask_shard(c);
    if (result != SQLITE_OK) {
      recording_complain_sql(&error, shard, result);
      return complain(c, result, error.text);
    }
    return SQLITE_OK;
  }
  c->eof = true;
  return SQLITE_OK;
}

static int cursor_next(sqlite3_vtab_cursor *cursor)
{
  struct cursor *c = (struct cursor *)cursor;
  int result = SQLITE_OK;

  c->row++;
  while (!c->eof && result == SQLITE_OK) {
    int step = c->statement ? sqlite3_step(c->statement) : SQLITE_DONE;

    if (step == SQLITE_ROW)
      return SQLITE_OK;
    if (step != SQLITE_DONE) {
      struct recording_error error;

      recording_complain_sql(&error, c->shard, step);
      return complain(c, step, error.text);
    }
    result = next_shard(c);
  }
  return result;
}

static int cursor_filter(sqlite3_vtab_cursor *cursor, int unused, const char *plan, int argc,
                         sqlite3_value **argv)
{
  struct cursor *c = (struct cursor *)cursor;
  int result;

  (void)unused;
  reset(c);
  c->next_shard = 0;
  c->row = 0;
  c->eof = false;
  c->least_t = INT64_MIN;
  c->most_t = INT64_MAX;
  result = take_terms(c, plan, argc, argv);
  return result == SQLITE_OK ? cursor_next(cursor) : result;
}

static int cursor_eof(sqlite3_vtab_cursor *cursor)
{
  return ((struct cursor *)cursor)->eof;
}

static int cursor_column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int column)
{
  struct cursor *c = (struct cursor *)cursor;
  uint64_t before = c->used & ((1ull << column) - 1);

  if (c->used >> column & 1)
    sqlite3_result_value(context,
                         sqlite3_column_value(c->statement, 1 + __builtin_popcountll(before)));
  return SQLITE_OK;
}

static int cursor_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *ret_rowid)
{
  *ret_rowid = ((struct cursor *)cursor)->row;
  return SQLITE_OK;
}

static const sqlite3_module history_module = {
    /* no xCreate: the tables are there without CREATE */
    .xConnect = vtab_connect,       .xBestIndex = vtab_best_index,
    .xDisconnect = vtab_disconnect, .xOpen = cursor_open,
    .xClose = cursor_close,         .xFilter = cursor_filter,
    .xNext = cursor_next,           .xEof = cursor_eof,
    .xColumn = cursor_column,       .xRowid = cursor_rowid,
};

static int make_table(struct recording *recording, enum relation relation)
{
  struct history_table *table = malloc(sizeof(*table));

  if (!table)
    return SQLITE_NOMEM;
  *table = (struct history_table){recording, relation};
  return sqlite3_create_module_v2(recording->sql, relation_info(relation)->name, &history_module,
                                  table, free); /* frees it on failure as well */
}

int history_make_tables(struct recording *recording)
{
  char *views = schema_create_views();
  int result =
      views
          ? sqlite3_open_v2(":memory:", &recording->sql,
                            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL)
          : SQLITE_NOMEM;

  for (unsigned r = 0; result == SQLITE_OK && r < RELATION_COUNT; r++)
    result = make_table(recording, (enum relation)r);
  if (result == SQLITE_OK)
    result = sqlite3_exec(recording->sql, views, NULL, NULL, NULL);
  free(views);
  return result == SQLITE_OK ? query_protect(recording->sql) : -ENOMEM;
}
