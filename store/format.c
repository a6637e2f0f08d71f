/* format.c - the formats that print row by row, and the choice among all; see format.h. */
#include "store/format.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/jsontext.h"
#include "store/format_kinds.h"
#include "store/harmless.h"

/* --- what the kinds share --- */

void format_number(const struct query_value *value, char ret_text[FORMAT_NUMBER_BYTES])
{
  if (value->type == QUERY_INTEGER) {
    snprintf(ret_text, FORMAT_NUMBER_BYTES, "%" PRId64, value->integer);
    return;
  }
  for (int digits = 15; digits <= 17; digits += 2) { /* the shortest that reads back the same */
    snprintf(ret_text, FORMAT_NUMBER_BYTES, "%.*g", digits, value->real);
    if (strtod(ret_text, NULL) == value->real)
      break;
  }
}

int format_written(struct format *f)
{
  if (!ferror(f->out))
    return 0;
  return errno ? -errno : -EIO;
}

static bool is_known(const struct query_value *value)
{
  return value->type != QUERY_NULL && !(value->type == QUERY_REAL && !isfinite(value->real));
}

/* --- csv and tsv --- */

/* The text of a value, as it may be printed to f->out; to be freed. NULL without memory. */
static char *plain_text(const struct format *f, const struct query_value *value, size_t *ret_length)
{
  char *text;

  if (f->terminal) {
    text = harmless_text(value->text, value->length, harmless_locale_is_utf8(), NULL);
    if (text)
      *ret_length = strlen(text);
    return text;
  }
  text = malloc(value->length + 1);
  if (text) {
    memcpy(text, value->text, value->length);
    text[value->length] = '\0';
    *ret_length = value->length;
  }
  return text;
}

/* RFC 4180: quoted where it must be, quotes doubled. */
static void csv_text(FILE *out, const char *text, size_t length)
{
  bool quoted = memchr(text, '"', length) || memchr(text, ',', length) ||
                memchr(text, '\r', length) || memchr(text, '\n', length);

  if (!quoted) {
    fwrite(text, 1, length, out);
    return;
  }
  fputc('"', out);
  for (size_t i = 0; i < length; i++) {
    if (text[i] == '"')
      fputc('"', out);
    fputc(text[i], out);
  }
  fputc('"', out);
}

static void tsv_text(FILE *out, const char *text, size_t length)
{
  static const char letters[] =
      "\tt\nn\rr\\\\"; /* pairs: the character, what follows the backslash */

  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)text[i];
    const char *letter = NULL;

    for (const char *p = letters; *p && !letter; p += 2)
      if (*p == text[i])
        letter = p + 1;
    if (letter)
      fprintf(out, "\\%c", *letter);
    else if (c < 0x20 || c == 0x7f)
      fprintf(out, "\\x%02x", c);
    else
      fputc(c, out);
  }
}

static int separated_row(struct format *f, const struct query_value *values, char separator,
                         void (*put_text)(FILE *, const char *, size_t), const char *end)
{
  for (unsigned i = 0; i < f->count; i++) {
    char number[FORMAT_NUMBER_BYTES];
    size_t length = 0;
    char *text;

    if (i)
      fputc(separator, f->out);
    if (!is_known(&values[i]))
      continue;
    if (values[i].type != QUERY_TEXT) {
      format_number(&values[i], number);
      fputs(number, f->out);
      continue;
    }
    text = plain_text(f, &values[i], &length);
    if (!text)
      return -ENOMEM;
    put_text(f->out, text, length);
    free(text);
  }
  fputs(end, f->out);
  return 0;
}

static int csv_row(struct format *f, const struct query_value *values)
{
  return separated_row(f, values, ',', csv_text, "\r\n");
}

static int tsv_row(struct format *f, const struct query_value *values)
{
  return separated_row(f, values, '\t', tsv_text, "\n");
}

/* The names as a row of their own. */
static int names_row(struct format *f)
{
  struct query_value *values = calloc(f->count, sizeof(*values));
  int e;

  if (!values)
    return -ENOMEM;
  for (unsigned i = 0; i < f->count; i++)
    values[i] = (struct query_value){
        .type = QUERY_TEXT, .text = f->names[i], .length = strlen(f->names[i])};
  e = f->kind->row(f, values);
  free(values);
  return e;
}

/* --- json and ndjson --- */

/* A text in quotes: six bytes for each of its own in the worst case. */
static int put_json_text(FILE *out, const char *text, size_t length)
{
  size_t room = 6 * length + 8;
  char *quoted = malloc(room);
  struct jsontext json;

  if (!quoted)
    return -ENOMEM;
  jsontext_init(&json, quoted, room);
  jsontext_text(&json, NULL, text);
  fputs(quoted, out);
  free(quoted);
  return 0;
}

static int put_object(struct format *f, const struct query_value *values)
{
  int e = 0;

  for (unsigned i = 0; e == 0 && i < f->count; i++) {
    char number[FORMAT_NUMBER_BYTES];

    fputc(i ? ',' : '{', f->out);
    e = put_json_text(f->out, f->names[i], strlen(f->names[i]));
    fputc(':', f->out);
    if (!is_known(&values[i])) {
      fputs("null", f->out);
    } else if (values[i].type == QUERY_TEXT) {
      e = e ? e : put_json_text(f->out, values[i].text, values[i].length);
    } else {
      format_number(&values[i], number);
      fputs(number, f->out);
    }
  }
  fputc('}', f->out);
  return e;
}

static int json_begin(struct format *f)
{
  fputs("[", f->out);
  return 0;
}

static int json_row(struct format *f, const struct query_value *values)
{
  fputs(f->any ? ",\n " : "\n ", f->out);
  return put_object(f, values);
}

static int json_finish(struct format *f)
{
  fputs(f->any ? "\n]\n" : "]\n", f->out);
  return 0;
}

static int ndjson_row(struct format *f, const struct query_value *values)
{
  int e = put_object(f, values);

  fputc('\n', f->out);
  (void)fflush(f->out); /* an error shows in ferror */
  return e;
}

static const struct format_kind format_json = {
    .name = "json", .begin = json_begin, .row = json_row, .end = json_finish};
static const struct format_kind format_ndjson = {.name = "ndjson", .row = ndjson_row};
static const struct format_kind format_csv = {.name = "csv", .begin = names_row, .row = csv_row};
static const struct format_kind format_tsv = {.name = "tsv", .begin = names_row, .row = tsv_row};

/* --- the sink --- */

static const struct format_kind *const kinds[] = {&format_table, &format_json, &format_ndjson,
                                                  &format_csv,   &format_tsv,  &format_openmetrics};
#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

const char *const format_names[] = {"table", "json", "ndjson", "csv", "tsv", "openmetrics", NULL};

static struct format *format_of(struct query_sink *sink)
{
  return (struct format *)(void *)sink;
}

static int sink_begin(struct query_sink *sink, const char *const *names, unsigned count)
{
  struct format *f = format_of(sink);

  f->names = calloc(count, sizeof(*f->names));
  if (!f->names)
    return -ENOMEM;
  for (; f->count < count; f->count++) {
    f->names[f->count] = strdup(names[f->count]);
    if (!f->names[f->count])
      return -ENOMEM;
  }
  return f->kind->begin ? f->kind->begin(f) : 0;
}

static int sink_row(struct query_sink *sink, const struct query_value *values, unsigned count)
{
  struct format *f = format_of(sink);
  int e;

  (void)count; /* the same as at begin */
  errno = 0;
  e = f->kind->row(f, values);
  f->any = true;
  return e ? e : format_written(f);
}

static int sink_end(struct query_sink *sink)
{
  struct format *f = format_of(sink);
  int e;

  errno = 0;
  e = f->kind->end ? f->kind->end(f) : 0;
  if (e == 0 && fflush(f->out) != 0)
    e = errno ? -errno : -EIO;
  return e ? e : format_written(f);
}

int format_new(const char *name, FILE *out, int relation, struct query_sink **ret_sink)
{
  struct format *f;

  for (size_t i = 0; i < KIND_COUNT; i++) {
    if (strcmp(kinds[i]->name, name) != 0)
      continue;
    f = calloc(1, sizeof(*f));
    if (!f)
      return -ENOMEM;
    f->sink = (struct query_sink){sink_begin, sink_row, sink_end};
    f->kind = kinds[i];
    f->out = out;
    f->relation = relation;
    f->terminal = fileno(out) >= 0 && isatty(fileno(out));
    *ret_sink = &f->sink;
    return 0;
  }
  return -EINVAL;
}

void format_free(struct query_sink *sink)
{
  struct format *f = format_of(sink);

  if (!f)
    return;
  if (f->kind->done)
    f->kind->done(f);
  for (unsigned i = 0; i < f->count; i++)
    free(f->names[i]);
  free(f->names);
  free(f);
}
