/* print_text.c - see print_text.h. */
#include "probe/beam/mailbox/print_text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const reserved[] = {
    "after", "and",   "andalso", "band",   "begin",   "bnot", "bor", "bsl",  "bsr", "bxor",
    "case",  "catch", "cond",    "div",    "else",    "end",  "fun", "if",   "let", "maybe",
    "not",   "of",    "or",      "orelse", "receive", "rem",  "try", "when", "xor"};

/* Escapes that have a letter; the others are octal. */
static const struct {
  unsigned char code;
  char letter;
} escapes[] = {{'\n', 'n'}, {'\t', 't'}, {'\r', 'r'}, {'\v', 'v'},
               {'\b', 'b'}, {'\f', 'f'}, {27, 'e'},   {127, 'd'}};

void print_text_init(struct print_text *text, char *bytes, size_t room)
{
  *text = (struct print_text){.bytes = bytes, .room = room};
}

/* Length of `text` without a character of UTF-8 that was cut in half. */
static size_t whole_characters(const char *bytes, size_t length)
{
  size_t back = 0;

  while (back < length && back < 4 && ((unsigned char)bytes[length - 1 - back] & 0xc0) == 0x80)
    back++;
  if (back == length || back == 4)
    return length;
  unsigned char lead = (unsigned char)bytes[length - 1 - back];
  size_t needs = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
  return back < needs ? length - 1 - back : length;
}

size_t print_text_end(struct print_text *text)
{
  static const char dots[] = "...";

  if (text->room == 0)
    return 0;
  if (text->cut && text->room >= sizeof dots) {
    if (text->length > text->room - sizeof dots)
      text->length = whole_characters(text->bytes, text->room - sizeof dots);
    memcpy(text->bytes + text->length, dots, sizeof dots - 1);
    text->length += sizeof dots - 1;
  }
  text->bytes[text->length] = '\0';
  return text->length;
}

void print_text_add(struct print_text *text, const char *bytes, size_t length)
{
  size_t room = text->room > text->length ? text->room - 1 - text->length : 0;

  if (length > room) {
    length = room;
    text->cut = true;
  }
  if (length)
    memcpy(text->bytes + text->length, bytes, length);
  text->length += length;
}

void print_text_words(struct print_text *text, const char *words)
{
  print_text_add(text, words, strlen(words));
}

void print_text_format(struct print_text *text, const char *format, ...)
{
  char words[256];
  va_list list;

  va_start(list, format);
  int length = vsnprintf(words, sizeof words, format, list);
  va_end(list);
  if (length > 0)
    print_text_add(text, words, (size_t)length < sizeof words ? (size_t)length : sizeof words - 1);
}

/* One character of UTF-8 at the beginning of `bytes`: its code and length; -1 where it is none. */
static int32_t decode(const unsigned char *bytes, size_t length, size_t *ret_length)
{
  static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
  size_t more = bytes[0] >= 0xf0 ? 3 : bytes[0] >= 0xe0 ? 2 : bytes[0] >= 0xc0 ? 1 : 0;
  uint32_t code = more ? bytes[0] & (0x3fu >> more) : bytes[0];

  *ret_length = 1;
  if (more >= length || (more == 0 && bytes[0] >= 0x80) || bytes[0] >= 0xf8)
    return -1;
  for (size_t i = 1; i <= more; i++) {
    if ((bytes[i] & 0xc0) != 0x80)
      return -1;
    code = code << 6 | (bytes[i] & 0x3fu);
  }
  if (code < least[more] || code > 0x10ffff)
    return -1;
  *ret_length = more + 1;
  return (int32_t)code;
}

static void add_escaped(struct print_text *text, uint32_t code)
{
  for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
    if (escapes[i].code == code) {
      print_text_format(text, "\\%c", escapes[i].letter);
      return;
    }
  }
  print_text_format(text, "\\%03o", code);
}

void print_text_quoted(struct print_text *text, const char *bytes, size_t length, char quote)
{
  const unsigned char *at = (const unsigned char *)bytes;

  print_text_add(text, &quote, 1);
  for (size_t i = 0, step; i < length && !text->cut; i += step) {
    int32_t code = decode(at + i, length - i, &step);

    if (code < 0)
      print_text_format(text, "\\x{%X}", at[i]);
    else if (code < 32 || (code >= 127 && code < 160))
      add_escaped(text, (uint32_t)code);
    else {
      if (code == quote || code == '\\')
        print_text_words(text, "\\");
      print_text_add(text, bytes + i, step);
    }
  }
  print_text_add(text, &quote, 1);
}

static bool is_small_letter(int32_t code)
{
  return (code >= 'a' && code <= 'z') || (code >= 0xdf && code <= 0xff && code != 0xf7);
}

static bool is_name_character(int32_t code)
{
  return is_small_letter(code) || (code >= 'A' && code <= 'Z') || (code >= '0' && code <= '9') ||
         code == '_' || code == '@' || (code >= 0xc0 && code <= 0xde && code != 0xd7);
}

static bool is_bare_atom(const char *bytes, size_t length)
{
  const unsigned char *at = (const unsigned char *)bytes;

  for (size_t i = 0, step; i < length; i += step) {
    int32_t code = decode(at + i, length - i, &step);
    if (i == 0 ? !is_small_letter(code) : !is_name_character(code))
      return false;
  }
  for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
    if (strlen(reserved[i]) == length && memcmp(reserved[i], bytes, length) == 0)
      return false;
  return length > 0;
}

void print_text_atom(struct print_text *text, const char *bytes, size_t length)
{
  if (is_bare_atom(bytes, length))
    print_text_add(text, bytes, length);
  else
    print_text_quoted(text, bytes, length, '\'');
}

bool print_text_printable(const uint8_t *bytes, size_t length)
{
  for (size_t i = 0; i < length; i++)
    if ((bytes[i] < 32 && (bytes[i] < 8 || bytes[i] > 13) && bytes[i] != 27) || bytes[i] >= 127)
      return false;
  return length > 0;
}

/* The digits of a number in [1, 10) and its power of ten, as few as read back the same. */
static void shortest_digits(double number, char ret_digits[24], int *ret_power)
{
  char words[40];
  char *end = words;

  for (int digits = 0; digits < 17; digits++) {
    (void)snprintf(words, sizeof words, "%.*e", digits, number);
    if (strtod(words, NULL) == number)
      break;
  }
  size_t n = 0;
  for (; *end && *end != 'e'; end++)
    if (*end >= '0' && *end <= '9' && n < 23)
      ret_digits[n++] = *end;
  ret_digits[n] = '\0';
  *ret_power = *end ? atoi(end + 1) : 0;
}

/* Without an exponent where that is shorter, and where the number is exact as an integer. */
void print_text_float(struct print_text *text, double number)
{
  char digits[24], plain[64], scientific[64];
  int power, count;

  if (!isfinite(number)) { /* Erlang has none: the bytes are garbage */
    print_text_words(text, "#Float");
    return;
  }
  if (signbit(number))
    print_text_words(text, "-");
  shortest_digits(fabs(number), digits, &power);
  count = (int)strlen(digits);
  (void)snprintf(scientific, sizeof scientific, "%c.%se%d", digits[0], count > 1 ? digits + 1 : "0",
                 power);
  if (power < -20 || power > 20 || fabs(number) >= 9007199254740992.0) {
    print_text_words(text, scientific);
    return;
  }
  if (power < 0)
    (void)snprintf(plain, sizeof plain, "0.%.*s%s", -power - 1, "00000000000000000000", digits);
  else if (count <= power + 1)
    (void)snprintf(plain, sizeof plain, "%s%.*s.0", digits, power + 1 - count,
                   "00000000000000000000");
  else
    (void)snprintf(plain, sizeof plain, "%.*s.%s", power + 1, digits, digits + power + 1);
  print_text_words(text, strlen(plain) <= strlen(scientific) ? plain : scientific);
}

void print_text_bignum(struct print_text *text, bool negative, const uint64_t *words,
                       uint64_t count)
{
  enum { CHUNK_DIGITS = 19, CHUNKS = PRINT_BIGNUM_WORDS_MOST * 64 * 10 / 33 / CHUNK_DIGITS + 2 };
  static const uint64_t chunk = UINT64_C(10000000000000000000);
  uint64_t rest[PRINT_BIGNUM_WORDS_MOST], chunks[CHUNKS];
  size_t n = 0;

  if (count > PRINT_BIGNUM_WORDS_MOST) {
    print_text_format(text, "%s#Integer<%llu bytes>", negative ? "-" : "",
                      (unsigned long long)(count * 8));
    return;
  }
  memcpy(rest, words, (size_t)count * sizeof *rest);
  do { /* divides by 10^19 until nothing is left */
    unsigned __int128 remainder = 0;
    for (size_t i = (size_t)count; i-- > 0;) {
      remainder = remainder << 64 | rest[i];
      rest[i] = (uint64_t)(remainder / chunk);
      remainder %= chunk;
    }
    chunks[n++] = (uint64_t)remainder;
    while (count > 0 && rest[count - 1] == 0)
      count--;
  } while (count > 0 && n < CHUNKS);
  print_text_format(text, "%s%llu", negative ? "-" : "", (unsigned long long)chunks[--n]);
  while (n > 0)
    print_text_format(text, "%019llu", (unsigned long long)chunks[--n]);
}
