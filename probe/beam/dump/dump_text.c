/* dump_text.c - see dump_text.h. Formats: erl_process_dump.c, break.c and erl_term.c's printing in the emulator, OTP 25
 * to 29; external terms: "External Term Format" of the ERTS user's guide. */
#include "probe/beam/dump/dump_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool dump_text_take(struct dump_line *text, const char *words)
{
  size_t length = strlen(words);

  if (text->length < length || memcmp(text->bytes, words, length) != 0)
    return false;
  text->bytes += length;
  text->length -= length;
  return true;
}

static int digit_of(char c)
{
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : 16;
}

static bool take_digits(struct dump_line *text, unsigned base, uint64_t *ret_number)
{
  uint64_t number = 0;
  size_t i = 0;

  for (; i < text->length; i++) {
    unsigned digit = (unsigned)digit_of(text->bytes[i]);
    if (digit >= base)
      break;
    if (number > (UINT64_MAX - digit) / base)
      return false;
    number = number * base + digit;
  }
  if (i == 0)
    return false;
  text->bytes += i;
  text->length -= i;
  *ret_number = number;
  return true;
}

bool dump_text_number(struct dump_line *text, uint64_t *ret_number)
{
  return take_digits(text, 10, ret_number);
}

bool dump_text_hex(struct dump_line *text, uint64_t *ret_number)
{
  return take_digits(text, 16, ret_number);
}

bool dump_text_pid(struct dump_line *text, struct dump_pid *ret_pid)
{
  struct dump_line rest = *text;
  uint64_t channel, number, serial;

  if (!dump_text_take(&rest, "<") || !dump_text_number(&rest, &channel) ||
      !dump_text_take(&rest, ".") || !dump_text_number(&rest, &number) ||
      !dump_text_take(&rest, ".") || !dump_text_number(&rest, &serial) ||
      !dump_text_take(&rest, ">") || number > UINT32_MAX || serial > UINT32_MAX)
    return false;
  *ret_pid = (struct dump_pid){{(uint32_t)number, (uint32_t)serial}, channel};
  *text = rest;
  return true;
}

/* Printed most significant first; one that is an alias has the numbers of its owner's pid in front. */
bool dump_text_reference(struct dump_line *text, struct dump_reference *ret_reference)
{
  enum { NUMBERS_MOST = 5 };
  struct dump_line rest = *text;
  struct dump_reference reference;
  uint64_t number[NUMBERS_MOST];
  size_t n = 0;

  if (!dump_text_take(&rest, "#Ref<") || !dump_text_number(&rest, &number[0]))
    return false;
  for (; n < NUMBERS_MOST && dump_text_take(&rest, "."); n++)
    if (!dump_text_number(&rest, &number[n]) || number[n] > UINT32_MAX)
      return false;
  if (n < 3 || !dump_text_take(&rest, ">"))
    return false;
  for (size_t i = 0; i < 3; i++)
    reference.number[i] = (uint32_t)number[n - 1 - i];
  *ret_reference = reference;
  *text = rest;
  return true;
}

/* The character behind a backslash; moves `at` to its last byte. */
static char unescape(const struct dump_line *text, size_t *at)
{
  static const char letters[] = "ntrbvfe0", codes[] = "\n\t\r\b\v\f\033";
  char c = text->bytes[*at];
  const char *letter = c ? strchr(letters, c) : NULL;

  if (c >= '0' && c <= '7') {
    unsigned code = 0;
    size_t i = *at;
    for (; i < text->length && i < *at + 3 && text->bytes[i] >= '0' && text->bytes[i] <= '7'; i++)
      code = code * 8 + (unsigned)(text->bytes[i] - '0');
    *at = i - 1;
    return (char)code;
  }
  return letter ? codes[letter - letters] : c;
}

static bool ends_bare_atom(char c)
{
  return c == ':' || c == '/' || c == ',' || c == '}' || c == ']' || c == ')' || c == ' ';
}

int dump_text_atom(struct dump_line *text, char *ret_atom, size_t room)
{
  bool quoted = text->length > 0 && text->bytes[0] == '\'';
  size_t at = quoted, n = 0;

  for (; at < text->length; at++) {
    char c = text->bytes[at];
    if (quoted ? c == '\'' : ends_bare_atom(c))
      break;
    if (quoted && c == '\\' && at + 1 < text->length) {
      at++;
      c = unescape(text, &at);
    }
    if (n + 1 < room)
      ret_atom[n++] = c;
  }
  if ((quoted && at == text->length) || (!quoted && at == 0))
    return -EINVAL;
  at += quoted;
  text->bytes += at;
  text->length -= at;
  ret_atom[n] = '\0';
  return (int)n;
}

bool dump_text_mfa(struct dump_line *text, struct dump_mfa *ret_mfa)
{
  uint64_t arity;

  if (dump_text_atom(text, ret_mfa->module, sizeof ret_mfa->module) < 0 ||
      !dump_text_take(text, ":") ||
      dump_text_atom(text, ret_mfa->function, sizeof ret_mfa->function) < 0 ||
      !dump_text_take(text, "/") || !dump_text_number(text, &arity) || arity > 255)
    return false;
  ret_mfa->arity = (uint32_t)arity;
  return true;
}

/* --- heap, stack, dictionary --- */

static bool take_atom_bytes(struct dump_line *text, struct dump_line *ret_atom)
{
  uint64_t length;

  if (!dump_text_take(text, "A") || !dump_text_hex(text, &length) || !dump_text_take(text, ":") ||
      length > text->length)
    return false;
  *ret_atom = (struct dump_line){text->bytes, (size_t)length};
  text->bytes += length;
  text->length -= length;
  return true;
}

static void pass_over(struct dump_line *text)
{
  size_t at = 0;

  while (at < text->length && text->bytes[at] != ',' && text->bytes[at] != '|')
    at++;
  text->bytes += at;
  text->length -= at;
}

bool dump_text_element(struct dump_line *text, struct dump_element *ret_element)
{
  struct dump_element element = {.kind = DUMP_OTHER};
  uint64_t number;

  if (text->length == 0)
    return false;
  if (text->bytes[0] == 'A') {
    if (!take_atom_bytes(text, &element.atom))
      return false;
    element.kind = DUMP_ATOM;
  } else if (dump_text_take(text, "H")) {
    if (!dump_text_hex(text, &element.address))
      return false;
    element.kind = DUMP_POINTER;
  } else if (dump_text_take(text, "I")) {
    bool negative = dump_text_take(text, "-");
    if (!dump_text_number(text, &number) || number > INT64_MAX)
      return false;
    element.kind = DUMP_INTEGER;
    element.integer = negative ? -(int64_t)number : (int64_t)number;
  } else {
    pass_over(text);
  }
  (void)(dump_text_take(text, ",") || dump_text_take(text, "|")); /* the last one has neither */
  *ret_element = element;
  return true;
}

static int sextet(char c)
{
  return c >= 'A' && c <= 'Z'   ? c - 'A'
         : c >= 'a' && c <= 'z' ? c - 'a' + 26
         : c >= '0' && c <= '9' ? c - '0' + 52
         : c == '+'             ? 62
         : c == '/'             ? 63
                                : -1;
}

/* Decodes up to `room` bytes; returns how many. */
static size_t decode_base64(struct dump_line text, uint8_t *ret_bytes, size_t room)
{
  uint32_t bits = 0;
  unsigned count = 0;
  size_t n = 0;

  for (size_t i = 0; i < text.length && n < room; i++) {
    int six = sextet(text.bytes[i]);
    if (six < 0)
      break;
    bits = bits << 6 | (uint32_t)six;
    count += 6;
    if (count >= 8) {
      count -= 8;
      ret_bytes[n++] = (uint8_t)(bits >> count);
    }
  }
  return n;
}

/* 131 | 90 | count, 2 bytes | node, an atom | creation, 4 bytes | numbers, 4 bytes each, all big-endian */
bool dump_text_external(struct dump_line text, struct dump_reference *ret_reference)
{
  enum { MAGIC = 131, NEWER_REFERENCE = 90, ATOM = 100, ATOM_UTF8 = 118, SMALL_ATOM_UTF8 = 119 };
  uint8_t bytes[1200] = {0};
  uint64_t size;

  if (!dump_text_take(&text, "E") || !dump_text_hex(&text, &size) || !dump_text_take(&text, ":"))
    return false;
  size_t n = decode_base64(text, bytes, sizeof bytes);
  if (n < 7 || bytes[0] != MAGIC || bytes[1] != NEWER_REFERENCE)
    return false;
  size_t count = (size_t)bytes[2] << 8 | bytes[3];
  size_t at = bytes[4] == SMALL_ATOM_UTF8                 ? 6u + bytes[5]
              : bytes[4] == ATOM || bytes[4] == ATOM_UTF8 ? 7u + ((size_t)bytes[5] << 8 | bytes[6])
                                                          : n;
  at += 4;
  if (count < 3 || at + 12 > n)
    return false;
  for (size_t i = 0; i < 3; i++, at += 4)
    ret_reference->number[i] = (uint32_t)bytes[at] << 24 | (uint32_t)bytes[at + 1] << 16 |
                               (uint32_t)bytes[at + 2] << 8 | bytes[at + 3];
  return true;
}

/* Not by strptime: the dump's words do not depend on our locale. */
bool dump_text_time(struct dump_line text, int64_t *ret_wall_ms)
{
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  char words[32] = "", month[4] = "";
  struct tm tm = {.tm_isdst = -1};

  if (text.length >= sizeof words)
    return false;
  memcpy(words, text.bytes, text.length);
  if (sscanf(words, "%*3s %3s %2d %2d:%2d:%2d %4d", month, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
             &tm.tm_sec, &tm.tm_year) != 6)
    return false;
  const char *found = strlen(month) == 3 ? strstr(months, month) : NULL;
  if (!found || (found - months) % 3 != 0 || tm.tm_year < 1970)
    return false;
  tm.tm_mon = (int)(found - months) / 3;
  tm.tm_year -= 1900;
  time_t t = mktime(&tm);
  if (t == (time_t)-1)
    return false;
  *ret_wall_ms = (int64_t)t * 1000;
  return true;
}
