/* jsontext.c - see jsontext.h. Every write goes through put(), which alone decides whether
 * something fits. */
#include "model/jsontext.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/dictionary.h"
#include "model/utf8.h"

/* Each open level needs one byte to close it, and the text its NUL. */
static bool put(struct jsontext *json, const char *bytes, size_t length)
{
  if (json->full)
    return false;
  if (length + json->depth + 1 > json->room - json->length) {
    json->full = true;
    return false;
  }
  memcpy(json->out + json->length, bytes, length);
  json->length += length;
  json->out[json->length] = '\0';
  return true;
}

void jsontext_init(struct jsontext *json, char *out, size_t room)
{
  assert(room >= 3);
  *json = (struct jsontext){.out = out, .room = room};
  out[0] = '\0';
}

/* True where a code point is valid but could move or recolour what a terminal shows around it. */
static bool code_is_hazard(uint32_t code)
{
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
         (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

static bool put_escaped(struct jsontext *json, uint32_t code)
{
  /* pairs: the character, what follows the backslash */
  static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";
  char escape[8];

  for (size_t i = 0; i + 1 < sizeof(letters); i += 2)
    if (code == (uint32_t)letters[i])
      return put(json, (char[]){'\\', letters[i + 1]}, 2);
  (void)snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)code & 0xffff);
  return put(json, escape, 6);
}

static void put_string(struct jsontext *json, const char *text)
{
  size_t left = strlen(text);

  if (!put(json, "\"", 1))
    return;
  while (left > 0) {
    uint32_t code = 0;
    size_t n = utf8_decode(text, left, &code);

    if (n == 0) {
      char escape[8];

      (void)snprintf(escape, sizeof(escape), "\\\\x%02x", (unsigned)(unsigned char)*text);
      n = 1;
      (void)put(json, escape, 5); /* a failure is kept in json->full */
    } else if (code == '"' || code == '\\' || code_is_hazard(code)) {
      (void)put_escaped(json, code);
    } else {
      (void)put(json, text, n);
    }
    text += n;
    left -= n;
  }
  (void)put(json, "\"", 1);
}

static void put_key(struct jsontext *json, const char *key)
{
  if (json->comma[json->depth])
    (void)put(json, ",", 1);
  if (key) {
    put_string(json, key);
    (void)put(json, ":", 1);
  }
}

struct jsontext_mark jsontext_mark(const struct jsontext *json)
{
  return (struct jsontext_mark){json->length, json->depth, json->comma[json->depth]};
}

/* Back to where writing stood; nothing is full any more. */
static void rewind_to(struct jsontext *json, struct jsontext_mark mark)
{
  json->length = mark.length;
  json->depth = mark.depth;
  json->comma[mark.depth] = mark.comma;
  json->out[mark.length] = '\0';
  json->full = false;
}

/* Keeps what was written since `mark` if it fitted, else drops all of it and stays full. */
static void settle(struct jsontext *json, struct jsontext_mark mark)
{
  if (json->full) {
    rewind_to(json, mark);
    json->full = true;
  } else {
    json->comma[json->depth] = true;
  }
}

static void value(struct jsontext *json, const char *key, const char *bytes)
{
  struct jsontext_mark mark = jsontext_mark(json);

  put_key(json, key);
  (void)put(json, bytes, strlen(bytes));
  settle(json, mark);
}

/* An object or array that does not fit is still counted as a level, so that jsontext_end stays in
 * balance: its closer is NUL, and being full keeps everything inside it out. */
static void level(struct jsontext *json, const char *key, const char *opener, char closer)
{
  struct jsontext_mark mark = jsontext_mark(json);

  assert(json->depth < JSONTEXT_DEPTH_MAX);
  put_key(json, key);
  if (json->room - json->length < json->depth + 3)
    json->full = true; /* the opener and its closer come together or not at all */
  (void)put(json, opener, 1);
  settle(json, mark);
  json->depth++;
  json->comma[json->depth] = false;
  json->closer[json->depth] = json->full ? '\0' : closer;
}

void jsontext_object(struct jsontext *json, const char *key)
{
  level(json, key, "{", '}');
}

void jsontext_array(struct jsontext *json, const char *key)
{
  level(json, key, "[", ']');
}

void jsontext_end(struct jsontext *json)
{
  assert(json->depth > 0);
  char closer = json->closer[json->depth--];

  if (closer == '\0')
    return;
  json->out[json->length++] = closer;
  json->out[json->length] = '\0';
}

void jsontext_text(struct jsontext *json, const char *key, const char *text)
{
  struct jsontext_mark mark = jsontext_mark(json);

  if (!text) {
    value(json, key, "null");
    return;
  }
  put_key(json, key);
  put_string(json, text);
  settle(json, mark);
}

void jsontext_int(struct jsontext *json, const char *key, int64_t number)
{
  char digits[24] = "null";

  if (number != VALUE_UNKNOWN)
    (void)snprintf(digits, sizeof(digits), "%lld", (long long)number);
  value(json, key, digits);
}

void jsontext_real(struct jsontext *json, const char *key, double number)
{
  char digits[32] = "null";

  if (isfinite(number))
    (void)snprintf(digits, sizeof(digits), "%.6g", number);
  value(json, key, digits);
}

void jsontext_bool(struct jsontext *json, const char *key, bool truth)
{
  value(json, key, truth ? "true" : "false");
}

bool jsontext_end_or_rewind(struct jsontext *json, struct jsontext_mark mark)
{
  jsontext_end(json);
  if (!json->full)
    return true;
  rewind_to(json, mark);
  return false;
}
