/* manual.c - the dictionary as sections of impasse-sql(5), in mdoc(7). Not here: anything that the
 * dictionary or schema.c does not say. */
#include "store/manual.h"

#include <errno.h>
#include <string.h>

#include "model/dictionary.h"
#include "store/schema.h"

/* A text as mdoc shows it: backslashes and the characters that begin a macro line mean nothing. */
static void put_text(FILE *out, const char *text)
{
  if (*text == '.' || *text == '\'')
    fputs("\\&", out);
  for (; *text; text++) {
    if (*text == '\\')
      fputs("\\e", out);
    else
      fputc(*text, out);
  }
  fputc('\n', out);
}

static void put_words(FILE *out, const struct column *column)
{
  fputs("Words:\n", out);
  for (unsigned i = 0; column->values[i]; i++)
    fprintf(out, ".Ql %s%s\n", column->values[i], column->values[i + 1] ? " ," : " .");
}

static void put_column(FILE *out, enum relation relation, unsigned c)
{
  static const char *const types[] = {
      [COLUMN_INT] = "INTEGER",
      [COLUMN_REAL] = "REAL",
      [COLUMN_TEXT] = "TEXT",
      [COLUMN_ENUM] = "TEXT",
  };
  const struct column *column = &relation_info(relation)->columns[c];

  fprintf(out, ".It Va %s Pq %s", column->name, types[column->type]);
  if (column->unit[0])
    fprintf(out, ", %s", column->unit);
  if (column->flags & COLUMN_KEY)
    fprintf(out, ", part of the key");
  if (column->flags & COLUMN_HIDDEN)
    fprintf(out, ", not shown unless named");
  fputc('\n', out);
  put_text(out, column->help);
  if (column->values)
    put_words(out, column);
}

static void put_relation(FILE *out, enum relation relation)
{
  const struct relation_info *info = relation_info(relation);

  fprintf(out, ".Ss %s\n", info->name);
  put_text(out, info->help);
  fputs("In a recording:\n", out);
  put_text(out, schema_meaning(relation));
  fputs(".Bl -tag -width Ds -compact\n", out);
  for (unsigned c = 0; c < info->column_count; c++)
    put_column(out, relation, c);
  fputs(".El\n", out);
}

static void put_times(FILE *out)
{
  fputs(".Sh TIMES\nEvery relation has these columns as well, in a recording and in the live "
        "snapshot.\n"
        "The instant is that at which the tick was computed: the end of the interval that its "
        "rates speak of.\n"
        ".Bl -tag -width Ds -compact\n",
        out);
  for (unsigned i = 0; i <= SCHEMA_LAST_T; i++) {
    fprintf(out, ".It Va %s Pq %s", schema_times[i].name, schema_times[i].type);
    fputs(i == SCHEMA_LAST_T ? ", only where rows are intervals\n" : "\n", out);
    put_text(out, schema_times[i].help);
  }
  fputs(".El\n.Pp\nIntervals are kept by:\n", out);
  for (unsigned r = 0; r < RELATION_COUNT; r++)
    if (schema_is_interval((enum relation)r))
      fprintf(out, ".Va %s\n", relation_info((enum relation)r)->name);
}

static void put_views(FILE *out)
{
  fputs(".Sh READY-MADE VIEWS\n.Bl -tag -width Ds\n", out);
  for (const struct schema_view *view = schema_views; view->name; view++) {
    fprintf(out, ".It Va %s\n", view->name);
    put_text(out, view->help);
    fputs(".Bd -literal -offset indent\n", out);
    put_text(out, view->select);
    fputs(".Ed\n", out);
  }
  fputs(".El\n", out);
}

int manual_sql_write(FILE *out)
{
  fputs(".Sh RELATIONS\n", out);
  for (unsigned r = 0; r < RELATION_COUNT; r++)
    put_relation(out, (enum relation)r);
  put_times(out);
  put_views(out);
  errno = 0;
  if (fflush(out) != 0 || ferror(out))
    return errno ? -errno : -EIO;
  return 0;
}
