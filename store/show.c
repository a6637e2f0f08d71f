/* show.c - the SELECT behind `show RELATION`, made of the options of the command line; see
 * query.h. */
#include <ctype.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/query.h"
#include "store/query_text.h"
#include "store/schema.h"

struct builder {
  FILE *out;
  char *sql;
  size_t length;
  const char *glue; /* what stands before the next condition */
  struct query_text text;
};

/* Text of the user, on lines of its own so that a comment in it ends with it. */
static void add_part(struct builder *b, const char *name, const char *text)
{
  /* makes b->length current; a memory stream fails only without memory, which fclose tells */
  (void)fflush(b->out);
  fprintf(b->out, "\n");
  b->text.parts[b->text.part_count++] = (struct query_part){
      .name = name,
      .start = b->length + 1,
      .length = strlen(text),
  };
  fprintf(b->out, "%s\n", text);
}

static void add_condition(struct builder *b)
{
  fprintf(b->out, "%s", b->glue);
  b->glue = " AND ";
}

static void add_default_columns(struct builder *b, const struct query_show *show)
{
  const struct relation_info *info = relation_info(show->relation);
  const char *comma = "";

  if (show->history) {
    fprintf(b->out, "t, at%s", schema_is_interval(show->relation) ? ", last_t" : "");
    comma = ", ";
  }
  for (unsigned c = 0; c < info->column_count; c++) {
    if (info->columns[c].flags & COLUMN_HIDDEN)
      continue;
    fprintf(b->out, "%s\"%s\"", comma, info->columns[c].name);
    comma = ", ";
  }
}

static bool is_number(const char *text)
{
  size_t length = strlen(text);

  return length > 0 && length < 10 && strspn(text, "0123456789") == length;
}

/* A target by its name, its name without ":pid", or its pid, which is the low part of its key
 * (model/sweep.h). */
static void add_targets(struct builder *b, const struct query_show *show)
{
  const char * or = "";

  if (show->target_count == 0)
    return;
  add_condition(b);
  fprintf(b->out, "(");
  for (size_t i = 0; i < show->target_count; i++) {
    char *name = sqlite3_mprintf("%Q", show->targets[i]);

    if (name)
      fprintf(b->out, "%starget = %s OR substr(target, 1, length(%s) + 1) = %s || ':'", or, name,
              name, name);
    else
      fprintf(b->out, "%sNULL", or); /* without memory: no row */
    if (is_number(show->targets[i]))
      fprintf(b->out, " OR target_key & 0x3fffff = %s", show->targets[i]);
    sqlite3_free(name);
    or = " OR ";
  }
  fprintf(b->out, ")");
}

static void add_times(struct builder *b, const struct query_show *show)
{
  const char *end = schema_is_interval(show->relation) ? "last_t" : "t";

  if (!show->history)
    return;
  if (show->since_ms != QUERY_NO_TIME) {
    add_condition(b);
    fprintf(b->out, "%s >= %lld", end, (long long)show->since_ms / 1000);
  }
  if (show->until_ms != QUERY_NO_TIME) {
    add_condition(b);
    fprintf(b->out, "t <= %lld", (long long)show->until_ms / 1000);
  }
}

static void add_all(struct builder *b, const struct query_show *show)
{
  fprintf(b->out, "SELECT ");
  if (show->columns)
    add_part(b, "--columns", show->columns);
  else
    add_default_columns(b, show);
  fprintf(b->out, " FROM %s", relation_info(show->relation)->name);
  b->glue = " WHERE ";
  add_times(b, show);
  add_targets(b, show);
  if (show->where) {
    add_condition(b);
    fprintf(b->out, "(");
    add_part(b, "--where", show->where);
    fprintf(b->out, ")");
  }
  if (show->order) {
    fprintf(b->out, " ORDER BY ");
    add_part(b, "--order", show->order);
  }
  if (show->limit >= 0)
    fprintf(b->out, " LIMIT %lld", (long long)show->limit);
}

static int build(struct builder *b, const struct query_show *show)
{
  *b = (struct builder){.text = {.whole = relation_info(show->relation)->name}};
  b->out = open_memstream(&b->sql, &b->length);
  if (!b->out)
    return -ENOMEM;
  add_all(b, show);
  if (fclose(b->out) != 0) {
    free(b->sql);
    return -ENOMEM;
  }
  b->text.sql = b->sql;
  return 0;
}

int query_show_run(struct sqlite3 *sql, const struct query_show *show,
                   const struct query_limits *limits, struct query_sink *sink,
                   struct query_error *error)
{
  struct builder b;
  int e = build(&b, show);

  if (e)
    return query_complain(error, e, "out of memory");
  e = query_text_run(sql, &b.text, limits, sink, error);
  free(b.sql);
  return e;
}
