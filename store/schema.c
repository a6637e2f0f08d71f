/* schema.c - tables and views of a shard, generated from the dictionary; see schema.h. */
#include "store/schema.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/hash.h"
#include "store/encode.h"

const struct schema_time_column schema_times[] = {
    [SCHEMA_T] = {"t", "INTEGER",
                  "Unix seconds of the tick. The only column by which a time range is found fast."},
    [SCHEMA_T_MS] = {"t_ms", "INTEGER", "The same in milliseconds."},
    [SCHEMA_AT] = {"at", "TEXT", "The same as text, ISO 8601, UTC."},
    [SCHEMA_LAST_T] = {"last_t", "INTEGER",
                       "Unix seconds of the last tick for which the row held."},
};

const struct schema_view schema_views[] = {
    {"deadlocks",
     "SELECT t, at, last_t, target, core, verdict, certainty, waiter_name, holder_name, via, "
     "object,"
     " blocked_ms FROM waits WHERE verdict IN ('deadlock', 'timed')",
     "Edges of deadlocked cores: those of one tick and one core belong together."},
    {"worst_waits",
     "SELECT max(blocked_ms) AS blocked_ms, count(*) AS rows, target, waiter_name, holder_name, "
     "via,"
     " object, min(t) AS t, max(last_t) AS last_t FROM waits"
     " GROUP BY target, waiter_name, holder_name, via, object ORDER BY 1 DESC",
     "Who waited for whom, the longest first."},
    {0}};

static const bool interval_relations[RELATION_COUNT] = {
    [RELATION_WAITS] = true,  [RELATION_CALL_GRAPH] = true, [RELATION_NAMES] = true,
    [RELATION_ALERTS] = true, [RELATION_GAPS] = true,
};

bool schema_is_interval(enum relation relation)
{
  return interval_relations[relation];
}

const char *schema_meaning(enum relation relation)
{
  if (schema_is_interval(relation))
    return "A row held from t to last_t, and there is another one for each change in between. "
           "Times that grow with the clock (blocked_ms) are those at last_t.";
  return "A row is a state that began at t and held until the next row of the same key. A row is "
         "written when a value changed, and at least every 60 ticks.";
}

bool schema_in_key(enum relation relation, unsigned column)
{
  if (relation == RELATION_ACTORS && column == ACTORS_NAME)
    return true; /* it may change, and begins a new life then; asked by more than anything else */
  return relation_info(relation)->columns[column].flags & (COLUMN_KEY | COLUMN_IDENTITY);
}

unsigned schema_column_count(enum relation relation)
{
  return relation_info(relation)->column_count +
         (schema_is_interval(relation) ? SCHEMA_LAST_T + 1 : SCHEMA_AT + 1);
}

const char *schema_column_name(enum relation relation, unsigned column)
{
  const struct relation_info *info = relation_info(relation);

  assert(column < schema_column_count(relation));
  return column < info->column_count ? info->columns[column].name
                                     : schema_times[column - info->column_count].name;
}

void schema_at(int64_t wall_ms, char ret_text[SCHEMA_AT_BYTES])
{
  time_t seconds = (time_t)(wall_ms / 1000);
  struct tm utc = {0};
  size_t length;

  (void)gmtime_r(&seconds, &utc); /* a year beyond int: the epoch then */
  length = strftime(ret_text, SCHEMA_AT_BYTES - 6, "%Y-%m-%dT%H:%M:%S", &utc);
  snprintf(ret_text + length, SCHEMA_AT_BYTES - length, ".%03dZ", (int)(wall_ms % 1000));
}

static const char *sql_type(enum relation relation, unsigned column)
{
  static const char *const types[] = {
      [COLUMN_INT] = "INTEGER",
      [COLUMN_REAL] = "REAL",
      [COLUMN_TEXT] = "TEXT",
      [COLUMN_ENUM] = "TEXT",
  };
  const struct relation_info *info = relation_info(relation);

  return column < info->column_count ? types[info->columns[column].type]
                                     : schema_times[column - info->column_count].type;
}

/* Texts by which people ask are joined, so that a search can begin with them; the others are only
 * looked up. */
static bool is_joined(enum relation relation, const struct encode_column *encoding)
{
  const char *name = schema_column_name(relation, encoding->column);
  size_t length = strlen(name);

  return encoding->rule == ENCODE_TEXT && length >= 4 && strcmp(name + length - 4, "name") == 0;
}

/* --- the tables --- */

static void write_frame(FILE *out)
{
  fprintf(
      out,
      "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;\n"
      "CREATE TABLE tick(n INTEGER PRIMARY KEY, t_ms INTEGER NOT NULL, mono_ns INTEGER NOT NULL,"
      " number INTEGER NOT NULL, host INTEGER, boot INTEGER,"
      " t INTEGER GENERATED ALWAYS AS (t_ms / 1000) VIRTUAL) STRICT;\n"
      "CREATE INDEX tick_t ON tick(t);\n"
      "CREATE TABLE text(id INTEGER PRIMARY KEY, s TEXT NOT NULL UNIQUE) STRICT;\n");
}

static void write_columns(FILE *out, enum relation relation, const struct encode_column *columns,
                          unsigned count)
{
  for (unsigned i = 0; i < count; i++)
    fprintf(out, ", \"%s\" INTEGER", schema_column_name(relation, columns[i].column));
}

static void write_tables(FILE *out, const struct encode_plan *plan)
{
  const struct relation_info *info = relation_info(plan->relation);
  const char *name = info->name;

  fprintf(out, "CREATE TABLE %s_key(_id INTEGER PRIMARY KEY, _born INTEGER, _died INTEGER", name);
  write_columns(out, plan->relation, plan->key, plan->key_count);
  fprintf(out, ") STRICT;\n");
  if (!schema_is_interval(
          plan->relation)) { /* lives of intervals are short and many: found by time */
    fprintf(out, "CREATE INDEX %s_by_key ON %s_key(\"%s\"", name, name, info->columns[0].name);
    if (info->columns[1].flags & COLUMN_KEY)
      fprintf(out, ", \"%s\"", info->columns[1].name);
    fprintf(out, ");\n");
  }
  if (plan->relation == RELATION_ACTORS)
    fprintf(out, "CREATE INDEX %s_by_name ON %s_key(name);\n", name, name);
  fprintf(out, "CREATE TABLE %s_row(_tick INTEGER, _id INTEGER%s", name,
          schema_is_interval(plan->relation) ? ", _last INTEGER" : "");
  write_columns(out, plan->relation, plan->row, plan->row_count);
  fprintf(out, ", PRIMARY KEY(_tick, _id)) STRICT, WITHOUT ROWID;\n");
  if (schema_is_interval(plan->relation)) /* to find what held at an instant: see replay.c */
    fprintf(out,
            "CREATE INDEX %s_open ON %s_row(_id) WHERE _last IS NULL;\n"
            "CREATE INDEX %s_long ON %s_row(_last) WHERE _last - _tick >= %d;\n",
            name, name, name, name, SCHEMA_KEYFRAME_TICKS);
}

/* What ANALYZE would find on a busy day: without it the planner thinks little of searching by
 * time. */
static void write_statistics(FILE *out)
{
  fprintf(out, "ANALYZE sqlite_schema;\n"
               "INSERT INTO sqlite_stat1 VALUES('tick', 'tick_t', '86400 1'),\n"
               "  ('text', 'sqlite_autoindex_text_1', '100000 1')");
  for (unsigned r = 0; r < RELATION_COUNT; r++) {
    const char *name = relation_info((enum relation)r)->name;
    bool two = relation_info((enum relation)r)->columns[1].flags & COLUMN_KEY;

    if (schema_is_interval((enum relation)r)) {
      fprintf(out, ",\n  ('%s_row', '%s_row', '2000000 20 1')", name, name);
      fprintf(out, ", ('%s_row', '%s_open', '100 1'), ('%s_row', '%s_long', '1000 1')", name, name,
              name, name);
      continue;
    }
    fprintf(out, ",\n  ('%s_row', '%s_row', '20000000 200 1')", name, name);
    fprintf(out, ", ('%s_key', '%s_by_key', '%s')", name, name,
            two ? "1000000 100000 2" : "20000 2");
    if (r == RELATION_ACTORS)
      fprintf(out, ", ('%s_key', '%s_by_name', '1000000 2')", name, name);
  }
  fprintf(out, ";\n");
}

/* --- the views --- */

static void write_words(FILE *out, const char *table, const struct column *column)
{
  fprintf(out, "CASE %s.\"%s\"", table, column->name);
  for (unsigned i = 0; column->values[i]; i++)
    fprintf(out, " WHEN %u THEN '%s'", i, column->values[i]);
  fprintf(out, " END");
}

/* The tick until which an interval holds, as far as it is known. */
#define LAST_TICK "(SELECT %s FROM tick WHERE n = coalesce(r._last, (SELECT max(n) FROM tick)))"

static void write_value(FILE *out, enum relation relation, const struct encode_column *encoding,
                        bool in_key)
{
  const struct column *column = &relation_info(relation)->columns[encoding->column];
  const char *table = in_key ? "k" : "r";

  switch ((enum encode_rule)encoding->rule) {
  case ENCODE_ENUM:
    write_words(out, table, column);
    break;
  case ENCODE_REAL:
    fprintf(out, "%s.\"%s\" / %d.0", table, column->name, ENCODE_REAL_SCALE);
    break;
  case ENCODE_TEXT:
    if (in_key && is_joined(relation, encoding))
      fprintf(out, "text_%s.s", column->name);
    else
      fprintf(out, "(SELECT s FROM text WHERE id = %s.\"%s\")", table, column->name);
    break;
  case ENCODE_READ:
    fprintf(out, "%s.\"%s\" >> 2", table, column->name);
    break;
  case ENCODE_AGE:
    fprintf(out, "%s.\"%s\"", table, column->name);
    if (schema_is_interval(relation))
      fprintf(out, " + (" LAST_TICK " - t.mono_ns) / 1000000", "mono_ns");
    break;
  case ENCODE_INT:
  case ENCODE_TREND:
    fprintf(out, "%s.\"%s\"", table, column->name);
    break;
  }
  fprintf(out, " AS \"%s\",\n  ", column->name);
}

static const struct encode_column *find(const struct encode_plan *plan, unsigned column,
                                        bool *ret_in_key)
{
  for (unsigned i = 0; i < plan->key_count; i++) {
    if (plan->key[i].column == column) {
      *ret_in_key = true;
      return &plan->key[i];
    }
  }
  for (unsigned i = 0; i < plan->row_count; i++) {
    if (plan->row[i].column == column) {
      *ret_in_key = false;
      return &plan->row[i];
    }
  }
  assert(!"every column is kept somewhere");
  return NULL;
}

static void write_view(FILE *out, const struct encode_plan *plan)
{
  const struct relation_info *info = relation_info(plan->relation);

  fprintf(out, "CREATE VIEW %s AS SELECT\n  ", info->name);
  for (unsigned c = 0; c < info->column_count; c++) {
    bool in_key = false;
    const struct encode_column *encoding = find(plan, c, &in_key);

    write_value(out, plan->relation, encoding, in_key);
  }
  fprintf(out, "t.t AS t, t.t_ms AS t_ms,\n"
               "  strftime('%%Y-%%m-%%dT%%H:%%M:%%fZ', t.t_ms / 1000.0, 'unixepoch') AS at");
  if (schema_is_interval(plan->relation))
    fprintf(out, ",\n  " LAST_TICK " AS last_t", "t");
  fprintf(out, "\nFROM tick t JOIN %s_row r ON r._tick = t.n JOIN %s_key k ON k._id = r._id",
          info->name, info->name);
  for (unsigned i = 0; i < plan->key_count; i++) {
    const char *name = info->columns[plan->key[i].column].name;

    if (is_joined(plan->relation, &plan->key[i]))
      fprintf(out, "\n  LEFT JOIN text text_%s ON text_%s.id = k.\"%s\"", name, name, name);
  }
  fprintf(out, ";\n");
}

/* --- what others ask for --- */

typedef void write_fn(FILE *out, enum relation relation);

static char *written(write_fn *write, enum relation relation)
{
  char *text = NULL;
  size_t length;
  FILE *out = open_memstream(&text, &length);

  if (!out)
    return NULL;
  write(out, relation);
  if (fclose(out) == 0)
    return text;
  free(text);
  return NULL;
}

static void write_views(FILE *out, const char *temporary)
{
  for (const struct schema_view *view = schema_views; view->name; view++)
    fprintf(out, "CREATE %sVIEW %s AS %s;\n", temporary, view->name, view->select);
}

static void write_all(FILE *out, enum relation unused)
{
  (void)unused;
  write_frame(out);
  for (unsigned r = 0; r < RELATION_COUNT; r++) {
    struct encode_plan plan;

    encode_plan_init(&plan, (enum relation)r);
    write_tables(out, &plan);
    write_view(out, &plan);
  }
  write_views(out, "");
  write_statistics(out);
}

static void write_declaration(FILE *out, enum relation relation)
{
  fprintf(out, "CREATE TABLE x(");
  for (unsigned c = 0; c < schema_column_count(relation); c++)
    fprintf(out, "%s\"%s\" %s", c ? ", " : "", schema_column_name(relation, c),
            sql_type(relation, c));
  fprintf(out, ")");
}

static void write_temporary(FILE *out, enum relation unused)
{
  (void)unused;
  write_views(out, "TEMP ");
}

char *schema_create(void)
{
  return written(write_all, 0);
}

char *schema_declaration(enum relation relation)
{
  return written(write_declaration, relation);
}

char *schema_create_views(void)
{
  return written(write_temporary, 0);
}

uint64_t schema_fingerprint(void)
{
  char *all = schema_create();
  uint64_t hash = hash_text(HASH_SEED, all);

  free(all);
  return hash;
}
