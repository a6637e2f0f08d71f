/* glyph_test.c - untrusted bytes become harmless characters of the right width. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "tui/glyph.h"

/* What a terminal would be sent for a text. */
static const char *shown(const char *text, bool ascii)
{
  static char out[1024];
  size_t n = 0;

  while (*text) {
    struct glyph glyph = glyph_next(text, ascii);

    assert_true(glyph.bytes >= 1);
    n += glyph_encode(glyph.code, out + n);
    text += glyph.bytes;
  }
  out[n] = '\0';
  return out;
}

#define BAD "\xef\xbf\xbd"

static void harmful_characters_are_replaced(void **state)
{
  static const char *const texts[][2] = {
      {"\x1b[2J", BAD "[2J"}, /* ESC */
      {"a\nb\tc\rd", "a" BAD "b" BAD "c" BAD "d"},
      {"\x7f", BAD}, /* DEL */
      {"\xc2\x9b"
       "31m",
       BAD "31m"}, /* CSI as one C1 character */
      {"\xe2\x80\xae"
       "exe",
       BAD "exe"}, /* right-to-left override */
      {"\xe2\x81\xa6x\xe2\x81\xa9", BAD "x" BAD},
      {"\xd8\x9c", BAD}, /* Arabic letter mark */
      {"a\xe2\x80\x8b"
       "b",
       "a" BAD "b"}, /* zero-width space */
      {"a\xe2\x80\x8d"
       "b",
       "a" BAD "b"},             /* joiner */
      {"\xef\xbb\xbf", BAD},     /* byte order mark */
      {"\xc2\xad", BAD},         /* soft hyphen */
      {"\xef\xb8\x8f", BAD},     /* variation selector */
      {"\xf3\xa0\x80\xa0", BAD}, /* tag */
      {"\xe2\x80\xa8", BAD},     /* line separator */
      {"\xee\x80\x80", BAD},     /* private use */
  };

  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    assert_string_equal(shown(texts[i][0], false), texts[i][1]);
}

static void invalid_utf8_is_a_replacement_a_byte(void **state)
{
  (void)state;
  assert_string_equal(shown("\xff\xfe", false), BAD BAD);
  assert_string_equal(shown("\xc0\xaf", false), BAD BAD);         /* overlong */
  assert_string_equal(shown("\xed\xa0\x80", false), BAD BAD BAD); /* surrogate */
  assert_string_equal(shown("a\xe2\x82", false), "a" BAD BAD);    /* cut off by the end */
  assert_string_equal(shown("\xf4\x90\x80\x80", false), BAD BAD BAD BAD);
}

static void ordinary_text_stays(void **state)
{
  static const char *const texts[] = {"plain",     "\xc3\xa9t\xc3\xa9", "\xe6\xb3\xa8\xe6\x96\x87",
                                      "e\xcc\x81", "\xe2\x86\x92",      "\xf0\x9f\x98\x80"};

  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    assert_string_equal(shown(texts[i], false), texts[i]);
}

static void widths_are_cells(void **state)
{
  (void)state;
  assert_int_equal(glyph_text_width("abc", false), 3);
  assert_int_equal(glyph_text_width("\xe6\xb3\xa8\xe6\x96\x87", false), 4);
  assert_int_equal(glyph_text_width("e\xcc\x81", false), 1);
  assert_int_equal(glyph_text_width("\xcc\x81", false), 1); /* nothing to sit on */
  assert_int_equal(glyph_text_width("\x1b[m", false), 3);
  assert_int_equal(glyph_text_width("\xff\xff", false), 2);
}

static void ascii_is_all_that_is_sent_where_nothing_else_is_wanted(void **state)
{
  (void)state;
  assert_string_equal(shown("\xe6\xb3\xa8 \xe2\x86\x92 \xe2\x96\x88 \x1b \xff", true), "? > # ? ?");
  assert_int_equal(glyph_text_width("\xe6\xb3\xa8", true), 1);
  for (unsigned c = 1; c < 256; c++) {
    char text[] = {(char)c, '\0'};
    struct glyph glyph = glyph_next(text, true);

    assert_true(glyph.code >= 0x20 && glyph.code < 0x7f);
    assert_int_equal(glyph.width, 1);
  }
}

static int set_up(void **state)
{
  (void)state;
  return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(harmful_characters_are_replaced),
      cmocka_unit_test(invalid_utf8_is_a_replacement_a_byte),
      cmocka_unit_test(ordinary_text_stays),
      cmocka_unit_test(widths_are_cells),
      cmocka_unit_test(ascii_is_all_that_is_sent_where_nothing_else_is_wanted),
  };

  return cmocka_run_group_tests(tests, set_up, NULL);
}
