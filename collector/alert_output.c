/* alert_output.c - see alert_output.h. */
#include "collector/alert_output.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "model/jsontext.h"

#define SCHEMA "impasse.alert/1"
enum { LINE_BYTES = 32768 };

struct alert_output {
  FILE *out;
  alert_output_wants_fn *wants;
  void *context;
  uint64_t seq;
  struct snapshot *before;
  char line[LINE_BYTES]; /* what jsontext.h writes; its last half is kept for the detail */
};

struct alert_output *alert_output_new(FILE *out, alert_output_wants_fn *wants, void *context)
{
  struct alert_output *o = calloc(1, sizeof(*o));

  if (!o)
    return NULL;
  o->out = out;
  o->wants = wants;
  o->context = context;
  return o;
}

void alert_output_free(struct alert_output *o)
{
  if (!o)
    return;
  snapshot_unref(o->before);
  free(o);
}

uint64_t alert_output_count(const struct alert_output *o)
{
  return o->seq;
}

static int write_line(struct alert_output *o)
{
  errno = 0;
  if (fputs(o->line, o->out) == EOF || fputc('\n', o->out) == EOF || fflush(o->out) != 0)
    return errno ? -errno : -EIO;
  return 0;
}

static void begin_line(struct alert_output *o, struct jsontext *json, const char *type,
                       int64_t wall_ms)
{
  jsontext_init(json, o->line, sizeof(o->line) / 2);
  jsontext_object(json, NULL);
  jsontext_text(json, "schema", SCHEMA);
  jsontext_int(json, "seq", (int64_t)++o->seq);
  jsontext_text(json, "type", type);
  jsontext_int(json, "t_ms", wall_ms);
}

int alert_output_event(struct alert_output *o, const char *type, int64_t wall_ms,
                       const char *summary)
{
  struct jsontext json;

  begin_line(o, &json, type, wall_ms);
  if (summary)
    jsontext_text(&json, "summary", summary);
  jsontext_end(&json);
  return write_line(o);
}

/* --- one alert --- */

static void put_column(struct jsontext *json, const struct snapshot *snapshot, unsigned column,
                       uint32_t row)
{
  struct value value = snapshot_value(snapshot, RELATION_ALERTS, column, row);
  const char *name = relation_info(RELATION_ALERTS)->columns[column].name;

  if (value.type == COLUMN_INT)
    jsontext_int(json, name, value.known ? value.integer : VALUE_UNKNOWN);
  else
    jsontext_text(json, name, value.known ? value.text : NULL);
}

/* The detail as a malloc'ed JSON object on one line; NULL where there is none or memory is out. It
 * was made by a detector, but perhaps in another process: only what parses is passed on. */
static char *one_line(const char *detail)
{
  json_t *parsed = detail ? json_loads(detail, JSON_REJECT_DUPLICATES, NULL) : NULL;
  char *line = json_is_object(parsed) ? json_dumps(parsed, JSON_COMPACT) : NULL;

  json_decref(parsed);
  return line;
}

/* The line ends in '}': the detail goes before it. */
static void put_detail(struct alert_output *o, const char *detail)
{
  size_t length = strlen(o->line), room = sizeof(o->line) - length;
  char *text = one_line(detail);

  if (text && strlen(text) + sizeof(",\"detail\":}") < room)
    (void)snprintf(o->line + length - 1, room + 1, ",\"detail\":%s}", text);
  else
    (void)snprintf(o->line + length - 1, room + 1, ",\"detail\":null}");
  free(text);
}

static int write_alert(struct alert_output *o, const char *type, const struct snapshot *snapshot,
                       uint32_t row, int64_t wall_ms)
{
  static const unsigned columns[] = {ALERTS_RULE,  ALERTS_SEVERITY, ALERTS_CERTAINTY, ALERTS_STATE,
                                     ALERTS_HOST,  ALERTS_TARGET,   ALERTS_KEY,       ALERTS_SINCE,
                                     ALERTS_UNTIL, ALERTS_SUMMARY};
  struct jsontext json;

  begin_line(o, &json, type, wall_ms);
  for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
    put_column(&json, snapshot, columns[i], row);
  jsontext_end(&json);
  put_detail(o, snapshot_text(snapshot, RELATION_ALERTS, ALERTS_DETAIL, row));
  return write_line(o);
}

/* --- what changed: both lists are sorted by (key, since) --- */

static int compare_rows(const struct snapshot *a, uint32_t row_a, const struct snapshot *b,
                        uint32_t row_b)
{
  const char *key_a = snapshot_text(a, RELATION_ALERTS, ALERTS_KEY, row_a);
  const char *key_b = snapshot_text(b, RELATION_ALERTS, ALERTS_KEY, row_b);
  int order = strcmp(key_a ? key_a : "", key_b ? key_b : "");
  int64_t since_a = snapshot_int(a, RELATION_ALERTS, ALERTS_SINCE, row_a);
  int64_t since_b = snapshot_int(b, RELATION_ALERTS, ALERTS_SINCE, row_b);

  return order ? order : (since_a > since_b) - (since_a < since_b);
}

static uint8_t alert_enum(const struct snapshot *snapshot, unsigned column, uint32_t row)
{
  return snapshot_enum(snapshot, RELATION_ALERTS, column, row);
}

/* The word for what happened to an alert that both have; NULL: nothing. */
static const char *change(const struct snapshot *before, uint32_t old, const struct snapshot *now,
                          uint32_t row)
{
  if (alert_enum(before, ALERTS_STATE, old) != alert_enum(now, ALERTS_STATE, row))
    return snapshot_value(now, RELATION_ALERTS, ALERTS_STATE, row).text;
  if (alert_enum(before, ALERTS_SEVERITY, old) != alert_enum(now, ALERTS_SEVERITY, row) ||
      alert_enum(before, ALERTS_CERTAINTY, old) != alert_enum(now, ALERTS_CERTAINTY, row))
    return "changed";
  return NULL;
}

static int tell_gone(struct alert_output *o, uint32_t old, int64_t wall_ms)
{
  /* A resolved one has been told as such; it is forgotten in silence. */
  if (!o->wants(o->context, o->before, old) ||
      alert_enum(o->before, ALERTS_STATE, old) == ALERT_RESOLVED)
    return 0;
  return write_alert(o, "gone", o->before, old, wall_ms);
}

static int tell_row(struct alert_output *o, const struct snapshot *now, uint32_t row, bool known,
                    uint32_t old, int64_t wall_ms)
{
  const char *type = known ? change(o->before, old, now, row)
                           : snapshot_value(now, RELATION_ALERTS, ALERTS_STATE, row).text;

  if (!type || !o->wants(o->context, now, row))
    return 0;
  return write_alert(o, type, now, row, wall_ms);
}

int alert_output_show(struct alert_output *o, const struct snapshot *now)
{
  uint32_t old = 0, old_rows = o->before ? snapshot_rows(o->before, RELATION_ALERTS) : 0;
  uint32_t rows = snapshot_rows(now, RELATION_ALERTS);
  int64_t wall_ms = snapshot_about(now).now.wall_ms;
  int error = 0;

  for (uint32_t row = 0; row < rows && error == 0; row++) {
    while (old < old_rows && error == 0 && compare_rows(o->before, old, now, row) < 0)
      error = tell_gone(o, old++, wall_ms);
    bool known = old < old_rows && compare_rows(o->before, old, now, row) == 0;

    if (error == 0)
      error = tell_row(o, now, row, known, old, wall_ms);
    old += known;
  }
  while (old < old_rows && error == 0)
    error = tell_gone(o, old++, wall_ms);
  snapshot_unref(o->before);
  o->before = snapshot_ref(now);
  return error;
}
