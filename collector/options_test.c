/* options_test.c - command lines: what is taken, what is refused and in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/options.h"

#define NOW_MS INT64_C(1700000000000)
#define ALL UINT32_MAX

/* Parses a copy, since the order of argv changes. At most 15 words. */
struct line {
  char *argv[16];
  struct options options;
  struct complaint complaint;
};

static int parse(struct line *line, uint32_t allowed, int argc, const char *const *words)
{
  *line = (struct line){0};
  for (int i = 0; i < argc; i++)
    line->argv[i] = (char *)words[i];
  return options_parse(argc, line->argv, allowed, NOW_MS, &line->options, &line->complaint);
}
#define PARSE(line, allowed, ...)                                                                  \
  parse(line, allowed, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)),              \
        (const char *[]){__VA_ARGS__})

static void options_and_arguments_may_be_mixed(void **state)
{
  struct line line;

  (void)state;
  assert_int_equal(
      PARSE(&line, ALL, "show", "--limit", "5", "actors", "--where=depth > 3", "--", "--odd"), 0);
  assert_int_equal(line.options.limit, 5);
  assert_string_equal(line.options.where, "depth > 3");
  assert_int_equal(line.options.arg_count, 2);
  assert_string_equal(line.options.args[0], "actors");
  assert_string_equal(line.options.args[1], "--odd");
  assert_null(line.options.args[2]);
}

static void nothing_given_is_told_from_anything(void **state)
{
  struct line line;

  (void)state;
  assert_int_equal(PARSE(&line, ALL, "show"), 0);
  assert_int_equal(line.options.given, 0);
  assert_string_equal(line.options.format, "table");
  assert_int_equal(line.options.at_ms, OPTION_UNSET);
  assert_int_equal(line.options.limit, OPTION_UNSET);
  assert_int_equal(line.options.wait_ns, OPTION_UNSET);
  assert_null(line.options.db);
}

static void values_are_read(void **state)
{
  struct line line;

  (void)state;
  assert_int_equal(PARSE(&line, ALL, "x", "--at", "10m ago", "--wait", "3s", "--bytes", "2G",
                         "--json", "--since", "-1h"),
                   0);
  assert_int_equal(line.options.at_ms, NOW_MS - 600000);
  assert_int_equal(line.options.since_ms, NOW_MS - 3600000);
  assert_int_equal(line.options.wait_ns, INT64_C(3000000000));
  assert_int_equal(line.options.bytes, INT64_C(2) << 30);
  assert_string_equal(line.options.format, "json");
  assert_true(line.options.given & OPTION_BIT(AT));
}

static void what_is_wrong_is_said(void **state)
{
  static const struct {
    const char *words[4];
    const char *part; /* of the complaint */
  } rows[] = {
      {{"show", "--colour"}, "does not know --colour"},
      {{"show", "-x"}, "does not know -x"},
      {{"show", "--limit"}, "--limit needs a value"},
      {{"show", "--limit", "0"}, "--limit 0: not understood"},
      {{"show", "--limit", "-3"}, "whole number"},
      {{"show", "--limit", "1x"}, "--limit 1x"},
      {{"show", "--at", "tomorrowish"}, "--at tomorrowish: not understood"},
      {{"show", "--wait", "soon"}, "a duration such as"},
      {{"show", "--format", "xml"}, "--format xml"},
      {{"show", "--bytes", "-1"}, "--bytes -1"},
      {{"show", "--bytes", "5X"}, "a size such as"},
      {{"show", "--json=yes"}, "--json takes no value"},
      {{"show", "--target", ""}, "--target"},
  };
  struct line line;

  (void)state;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    int argc = 0;

    while (argc < 4 && rows[i].words[argc])
      argc++;
    if (parse(&line, ALL, argc, rows[i].words) != -EINVAL ||
        !strstr(line.complaint.text, rows[i].part))
      fail_msg("%s: got \"%s\", wanted \"... %s ...\"", rows[i].words[1], line.complaint.text,
               rows[i].part);
  }
}

static void a_command_takes_its_own_options_only(void **state)
{
  struct line line;

  (void)state;
  assert_int_equal(PARSE(&line, OPTION_BIT(LIMIT), "show", "--wait", "1s"), -EINVAL);
  assert_non_null(strstr(line.complaint.text, "impasse show --help"));
  assert_int_equal(PARSE(&line, 0, "show", "--help"), 0);
  assert_true(line.options.help);
  assert_int_equal(PARSE(&line, 0, "show", "--version"), 0);
  assert_true(line.options.version);
}

static void targets_are_meant_by_name_node_or_pid(void **state)
{
  struct line line;

  (void)state;
  assert_int_equal(PARSE(&line, ALL, "x", "--target", "shop", "--target", "42", "--target", "a@b"),
                   0);
  assert_true(options_want_target(&line.options, "shop:7", 7));
  assert_true(options_want_target(&line.options, "shop", 7));
  assert_true(options_want_target(&line.options, "other:42", 42));
  assert_true(options_want_target(&line.options, "a@b", 9));
  assert_false(options_want_target(&line.options, "shopping:7", 7));
  assert_false(options_want_target(&line.options, "shop:keeper:7", 7));
  assert_false(options_want_target(&line.options, NULL, 7));
  assert_int_equal(PARSE(&line, ALL, "x"), 0);
  assert_true(options_want_target(&line.options, "anything", 1));
}

static void too_many_targets_are_refused(void **state)
{
  char *argv[2 * OPTIONS_TARGETS_MAX + 4] = {"x"};
  struct options options;
  struct complaint complaint = {""};
  int argc = 1;

  (void)state;
  for (int i = 0; i <= OPTIONS_TARGETS_MAX; i++) {
    argv[argc++] = "--target";
    argv[argc++] = "1";
  }
  assert_int_equal(options_parse(argc, argv, ALL, NOW_MS, &options, &complaint), -EINVAL);
}

static void sizes_have_units(void **state)
{
  int64_t bytes = 0;

  (void)state;
  assert_int_equal(options_parse_bytes("1000", &bytes), 0);
  assert_int_equal(bytes, 1000);
  assert_int_equal(options_parse_bytes("1.5 KiB", &bytes), 0);
  assert_int_equal(bytes, 1536);
  assert_int_equal(options_parse_bytes("64m", &bytes), 0);
  assert_int_equal(bytes, 64 << 20);
  assert_int_equal(options_parse_bytes("0", &bytes), -EINVAL);
  assert_int_equal(options_parse_bytes("99999999999T", &bytes), -EINVAL);
  assert_int_equal(options_parse_bytes("", &bytes), -EINVAL);
}

static void the_first_complaint_stays(void **state)
{
  struct complaint complaint = {""};

  (void)state;
  assert_int_equal(complaint_set(&complaint, 3, "one %d", 1), 3);
  assert_int_equal(complaint_set(&complaint, 4, "two"), 4);
  assert_string_equal(complaint.text, "one 1");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(options_and_arguments_may_be_mixed),
      cmocka_unit_test(nothing_given_is_told_from_anything),
      cmocka_unit_test(values_are_read),
      cmocka_unit_test(what_is_wrong_is_said),
      cmocka_unit_test(a_command_takes_its_own_options_only),
      cmocka_unit_test(targets_are_meant_by_name_node_or_pid),
      cmocka_unit_test(too_many_targets_are_refused),
      cmocka_unit_test(sizes_have_units),
      cmocka_unit_test(the_first_complaint_stays),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
