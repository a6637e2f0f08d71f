/* jsontext_test.c - well-formed whatever the bytes and however small the room. */
#include "model/jsontext.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "model/dictionary.h"
#include "model/utf8.h"

static void expect_text(const char *text, const char *wanted)
{
  char out[256];
  struct jsontext json;

  jsontext_init(&json, out, sizeof(out));
  jsontext_text(&json, NULL, text);
  assert_string_equal(out, wanted);
}

static void test_strings_are_escaped(void **state)
{
  (void)state;
  expect_text("plain", "\"plain\"");
  expect_text(NULL, "null");
  expect_text("a\"b\\c\n\t", "\"a\\\"b\\\\c\\n\\t\"");
  expect_text("\x1b[31m\x7f", "\"\\u001b[31m\\u007f\"");
  expect_text("gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"");
  expect_text("\xc2\x9b", "\"\\u009b\"");                   /* C1: CSI */
  expect_text("\xe2\x80\xae", "\"\\u202e\"");               /* right-to-left override */
  expect_text("\xff\xc3", "\"\\\\xff\\\\xc3\"");            /* not UTF-8, cut off */
  expect_text("\xc0\x80", "\"\\\\xc0\\\\x80\"");            /* overlong */
  expect_text("\xed\xa0\x80", "\"\\\\xed\\\\xa0\\\\x80\""); /* surrogate */
  expect_text("\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"");
}

static void write_sample(struct jsontext *json)
{
  jsontext_object(json, NULL);
  jsontext_int(json, "n", -5);
  jsontext_int(json, "none", VALUE_UNKNOWN);
  jsontext_real(json, "r", 0.25);
  jsontext_real(json, "nan", NAN);
  jsontext_array(json, "list");
  jsontext_bool(json, NULL, true);
  jsontext_text(json, NULL, "x");
  jsontext_object(json, NULL);
  jsontext_end(json);
  jsontext_end(json);
  jsontext_end(json);
}

static void test_values_and_nesting(void **state)
{
  char out[256];
  struct jsontext json;

  (void)state;
  jsontext_init(&json, out, sizeof(out));
  write_sample(&json);
  assert_string_equal(out,
                      "{\"n\":-5,\"none\":null,\"r\":0.25,\"nan\":null,\"list\":[true,\"x\",{}]}");
  assert_false(json.full);
}

/* Brackets outside strings balance and the top closes; the sample holds none inside strings. */
static void assert_balanced(const char *text)
{
  int depth = 0;

  for (const char *c = text; *c; c++) {
    depth += *c == '{' || *c == '[';
    depth -= *c == '}' || *c == ']';
    assert_true(depth > 0 || c[1] == '\0');
    assert_false(*c == ',' && (c[1] == '}' || c[1] == ']'));
  }
  assert_int_equal(depth, 0);
}

static void test_well_formed_in_any_room(void **state)
{
  char whole[256];
  struct jsontext json;

  (void)state;
  jsontext_init(&json, whole, sizeof(whole));
  write_sample(&json);
  for (size_t room = 3; room < json.length + 20; room++) {
    char out[256];
    struct jsontext small;

    memset(out, 'Z', sizeof(out));
    jsontext_init(&small, out, room);
    write_sample(&small);
    assert_in_range(small.length, 2, room - 1);
    assert_int_equal(strlen(out), small.length);
    assert_int_equal(out[room], 'Z');
    assert_balanced(out);
    assert_int_equal(small.full, room <= strlen(whole));
  }
}

static void test_rewind_drops_half_an_element(void **state)
{
  char out[32];
  struct jsontext json;

  (void)state;
  jsontext_init(&json, out, sizeof(out));
  jsontext_array(&json, NULL);
  jsontext_text(&json, NULL, "one");
  struct jsontext_mark mark = jsontext_mark(&json);
  jsontext_object(&json, NULL);
  jsontext_text(&json, "k", "far too long for what is left");
  assert_true(json.full);
  assert_false(jsontext_end_or_rewind(&json, mark));
  jsontext_int(&json, NULL, 2);
  jsontext_end(&json);
  assert_string_equal(out, "[\"one\",2]");
}

static void test_prefix_ends_between_characters(void **state)
{
  (void)state;
  assert_int_equal(utf8_prefix("abc", 5), 3);
  assert_int_equal(utf8_prefix("abc", 2), 2);
  assert_int_equal(utf8_prefix("a\xc3\xbc"
                               "b",
                               2),
                   1);
  assert_int_equal(utf8_prefix("\x80\x80\x80\x80\x80\x80", 5), 5);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_strings_are_escaped),
      cmocka_unit_test(test_values_and_nesting),
      cmocka_unit_test(test_well_formed_in_any_room),
      cmocka_unit_test(test_rewind_drops_half_an_element),
      cmocka_unit_test(test_prefix_ends_between_characters),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
