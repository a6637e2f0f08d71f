/* alert_test.c - each transition in the life of an alert, with an injected clock. */
#include "model/alert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND 1000000000ull
#define WALL_S 1700000000ll

/* One collection and what it shows after its last tick. */
struct life {
  struct finding_sink *alerts;
  struct snapshot *snapshot;
};

static int begin(void **state)
{
  struct life *life = calloc(1, sizeof(*life));

  assert_non_null(life);
  life->alerts = alerts_new();
  assert_non_null(life->alerts);
  *state = life;
  return 0;
}

static int end(void **state)
{
  struct life *life = *state;

  snapshot_unref(life->snapshot);
  alerts_free(life->alerts);
  free(life);
  return 0;
}

static struct tick_clock at(uint64_t second)
{
  return (struct tick_clock){(1000 + second) * SECOND, (WALL_S + (int64_t)second) * 1000};
}

static struct finding leak(const char *key)
{
  return (struct finding){.key = key,
                          .summary = "it grows",
                          .detail = "{}",
                          .target = "demo:7",
                          .target_key = 7,
                          .actor = 1,
                          .severity = SEVERITY_WARNING,
                          .certainty = CERTAINTY_SUSPECTED,
                          .for_ns = 2 * SECOND,
                          .keep_ns = 3 * SECOND};
}

static void tick(struct life *life, uint64_t second, const struct finding *findings, size_t count)
{
  struct snapshot_builder *builder = NULL;

  alerts_begin(life->alerts, at(second));
  alerts_rule(life->alerts, "leak");
  for (size_t i = 0; i < count; i++)
    finding_add(life->alerts, &findings[i]);
  alerts_end(life->alerts);
  snapshot_unref(life->snapshot);
  life->snapshot = NULL;
  builder = snapshot_builder_new(at(second), second, "host", "boot");
  assert_non_null(builder);
  assert_int_equal(alerts_fill(life->alerts, builder, "host"), 0);
  assert_int_equal(snapshot_builder_finish(builder, &life->snapshot), 0);
}

static uint32_t rows(const struct life *life)
{
  return snapshot_rows(life->snapshot, RELATION_ALERTS);
}

static uint8_t state_of(const struct life *life, uint32_t row)
{
  assert_in_range(row, 0, (int64_t)rows(life) - 1);
  return snapshot_enum(life->snapshot, RELATION_ALERTS, ALERTS_STATE, row);
}

static int64_t int_of(const struct life *life, unsigned column, uint32_t row)
{
  return snapshot_int(life->snapshot, RELATION_ALERTS, column, row);
}

static const char *text_of(const struct life *life, unsigned column, uint32_t row)
{
  return snapshot_text(life->snapshot, RELATION_ALERTS, column, row);
}

static void test_found_for_long_enough_fires(void **state)
{
  struct life *life = *state;
  struct finding f = leak("leak/demo/a");

  tick(life, 0, &f, 1);
  assert_int_equal(state_of(life, 0), ALERT_PENDING);
  tick(life, 1, &f, 1);
  assert_int_equal(state_of(life, 0), ALERT_PENDING);
  tick(life, 2, &f, 1);
  assert_int_equal(state_of(life, 0), ALERT_FIRING);
  assert_int_equal(int_of(life, ALERTS_SINCE, 0), WALL_S);
  assert_int_equal(int_of(life, ALERTS_UNTIL, 0), VALUE_UNKNOWN);
  assert_string_equal(text_of(life, ALERTS_RULE, 0), "leak");
  assert_string_equal(text_of(life, ALERTS_TARGET, 0), "demo:7");
  assert_string_equal(text_of(life, ALERTS_HOST, 0), "host");
}

static void test_without_for_it_fires_at_once(void **state)
{
  struct life *life = *state;
  struct finding f = leak("leak/demo/a");

  f.for_ns = 0;
  tick(life, 0, &f, 1);
  assert_int_equal(state_of(life, 0), ALERT_FIRING);
}

static void test_pending_and_not_found_is_forgotten(void **state)
{
  struct life *life = *state;
  struct finding f = leak("leak/demo/a");

  tick(life, 0, &f, 1);
  tick(life, 1, NULL, 0);
  assert_int_equal(rows(life), 0);
  tick(life, 2, &f, 1); /* counts from anew */
  assert_int_equal(state_of(life, 0), ALERT_PENDING);
  assert_int_equal(int_of(life, ALERTS_SINCE, 0), WALL_S + 2);
}

static void fire(struct life *life, const struct finding *f)
{
  tick(life, 0, f, 1);
  tick(life, 2, f, 1);
  assert_int_equal(state_of(life, 0), ALERT_FIRING);
}

static void test_found_again_within_keep_is_the_same_alert(void **state)
{
  struct life *life = *state;
  struct finding f = leak("leak/demo/a");

  fire(life, &f);
  tick(life, 4, NULL, 0);
  assert_int_equal(state_of(life, 0), ALERT_FIRING);
  tick(life, 4, &f, 1);
  tick(life, 6, NULL, 0);
  assert_int_equal(rows(life), 1);
  assert_int_equal(state_of(life, 0), ALERT_FIRING);
  assert_int_equal(int_of(life, ALERTS_SINCE, 0), WALL_S);
}

static void test_not_found_for_keep_resolves_and_is_gone_later(void **state)
{
  struct life *life = *state;
  struct finding f = leak("leak/demo/a");
  uint64_t keep_s = ALERT_RESOLVED_KEEP_NS / SECOND;

  fire(life, &f);
  tick(life, 5, NULL, 0);
  assert_int_equal(state_of(life, 0), ALERT_RESOLVED);
  assert_int_equal(int_of(life, ALERTS_UNTIL, 0), WALL_S + 2);
  tick(life, 5 + keep_s - 1, NULL, 0);
  assert_int_equal(rows(life), 1);
  tick(life, 5 + keep_s, NULL, 0);
  assert_int_equal(rows(life), 0);
}

static void test_trouble_after_the_end_is_a_new_row_of_the_same_key(void **state)
{
  struct life *life = *state;
  struct finding f = leak("leak/demo/a");

  fire(life, &f);
  tick(life, 5, NULL, 0);
  tick(life, 6, &f, 1);
  assert_int_equal(rows(life), 2);
  assert_int_equal(state_of(life, 0), ALERT_RESOLVED);
  assert_int_equal(state_of(life, 1), ALERT_PENDING);
  assert_string_equal(text_of(life, ALERTS_KEY, 0), text_of(life, ALERTS_KEY, 1));
  assert_int_equal(int_of(life, ALERTS_SINCE, 1), WALL_S + 6);
}

static void test_two_spells_within_one_second_are_one_row(void **state)
{
  struct life *life = *state;
  struct finding f = leak("leak/demo/a");

  f.for_ns = f.keep_ns = 0;
  tick(life, 0, &f, 1);
  tick(life, 0, NULL, 0);
  assert_int_equal(state_of(life, 0), ALERT_RESOLVED);
  tick(life, 0, &f, 1);
  assert_int_equal(rows(life), 1);
  assert_int_equal(state_of(life, 0), ALERT_FIRING);
  assert_int_equal(int_of(life, ALERTS_UNTIL, 0), VALUE_UNKNOWN);
}

static void test_severity_follows_and_certainty_only_rises_while_firing(void **state)
{
  struct life *life = *state;
  struct finding f = leak("leak/demo/a");

  f.certainty = CERTAINTY_PROVEN;
  tick(life, 0, &f, 1);
  f.certainty = CERTAINTY_CONFIRMED;
  tick(life, 1, &f, 1);
  assert_int_equal(snapshot_enum(life->snapshot, RELATION_ALERTS, ALERTS_CERTAINTY, 0),
                   CERTAINTY_CONFIRMED);
  tick(life, 2, &f, 1);
  f.certainty = CERTAINTY_SUSPECTED;
  f.severity = SEVERITY_INFO;
  tick(life, 3, &f, 1);
  assert_int_equal(snapshot_enum(life->snapshot, RELATION_ALERTS, ALERTS_CERTAINTY, 0),
                   CERTAINTY_CONFIRMED);
  assert_int_equal(snapshot_enum(life->snapshot, RELATION_ALERTS, ALERTS_SEVERITY, 0),
                   SEVERITY_INFO);
  f.certainty = CERTAINTY_PROVEN;
  tick(life, 4, &f, 1);
  assert_int_equal(snapshot_enum(life->snapshot, RELATION_ALERTS, ALERTS_CERTAINTY, 0),
                   CERTAINTY_PROVEN);
}

static void test_members_of_a_firing_deadlock_are_inhibited(void **state)
{
  struct life *life = *state;
  const int64_t members[] = {7, 2, 7, 1};
  struct finding findings[3] = {leak("leak/demo/a"), leak("leak/demo/other"),
                                leak("deadlock/demo/a,b")};

  findings[0].for_ns = findings[1].for_ns = 0;
  findings[1].actor = 3;
  findings[2].actor = VALUE_UNKNOWN;
  findings[2].members = members;
  findings[2].member_count = 2;
  tick(life, 0, findings, 3);
  assert_int_equal(rows(life), 3); /* the deadlock is pending: everything is shown */
  tick(life, 2, findings, 3);
  assert_int_equal(rows(life), 2);
  assert_string_equal(text_of(life, ALERTS_KEY, 0), "deadlock/demo/a,b");
  assert_string_equal(text_of(life, ALERTS_KEY, 1), "leak/demo/other");
  tick(life, 5, findings, 2); /* the deadlock is over: what it hid went on all the time */
  assert_int_equal(rows(life), 3);
  assert_string_equal(text_of(life, ALERTS_KEY, 1), "leak/demo/a");
  assert_int_equal(state_of(life, 1), ALERT_FIRING);
  assert_int_equal(int_of(life, ALERTS_SINCE, 1), WALL_S);
}

static void test_same_key_twice_is_one_alert_but_namesakes_are_two(void **state)
{
  struct life *life = *state;
  struct finding findings[3] = {leak("leak/demo/worker"), leak("leak/demo/worker"),
                                leak("leak/demo/worker")};

  findings[2].actor = 2;
  tick(life, 0, findings, 3);
  tick(life, 1, findings, 3);
  assert_int_equal(rows(life), 2);
  assert_string_equal(text_of(life, ALERTS_KEY, 0), "leak/demo/worker");
  assert_string_equal(text_of(life, ALERTS_KEY, 1), "leak/demo/worker#2");
  assert_int_equal(int_of(life, ALERTS_ACTOR, 1), 2);
  assert_int_equal(alerts_lost(life->alerts), 0);
}

static void test_detail_alone_is_refreshed_once_a_minute(void **state)
{
  struct life *life = *state;
  struct finding f = leak("leak/demo/a");

  f.detail = "{\"n\":1}";
  tick(life, 0, &f, 1);
  f.detail = "{\"n\":2}";
  tick(life, 1, &f, 1);
  assert_string_equal(text_of(life, ALERTS_DETAIL, 0), "{\"n\":1}");
  f.summary = "it grows faster";
  tick(life, 2, &f, 1);
  assert_string_equal(text_of(life, ALERTS_DETAIL, 0), "{\"n\":2}");
  f.detail = "{\"n\":3}";
  tick(life, 61, &f, 1);
  assert_string_equal(text_of(life, ALERTS_DETAIL, 0), "{\"n\":2}");
  tick(life, 62, &f, 1);
  assert_string_equal(text_of(life, ALERTS_DETAIL, 0), "{\"n\":3}");
}

static void test_details_that_grow_are_bounded_too(void **state)
{
  struct life *life = *state;
  enum { COUNT = 500, BYTES = 48 << 10 };
  char keys[COUNT][32], *detail = malloc(BYTES);
  struct finding *findings = calloc(COUNT, sizeof(*findings));
  size_t bytes = 0;

  assert_non_null(detail);
  assert_non_null(findings);
  memset(detail, 'x', BYTES - 1);
  detail[BYTES - 1] = '\0';
  for (size_t i = 0; i < COUNT; i++) {
    (void)snprintf(keys[i], sizeof(keys[i]), "leak/demo/%zu", i);
    findings[i] = leak(keys[i]);
  }
  tick(life, 0, findings, COUNT);
  for (size_t i = 0; i < COUNT; i++) {
    findings[i].summary = "it grows still";
    findings[i].detail = detail;
  }
  tick(life, 1, findings, COUNT);
  assert_int_equal(rows(life), COUNT);
  for (uint32_t i = 0; i < COUNT; i++) {
    const char *text = text_of(life, ALERTS_DETAIL, i);

    bytes += text ? strlen(text) : 0;
  }
  assert_in_range(bytes, 8 << 20, 16 << 20);
  assert_true(alerts_lost(life->alerts) > 0);
  free(findings);
  free(detail);
}

static void test_bounded_counted_and_open_to_what_is_critical(void **state)
{
  struct life *life = *state;
  size_t many = ALERTS_MAX + 10;
  char(*keys)[32] = calloc(many, sizeof(*keys));
  struct finding *findings = calloc(many, sizeof(*findings));
  struct finding critical = leak("deadlock/demo/a,b");

  assert_non_null(keys);
  assert_non_null(findings);
  for (size_t i = 0; i < many; i++) {
    (void)snprintf(keys[i], sizeof(keys[i]), "leak/demo/%zu", i);
    findings[i] = leak(keys[i]);
    findings[i].for_ns = findings[i].keep_ns = 0;
  }
  tick(life, 0, findings, many);
  uint32_t shown = rows(life);
  assert_in_range(shown, ALERTS_MAX / 2, ALERTS_MAX - 1);
  assert_int_equal(alerts_lost(life->alerts), many - shown);
  critical.severity = SEVERITY_CRITICAL;
  tick(life, 1, &critical, 1);
  assert_int_equal(rows(life), shown + 1);
  tick(life, 2, findings + many - 5, 5); /* resolved ones make room */
  assert_int_equal(alerts_lost(life->alerts), many - shown);
  assert_in_range(rows(life), 5, ALERTS_MAX);
  free(findings);
  free(keys);
}

static void test_next_change_is_told(void **state)
{
  struct life *life = *state;
  struct finding f = leak("leak/demo/a");

  assert_int_equal(alerts_next_ns(life->alerts), UINT64_MAX);
  tick(life, 0, &f, 1);
  assert_int_equal(alerts_next_ns(life->alerts), at(2).mono_ns);
  tick(life, 2, &f, 1);
  assert_int_equal(alerts_next_ns(life->alerts), UINT64_MAX);
  tick(life, 3, NULL, 0);
  assert_int_equal(alerts_next_ns(life->alerts), at(5).mono_ns);
  tick(life, 5, NULL, 0);
  assert_int_equal(alerts_next_ns(life->alerts), at(5).mono_ns + ALERT_RESOLVED_KEEP_NS);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_found_for_long_enough_fires, begin, end),
      cmocka_unit_test_setup_teardown(test_without_for_it_fires_at_once, begin, end),
      cmocka_unit_test_setup_teardown(test_pending_and_not_found_is_forgotten, begin, end),
      cmocka_unit_test_setup_teardown(test_found_again_within_keep_is_the_same_alert, begin, end),
      cmocka_unit_test_setup_teardown(test_not_found_for_keep_resolves_and_is_gone_later, begin,
                                      end),
      cmocka_unit_test_setup_teardown(test_trouble_after_the_end_is_a_new_row_of_the_same_key,
                                      begin, end),
      cmocka_unit_test_setup_teardown(test_two_spells_within_one_second_are_one_row, begin, end),
      cmocka_unit_test_setup_teardown(test_severity_follows_and_certainty_only_rises_while_firing,
                                      begin, end),
      cmocka_unit_test_setup_teardown(test_members_of_a_firing_deadlock_are_inhibited, begin, end),
      cmocka_unit_test_setup_teardown(test_same_key_twice_is_one_alert_but_namesakes_are_two, begin,
                                      end),
      cmocka_unit_test_setup_teardown(test_detail_alone_is_refreshed_once_a_minute, begin, end),
      cmocka_unit_test_setup_teardown(test_details_that_grow_are_bounded_too, begin, end),
      cmocka_unit_test_setup_teardown(test_bounded_counted_and_open_to_what_is_critical, begin,
                                      end),
      cmocka_unit_test_setup_teardown(test_next_change_is_told, begin, end),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
