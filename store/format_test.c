/* format_test.c - each format's text for the same rows: unknown values, numbers, and bytes that
 * nobody should obey. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <locale.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "store/format.h"
#include "store/harmless.h"

#define TEXT(s)                                                                                    \
  {                                                                                                \
    .type = QUERY_TEXT, .text = s, .length = sizeof(s) - 1                                         \
  }
#define INTEGER(n)                                                                                 \
  {                                                                                                \
    .type = QUERY_INTEGER, .integer = n                                                            \
  }
#define REAL(x)                                                                                    \
  {                                                                                                \
    .type = QUERY_REAL, .real = x                                                                  \
  }
#define UNKNOWN                                                                                    \
  {                                                                                                \
    .type = QUERY_NULL                                                                             \
  }

static const char *const names[] = {"target", "name", "depth", "in_per_s"};
static const struct query_value rows[][4] = {
    {TEXT("demo:1"), TEXT("a,\"b\"\nc"), INTEGER(5), REAL(0.1)},
    {UNKNOWN, TEXT("\x1b[31m\xff\xc3\xa9"), UNKNOWN, UNKNOWN},
    {TEXT("demo:1"), TEXT("tab\there\\"), INTEGER(-9007199254740993), REAL(1790000000.25)},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static char *print(const char *format, int relation)
{
  char *text = NULL;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  struct query_sink *sink = NULL;

  assert_int_equal(format_new(format, out, relation, &sink), 0);
  assert_int_equal(sink->begin(sink, names, 4), 0);
  for (size_t i = 0; i < ROWS; i++)
    assert_int_equal(sink->row(sink, rows[i], 4), 0);
  assert_int_equal(sink->end(sink), 0);
  format_free(sink);
  fclose(out);
  return text;
}

static void assert_printed(const char *format, int relation, const char *wanted)
{
  char *got = print(format, relation);

  if (strcmp(got, wanted) != 0)
    fail_msg("%s: got\n%s\nwanted\n%s", format, got, wanted);
  free(got);
}

static void a_table_is_aligned_and_harmless(void **state)
{
  (void)state;
  if (!setlocale(LC_ALL, "C.UTF-8")) {
    print_message("skipped: no locale C.UTF-8\n");
    skip();
  }
  assert_printed("table", FORMAT_NO_RELATION,
                 "target  name                   depth  in_per_s\n"
                 "demo:1  a,\"b\"?c                    5       0.1\n"
                 "-       ?[31m?\xc3\xa9                    -         -\n"
                 "demo:1  tab?here\\  -9007199254740993  1.79e+09\n");
  setlocale(LC_ALL, "C");
}

static void csv_is_as_rfc_4180_has_it(void **state)
{
  (void)state;
  assert_printed("csv", FORMAT_NO_RELATION,
                 "target,name,depth,in_per_s\r\n"
                 "demo:1,\"a,\"\"b\"\"\nc\",5,0.1\r\n"
                 ",\x1b[31m\xff\xc3\xa9,,\r\n"
                 "demo:1,tab\there\\,-9007199254740993,1790000000.25\r\n");
}

static void tsv_has_one_line_a_row(void **state)
{
  (void)state;
  assert_printed("tsv", FORMAT_NO_RELATION,
                 "target\tname\tdepth\tin_per_s\n"
                 "demo:1\ta,\"b\"\\nc\t5\t0.1\n"
                 "\t\\x1b[31m\xff\xc3\xa9\t\t\n"
                 "demo:1\ttab\\there\\\\\t-9007199254740993\t1790000000.25\n");
}

static void json_is_json(void **state)
{
  char *text = print("json", FORMAT_NO_RELATION);
  json_error_t error;
  json_t *array = json_loads(text, 0, &error), *row;

  (void)state;
  if (!array)
    fail_msg("%s: %s", text, error.text);
  assert_int_equal(json_array_size(array), ROWS);
  row = json_array_get(array, 0);
  assert_string_equal(json_string_value(json_object_get(row, "name")), "a,\"b\"\nc");
  assert_int_equal(json_integer_value(json_object_get(row, "depth")), 5);
  row = json_array_get(array, 1);
  assert_true(json_is_null(json_object_get(row, "depth")));
  assert_null(strchr(text, '\x1b'));
  row = json_array_get(array, 2);
  assert_int_equal(json_integer_value(json_object_get(row, "depth")), -9007199254740993);
  assert_true(json_real_value(json_object_get(row, "in_per_s")) == 1790000000.25);
  json_decref(array);
  free(text);
}

static void ndjson_is_an_object_a_line(void **state)
{
  char *text = print("ndjson", FORMAT_NO_RELATION), *line = text;
  size_t lines = 0;

  (void)state;
  for (char *end; (end = strchr(line, '\n')); line = end + 1, lines++) {
    json_t *object = json_loadb(line, (size_t)(end - line), 0, NULL);

    assert_true(json_is_object(object));
    json_decref(object);
  }
  assert_int_equal(lines, ROWS);
  assert_string_equal(line, "");
  free(text);
}

static void openmetrics_has_families_and_an_end(void **state)
{
  (void)state;
  assert_printed("openmetrics", RELATION_ACTORS,
                 "# TYPE impasse_actors_depth gauge\n"
                 "# HELP impasse_actors_depth Messages in its mailbox.\n"
                 "impasse_actors_depth{target=\"demo:1\",name=\"a,\\\"b\\\"?c\"} 5\n"
                 "impasse_actors_depth{target=\"demo:1\",name=\"tab?here\\\\\"} -9007199254740993\n"
                 "# TYPE impasse_actors_in_per_s gauge\n"
                 "# HELP impasse_actors_in_per_s Messages that arrived.\n"
                 "impasse_actors_in_per_s{target=\"demo:1\",name=\"a,\\\"b\\\"?c\"} 0.1\n"
                 "impasse_actors_in_per_s{target=\"demo:1\",name=\"tab?here\\\\\"} 1790000000.25\n"
                 "# EOF\n");
}

static void no_rows_are_still_an_answer(void **state)
{
  static const struct {
    const char *format, *wanted;
  } cases[] = {{"table", "target  name\n"}, {"json", "[]\n"},          {"ndjson", ""},
               {"csv", "target,name\r\n"},  {"tsv", "target\tname\n"}, {"openmetrics", "# EOF\n"}};

  (void)state;
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    struct query_sink *sink = NULL;

    assert_int_equal(format_new(cases[i].format, out, RELATION_ACTORS, &sink), 0);
    assert_int_equal(sink->begin(sink, names, 2), 0);
    assert_int_equal(sink->end(sink), 0);
    format_free(sink);
    fclose(out);
    assert_string_equal(text, cases[i].wanted);
    free(text);
  }
}

static void a_long_table_flows(void **state)
{
  char *text = NULL;
  size_t length, lines = 0;
  FILE *out = open_memstream(&text, &length);
  struct query_sink *sink = NULL;

  (void)state;
  assert_int_equal(format_new("table", out, FORMAT_NO_RELATION, &sink), 0);
  assert_int_equal(sink->begin(sink, names, 4), 0);
  for (int i = 0; i < 2500; i++)
    assert_int_equal(sink->row(sink, rows[0], 4), 0);
  assert_int_equal(sink->end(sink), 0);
  format_free(sink);
  fclose(out);
  for (const char *p = text; *p; p++)
    lines += *p == '\n';
  assert_int_equal(lines, 2501);
  free(text);
}

static void a_full_disk_ends_the_printing(void **state)
{
  FILE *full = fopen("/dev/full", "w");
  struct query_sink *sink = NULL;

  (void)state;
  assert_non_null(full);
  setvbuf(full, NULL, _IONBF, 0);
  assert_int_equal(format_new("csv", full, FORMAT_NO_RELATION, &sink), 0);
  (void)sink->begin(sink, names, 4);
  assert_int_equal(sink->row(sink, rows[0], 4), -ENOSPC);
  format_free(sink);
  fclose(full);
}

static void an_unknown_format_is_refused(void **state)
{
  struct query_sink *sink = NULL;

  (void)state;
  assert_int_equal(format_new("xml", stdout, FORMAT_NO_RELATION, &sink), -EINVAL);
  for (unsigned i = 0; format_names[i]; i++) {
    assert_int_equal(format_new(format_names[i], stdout, FORMAT_NO_RELATION, &sink), 0);
    format_free(sink);
  }
}

static void what_a_terminal_obeys_is_taken_out(void **state)
{
  static const struct {
    const char *bytes, *wanted;
  } cases[] = {{"a\x1b[2J", "a?[2J"},
               {"\xc2\x9b"
                "2J",
                "?2J"},
               {"\xe2\x80\xae"
                "x",
                "?x"},
               {"\xc0\xaf", "??"},
               {"\xed\xa0\x80", "???"},
               {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
               {"\xf4\x90\x80\x80", "????"},
               {"\xe2\x82", "??"}};

  (void)state;
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    char *got = harmless_text(cases[i].bytes, strlen(cases[i].bytes), true, NULL);

    assert_string_equal(got, cases[i].wanted);
    free(got);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_table_is_aligned_and_harmless),
      cmocka_unit_test(csv_is_as_rfc_4180_has_it),
      cmocka_unit_test(tsv_has_one_line_a_row),
      cmocka_unit_test(json_is_json),
      cmocka_unit_test(ndjson_is_an_object_a_line),
      cmocka_unit_test(openmetrics_has_families_and_an_end),
      cmocka_unit_test(no_rows_are_still_an_answer),
      cmocka_unit_test(a_long_table_flows),
      cmocka_unit_test(a_full_disk_ends_the_printing),
      cmocka_unit_test(an_unknown_format_is_refused),
      cmocka_unit_test(what_a_terminal_obeys_is_taken_out),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
