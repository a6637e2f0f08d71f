/* alert_output_test.c - the stream of alerts: what is told, once, in order, as valid JSON lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/alert_output.h"

struct alert_row {
  const char *key, *rule, *summary, *detail;
  uint8_t state, severity;
};

static struct snapshot *snapshot_of(uint64_t tick, const struct alert_row *rows, uint32_t count)
{
  const struct tick_clock now = {.mono_ns = tick * 1000000000u, .wall_ms = (int64_t)tick * 1000};
  struct snapshot_builder *b = snapshot_builder_new(now, tick, "host", "boot");
  struct snapshot *snapshot = NULL;

  assert_non_null(b);
  assert_int_equal(snapshot_builder_relation(b, RELATION_ALERTS, count), 0);
  for (uint32_t i = 0; i < count; i++) {
    snapshot_builder_texts(b, RELATION_ALERTS, ALERTS_KEY)[i] =
        snapshot_builder_text(b, rows[i].key);
    snapshot_builder_texts(b, RELATION_ALERTS, ALERTS_RULE)[i] =
        snapshot_builder_text(b, rows[i].rule);
    snapshot_builder_texts(b, RELATION_ALERTS, ALERTS_SUMMARY)[i] =
        snapshot_builder_text(b, rows[i].summary);
    snapshot_builder_texts(b, RELATION_ALERTS, ALERTS_DETAIL)[i] =
        snapshot_builder_text(b, rows[i].detail);
    snapshot_builder_ints(b, RELATION_ALERTS, ALERTS_SINCE)[i] = 1;
    snapshot_builder_enums(b, RELATION_ALERTS, ALERTS_STATE)[i] = rows[i].state;
    snapshot_builder_enums(b, RELATION_ALERTS, ALERTS_SEVERITY)[i] = rows[i].severity;
  }
  assert_int_equal(snapshot_builder_finish(b, &snapshot), 0);
  return snapshot;
}

struct world {
  char *text;
  size_t length;
  FILE *file;
  struct alert_output *output;
};

static bool wants_leaks(void *context, const struct snapshot *snapshot, uint32_t row)
{
  (void)context;
  return strcmp(snapshot_text(snapshot, RELATION_ALERTS, ALERTS_RULE, row), "leak") == 0;
}

static void world_init(struct world *w)
{
  w->file = open_memstream(&w->text, &w->length);
  assert_non_null(w->file);
  w->output = alert_output_new(w->file, wants_leaks, NULL);
  assert_non_null(w->output);
}

static void world_done(struct world *w)
{
  alert_output_free(w->output);
  (void)fclose(w->file);
  free(w->text);
}

static void show(struct world *w, uint64_t tick, const struct alert_row *rows, uint32_t count)
{
  struct snapshot *snapshot = snapshot_of(tick, rows, count);

  assert_int_equal(alert_output_show(w->output, snapshot), 0);
  snapshot_unref(snapshot);
}

/* The n-th line (from 0) as JSON; to be released. */
static json_t *line_of(const struct world *w, unsigned n)
{
  const char *line = w->text;
  json_t *parsed;

  while (n-- > 0) {
    line = strchr(line, '\n');
    assert_non_null(line);
    line++;
  }
  parsed = json_loadb(line, strcspn(line, "\n"), JSON_REJECT_DUPLICATES, NULL);
  if (!parsed)
    fail_msg("no JSON: %s", line);
  return parsed;
}

static void expect_line(const struct world *w, unsigned n, const char *type, const char *key)
{
  json_t *line = line_of(w, n);

  assert_string_equal(json_string_value(json_object_get(line, "schema")), "impasse.alert/1");
  assert_int_equal(json_integer_value(json_object_get(line, "seq")), n + 1);
  assert_string_equal(json_string_value(json_object_get(line, "type")), type);
  if (key)
    assert_string_equal(json_string_value(json_object_get(line, "key")), key);
  json_decref(line);
}

static void an_alert_is_told_at_each_step_of_its_life_and_not_in_between(void **state)
{
  struct alert_row row = {"leak/a", "leak", "s", "{}", ALERT_PENDING, SEVERITY_WARNING};
  struct world w;

  (void)state;
  world_init(&w);
  show(&w, 1, &row, 1);
  show(&w, 2, &row, 1);
  row.state = ALERT_FIRING;
  show(&w, 3, &row, 1);
  show(&w, 4, &row, 1);
  row.severity = SEVERITY_CRITICAL;
  show(&w, 5, &row, 1);
  row.state = ALERT_RESOLVED;
  show(&w, 6, &row, 1);
  show(&w, 7, &row, 0);
  expect_line(&w, 0, "pending", "leak/a");
  expect_line(&w, 1, "firing", "leak/a");
  expect_line(&w, 2, "changed", "leak/a");
  expect_line(&w, 3, "resolved", "leak/a");
  assert_int_equal(alert_output_count(w.output), 4);
  world_done(&w);
}

static void what_vanishes_without_being_resolved_is_told(void **state)
{
  const struct alert_row rows[] = {{"leak/a", "leak", "s", NULL, ALERT_PENDING, SEVERITY_WARNING},
                                   {"leak/b", "leak", "s", NULL, ALERT_FIRING, SEVERITY_WARNING}};
  struct world w;

  (void)state;
  world_init(&w);
  show(&w, 1, rows, 2);
  show(&w, 2, rows + 1, 1);
  expect_line(&w, 2, "gone", "leak/a");
  assert_int_equal(alert_output_count(w.output), 3);
  world_done(&w);
}

static void alerts_of_other_rules_are_not_told(void **state)
{
  const struct alert_row rows[] = {
      {"deadlock/a", "deadlock", "s", NULL, ALERT_FIRING, SEVERITY_CRITICAL},
      {"leak/b", "leak", "s", NULL, ALERT_FIRING, SEVERITY_WARNING}};
  struct world w;

  (void)state;
  world_init(&w);
  show(&w, 1, rows, 2);
  show(&w, 2, rows + 1, 1);
  assert_int_equal(alert_output_count(w.output), 1);
  expect_line(&w, 0, "firing", "leak/b");
  world_done(&w);
}

static void hostile_texts_do_not_break_the_line(void **state)
{
  const struct alert_row rows[] = {
      {"leak/\n\"}\x1b[2J", "leak", "a\nb\xff\"", "{\"n\":1}\n{}", ALERT_FIRING, SEVERITY_WARNING},
      {"leak/good", "leak", "s", "{ \"n\" : [1,\n2] }", ALERT_FIRING, SEVERITY_WARNING}};
  struct world w;
  json_t *line;

  (void)state;
  world_init(&w);
  show(&w, 1, rows, 2);
  line = line_of(&w, 0);
  assert_true(json_is_null(json_object_get(line, "detail"))); /* two values are no object */
  json_decref(line);
  line = line_of(&w, 1);
  assert_int_equal(json_integer_value(json_object_get(json_object_get(line, "detail"), "n")), 0);
  assert_int_equal(json_array_size(json_object_get(json_object_get(line, "detail"), "n")), 2);
  json_decref(line);
  assert_null(strchr(w.text, '\x1b'));
  world_done(&w);
}

static void a_text_that_is_too_long_leaves_a_valid_line(void **state)
{
  char *summary = malloc(100000), *detail = malloc(100000);
  struct alert_row row = {"leak/a", "leak", summary, detail, ALERT_FIRING, SEVERITY_WARNING};
  struct world w;

  (void)state;
  assert_non_null(summary);
  assert_non_null(detail);
  memset(summary, 'x', 99999);
  summary[99999] = '\0';
  (void)snprintf(detail, 100000, "{\"n\":\"%.90000s\"}", summary);
  world_init(&w);
  show(&w, 1, &row, 1);
  expect_line(&w, 0, "firing", "leak/a");
  world_done(&w);
  free(summary);
  free(detail);
}

static void events_of_the_stream_count_too(void **state)
{
  const struct alert_row row = {"leak/a", "leak", "s", NULL, ALERT_FIRING, SEVERITY_WARNING};
  struct world w;

  (void)state;
  world_init(&w);
  assert_int_equal(alert_output_event(w.output, "start", 5, NULL), 0);
  show(&w, 1, &row, 1);
  assert_int_equal(alert_output_event(w.output, "trouble", 6, "gone"), 0);
  expect_line(&w, 0, "start", NULL);
  expect_line(&w, 1, "firing", "leak/a");
  expect_line(&w, 2, "trouble", NULL);
  world_done(&w);
}

static void a_reader_that_went_away_is_an_error(void **state)
{
  int ends[2];
  FILE *file;
  struct alert_output *output;

  (void)state;
  assert_int_equal(pipe(ends), 0);
  (void)signal(SIGPIPE, SIG_IGN);
  file = fdopen(ends[1], "w");
  assert_non_null(file);
  output = alert_output_new(file, wants_leaks, NULL);
  assert_non_null(output);
  (void)close(ends[0]);
  assert_int_equal(alert_output_event(output, "start", 5, NULL), -EPIPE);
  alert_output_free(output);
  (void)fclose(file);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_alert_is_told_at_each_step_of_its_life_and_not_in_between),
      cmocka_unit_test(what_vanishes_without_being_resolved_is_told),
      cmocka_unit_test(alerts_of_other_rules_are_not_told),
      cmocka_unit_test(hostile_texts_do_not_break_the_line),
      cmocka_unit_test(a_text_that_is_too_long_leaves_a_valid_line),
      cmocka_unit_test(events_of_the_stream_count_too),
      cmocka_unit_test(a_reader_that_went_away_is_an_error),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
