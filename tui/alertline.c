/* alertline.c - how an alert looks: as one line, and in full. Not here: which alerts are shown. */
#include "tui/alertline.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/format.h"
#include "tui/lines.h"

static const struct severity_look looks[] = {
    [SEVERITY_INFO] = {"I", "info", STYLE_BADGE_INFO, STYLE_INFO},
    [SEVERITY_WARNING] = {"W", "warning", STYLE_BADGE_WARNING, STYLE_WARNING},
    [SEVERITY_CRITICAL] = {"C", "critical", STYLE_BADGE_CRITICAL, STYLE_CRITICAL},
};

struct severity_look alertline_severity(uint8_t severity)
{
  static const struct severity_look unknown = {"?", "unknown", STYLE_DIM, STYLE_DIM};

  return severity < sizeof looks / sizeof *looks ? looks[severity] : unknown;
}

static const char *text_of(const struct snapshot *s, unsigned column, uint32_t alert)
{
  struct value value = snapshot_value(s, RELATION_ALERTS, column, alert);

  return value.known ? value.text : "";
}

/* How long the condition has lasted, or did last. */
static const char *lasted(const struct snapshot *s, uint32_t alert, char *buffer)
{
  int64_t since = snapshot_int(s, RELATION_ALERTS, ALERTS_SINCE, alert);
  int64_t until = snapshot_int(s, RELATION_ALERTS, ALERTS_UNTIL, alert);
  int64_t now_s = snapshot_about(s).now.wall_ms / 1000;

  if (since < 0)
    return format_seconds(buffer, VALUE_UNKNOWN);
  until = until == VALUE_UNKNOWN ? now_s : until;
  return format_seconds(buffer, until > since ? until - since : 0);
}

void alertline_draw(const struct snapshot *s, uint32_t alert, struct canvas_area area, unsigned row)
{
  struct canvas_pen pen = canvas_pen(area, row, 0);
  struct severity_look look =
      alertline_severity(snapshot_enum(s, RELATION_ALERTS, ALERTS_SEVERITY, alert));
  uint8_t state = snapshot_enum(s, RELATION_ALERTS, ALERTS_STATE, alert);
  bool firing = state == ALERT_FIRING;
  char duration[FORMAT_SIZE];

  if (pen_room(&pen) >= 60)
    pen_at_end(&pen, STYLE_DIM, text_of(s, firing ? ALERTS_CERTAINTY : ALERTS_STATE, alert));
  pen_text(&pen, firing ? look.badge : STYLE_DIM, look.letter);
  pen_right(&pen, 8, firing ? look.text : STYLE_DIM, lasted(s, alert, duration));
  pen_skip(&pen, 1);
  if (area.columns >= 70) /* summaries in a column of their own */
    pen_left(&pen, 10, firing ? STYLE_STRONG : STYLE_DIM, text_of(s, ALERTS_RULE, alert));
  else
    pen_text(&pen, firing ? STYLE_STRONG : STYLE_DIM, text_of(s, ALERTS_RULE, alert));
  pen_skip(&pen, 1);
  pen_text(&pen, firing ? STYLE_NORMAL : STYLE_DIM, text_of(s, ALERTS_SUMMARY, alert));
}

static char *json_text(const json_t *value);

/* "orders, billing" of a list; "waiter orders  holder billing" of an object, without what is
 * null. */
static int print_parts(FILE *out, const json_t *value)
{
  const char *key;
  json_t *part;
  size_t i;
  int printed = 0;

  json_array_foreach(value, i, part)
  {
    char *text = json_text(part);

    printed += fprintf(out, "%s%s", i ? ", " : "", text ? text : "");
    free(text);
  }
  json_object_foreach((json_t *)value, key, part)
  {
    char *text = json_is_null(part) ? NULL : json_text(part);

    if (text)
      printed += fprintf(out, "%s%s %s", printed ? "  " : "", key, text);
    free(text);
  }
  return printed;
}

/* One value of the detail for people; freed by the caller, NULL without memory. */
static char *json_text(const json_t *value)
{
  char *text = NULL;
  size_t length = 0;
  FILE *out;

  if (json_is_string(value))
    return strdup(json_string_value(value));
  if (!json_is_array(value) && !json_is_object(value))
    return json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(4));
  out = open_memstream(&text, &length);
  if (!out)
    return NULL;
  (void)print_parts(out, value); /* fclose below tells whether memory ran out */
  if (fclose(out)) {
    free(text);
    return NULL;
  }
  return text;
}

#define NAME_COLUMNS 14u

static void draw_json_value(struct lines *lines, const char *name, const json_t *value)
{
  char *text = json_text(value);

  if (text && *text)
    lines_fact(lines, NAME_COLUMNS, name, STYLE_NORMAL, text);
  free(text);
}

/* A fact a key; of a list of objects one a line. */
static void draw_json(struct lines *lines, const char *detail)
{
  json_t *root = json_loads(detail, JSON_REJECT_DUPLICATES, NULL), *value;
  const char *key;

  if (!json_is_object(root) && *detail)
    lines_fact(lines, NAME_COLUMNS, "detail", STYLE_NORMAL, detail);
  json_object_foreach(root, key, value)
  {
    if (json_is_object(json_array_get(value, 0)))
      for (size_t i = 0; i < json_array_size(value); i++)
        draw_json_value(lines, i ? "" : key, json_array_get(value, i));
    else if (!json_is_null(value))
      draw_json_value(lines, key, value);
  }
  json_decref(root);
}

static void draw_since(struct lines *lines, const struct snapshot *s, uint32_t alert)
{
  int64_t since = snapshot_int(s, RELATION_ALERTS, ALERTS_SINCE, alert);
  int64_t until = snapshot_int(s, RELATION_ALERTS, ALERTS_UNTIL, alert);
  bool over = until >= 0 && until < INT64_MAX / 2000;
  char text[4 * FORMAT_SIZE], from[FORMAT_SIZE], to[FORMAT_SIZE], duration[FORMAT_SIZE];

  if (since < 0 || since > INT64_MAX / 2000)
    return;
  (void)snprintf(text, sizeof text, "%s (%s)%s%s", format_clock(from, since * 1000, true),
                 lasted(s, alert, duration), over ? " until " : "",
                 over ? format_clock(to, until * 1000, false) : "");
  lines_fact(lines, NAME_COLUMNS, "since", STYLE_NORMAL, text);
}

uint32_t alertline_draw_detail(const struct snapshot *s, uint32_t alert, struct canvas_area area,
                               uint32_t scroll)
{
  static const uint8_t facts[] = {ALERTS_TARGET, ALERTS_CERTAINTY, ALERTS_STATE, ALERTS_KEY};
  struct severity_look look =
      alertline_severity(snapshot_enum(s, RELATION_ALERTS, ALERTS_SEVERITY, alert));
  struct lines lines = lines_begin(area, scroll);

  lines_fact(&lines, NAME_COLUMNS, text_of(s, ALERTS_RULE, alert), look.text,
             text_of(s, ALERTS_SUMMARY, alert));
  draw_since(&lines, s, alert);
  draw_json(&lines, text_of(s, ALERTS_DETAIL, alert));
  for (size_t i = 0; i < sizeof facts; i++)
    if (*text_of(s, facts[i], alert))
      lines_fact(&lines, NAME_COLUMNS, relation_info(RELATION_ALERTS)->columns[facts[i]].name,
                 STYLE_NORMAL, text_of(s, facts[i], alert));
  return lines_end(&lines);
}
