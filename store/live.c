/*
 * live.c - the relations of one snapshot as virtual tables (https://www.sqlite.org/vtab.html); see
 * live.h.
 *
 * Rows are sorted by key, so equality on the first key column, or on the first two, is a range
 * found by binary search. Everything else SQLite checks itself. Not here: history (recording.c).
 */
#include "store/live.h"

#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "store/query.h"
#include "store/schema.h"

/* idxNum: how many of the leading key columns are given. */
enum { PLAN_SCAN, PLAN_FIRST, PLAN_BOTH };

struct live_table {
  struct live *live;
  enum relation relation;
};

struct live {
  struct sqlite3 *sql;
  const struct snapshot *snapshot; /* NULL = all are empty */
  struct live_table tables[RELATION_COUNT];
};

struct vtab {
  sqlite3_vtab base;
  const struct live_table *table;
};

struct cursor {
  sqlite3_vtab_cursor base;
  const struct snapshot *snapshot;
  uint32_t row, end;
};

static const struct live_table *table_of(sqlite3_vtab_cursor *cursor)
{
  return ((struct vtab *)cursor->pVtab)->table;
}

static bool is_int_key(enum relation relation, int column)
{
  const struct relation_info *info = relation_info(relation);

  return column >= 0 && (unsigned)column < info->column_count &&
         info->columns[column].flags & COLUMN_KEY && info->columns[column].type == COLUMN_INT;
}

static uint32_t rows_of(const struct live_table *table)
{
  return table->live->snapshot ? snapshot_rows(table->live->snapshot, table->relation) : 0;
}

/* --- the module --- */

static int vtab_connect(sqlite3 *sql, void *table, int argc, const char *const *argv,
                        sqlite3_vtab **ret_vtab, char **ret_error)
{
  char *declaration = schema_declaration(((struct live_table *)table)->relation);
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
  (void)sqlite3_vtab_config(
      sql, SQLITE_VTAB_INNOCUOUS); /* reads what is ours: for the ready-made views */
  vtab->table = table;
  *ret_vtab = &vtab->base;
  return SQLITE_OK;
}

static int vtab_disconnect(sqlite3_vtab *vtab)
{
  free(vtab);
  return SQLITE_OK;
}

static int vtab_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
  const struct live_table *table = ((struct vtab *)base)->table;
  int given[2] = {-1, -1}, plan = PLAN_SCAN;
  uint32_t rows = rows_of(table);

  for (int i = 0; i < info->nConstraint; i++) {
    int column = info->aConstraint[i].iColumn;

    if (info->aConstraint[i].usable && info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_EQ &&
        (column == 0 || column == 1) && is_int_key(table->relation, column))
      given[column] = i;
  }
  while (plan < 2 && given[plan] >= 0) {
    info->aConstraintUsage[given[plan]].argvIndex = plan + 1;
    plan++;
  }
  info->idxNum = plan;
  info->estimatedRows = plan == PLAN_SCAN ? rows + 1 : plan == PLAN_FIRST ? rows / 8 + 1 : 1;
  info->estimatedCost = (double)info->estimatedRows;
  return SQLITE_OK;
}

static int cursor_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **ret_cursor)
{
  struct cursor *cursor = calloc(1, sizeof(*cursor));

  (void)vtab;
  if (!cursor)
    return SQLITE_NOMEM;
  *ret_cursor = &cursor->base;
  return SQLITE_OK;
}

static int cursor_close(sqlite3_vtab_cursor *cursor)
{
  free(cursor);
  return SQLITE_OK;
}

/* Narrows [row, end), in which all earlier key columns are equal, to the rows whose `column` is
 * `wanted`. */
static void narrow(struct cursor *c, enum relation relation, unsigned column, int64_t wanted)
{
  const int64_t *keys = snapshot_ints(c->snapshot, relation, column);
  uint32_t first = c->row, last = c->end;

  while (first < last) {
    uint32_t middle = first + (last - first) / 2;

    if (keys[middle] < wanted)
      first = middle + 1;
    else
      last = middle;
  }
  c->row = first;
  for (last = c->end; first < last;) {
    uint32_t middle = first + (last - first) / 2;

    if (keys[middle] <= wanted)
      first = middle + 1;
    else
      last = middle;
  }
  c->end = first;
}

static int cursor_filter(sqlite3_vtab_cursor *base, int plan, const char *text, int argc,
                         sqlite3_value **argv)
{
  struct cursor *c = (struct cursor *)base;
  const struct live_table *table = table_of(base);

  (void)text;
  c->snapshot = table->live->snapshot;
  c->row = 0;
  c->end = rows_of(table);
  assert(argc == plan);
  for (int i = 0; i < plan && c->row < c->end; i++) {
    if (sqlite3_value_type(argv[i]) != SQLITE_INTEGER)
      break; /* whatever it is equal to, SQLite finds by itself */
    narrow(c, table->relation, (unsigned)i, sqlite3_value_int64(argv[i]));
  }
  (void)argc; /* without assertions */
  return SQLITE_OK;
}

static int cursor_next(sqlite3_vtab_cursor *cursor)
{
  ((struct cursor *)cursor)->row++;
  return SQLITE_OK;
}

static int cursor_eof(sqlite3_vtab_cursor *cursor)
{
  struct cursor *c = (struct cursor *)cursor;

  return c->row >= c->end;
}

static void result_time(sqlite3_context *context, const struct snapshot *snapshot, unsigned which)
{
  int64_t wall_ms = snapshot_about(snapshot).now.wall_ms;
  char at[SCHEMA_AT_BYTES];

  switch ((enum schema_time)which) {
  case SCHEMA_T_MS:
    sqlite3_result_int64(context, wall_ms);
    break;
  case SCHEMA_AT:
    schema_at(wall_ms, at);
    sqlite3_result_text(context, at, -1, SQLITE_TRANSIENT);
    break;
  case SCHEMA_T:
  case SCHEMA_LAST_T:
    sqlite3_result_int64(context, wall_ms / 1000);
    break;
  }
}

static int cursor_column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int column)
{
  struct cursor *c = (struct cursor *)cursor;
  enum relation relation = table_of(cursor)->relation;
  unsigned count = relation_info(relation)->column_count;
  struct value value;

  if ((unsigned)column >= count) {
    result_time(context, c->snapshot, (unsigned)column - count);
    return SQLITE_OK;
  }
  value = snapshot_value(c->snapshot, relation, (unsigned)column, c->row);
  if (!value.known)
    sqlite3_result_null(context);
  else if (value.text) /* lives as long as the snapshot, which outlives the statement */
    sqlite3_result_text(context, value.text, -1, SQLITE_STATIC);
  else if (value.type == COLUMN_REAL)
    sqlite3_result_double(context, value.real);
  else
    sqlite3_result_int64(context, value.integer);
  return SQLITE_OK;
}

static int cursor_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *ret_rowid)
{
  *ret_rowid = ((struct cursor *)cursor)->row;
  return SQLITE_OK;
}

static const sqlite3_module live_module = {
    /* no xCreate: the tables are there without CREATE */
    .xConnect = vtab_connect,       .xBestIndex = vtab_best_index,
    .xDisconnect = vtab_disconnect, .xOpen = cursor_open,
    .xClose = cursor_close,         .xFilter = cursor_filter,
    .xNext = cursor_next,           .xEof = cursor_eof,
    .xColumn = cursor_column,       .xRowid = cursor_rowid,
};

/* --- live.h --- */

static int make_tables(struct live *live)
{
  char *views = schema_create_views();
  int result = views ? SQLITE_OK : SQLITE_NOMEM;

  for (unsigned r = 0; result == SQLITE_OK && r < RELATION_COUNT; r++) {
    live->tables[r] = (struct live_table){live, (enum relation)r};
    result = sqlite3_create_module(live->sql, relation_info((enum relation)r)->name, &live_module,
                                   &live->tables[r]);
  }
  if (result == SQLITE_OK)
    result = sqlite3_exec(live->sql, views, NULL, NULL, NULL);
  free(views);
  return result == SQLITE_OK ? query_protect(live->sql) : -ENOMEM;
}

int live_new(struct live **ret_live)
{
  struct live *live = calloc(1, sizeof(*live));
  int e = -ENOMEM;

  if (!live)
    return e;
  if (sqlite3_open_v2(":memory:", &live->sql,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                      NULL) == SQLITE_OK)
    e = make_tables(live);
  if (e) {
    live_free(live);
    return e;
  }
  *ret_live = live;
  return 0;
}

void live_free(struct live *live)
{
  if (!live)
    return;
  (void)sqlite3_close_v2(live->sql); /* no statement outlives query_run */
  snapshot_unref(live->snapshot);
  free(live);
}

void live_show(struct live *live, const struct snapshot *snapshot)
{
  const struct snapshot *former = live->snapshot;

  live->snapshot = snapshot ? snapshot_ref(snapshot) : NULL;
  snapshot_unref(former);
}

struct sqlite3 *live_sql(struct live *live)
{
  return live->sql;
}
