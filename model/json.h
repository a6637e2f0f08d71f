/*
 * json.h - writes one JSON value into a buffer of fixed size; what does not fit is left out, never
 * cut in half.
 *
 * Strings are untrusted bytes. They come out as valid JSON that is harmless on a terminal too:
 *
 *    bytes                                      written as
 *    " \ and \b \f \n \r \t                     their two-character escapes
 *    control characters (C0, DEL, C1)           \u001b
 *    line separators, bidirectional controls    \u202e
 *    a byte that is not valid UTF-8             \\xNN (decoded: a backslash, an x, two hexadecimal
 * digits) everything else                            as it is
 *
 * Room for the closing brackets is kept back, so the text is well-formed at any time after
 * json_end. A value that does not fit is dropped whole with its key and marks the writer full;
 * json_mark and json_rewind let a list drop the half-written element it failed in.
 *
 * Not here: parsing. Allocates nothing; one thread per writer.
 */
#ifndef IMPASSE_MODEL_JSON_H
#define IMPASSE_MODEL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 15

struct json {
  char *out;
  size_t room;   /* bytes of out, the NUL included */
  size_t length; /* bytes written, without the NUL */
  unsigned depth;
  bool full; /* something did not fit */
  bool comma[JSON_DEPTH_MAX + 1];
  char closer[JSON_DEPTH_MAX + 1];
};

struct json_mark {
  size_t length;
  unsigned depth;
  bool comma;
};

/* Begins to write into out, which needs room for at least "{}" and the NUL (asserted). */
void json_init(struct json *json, char *out, size_t room);

/* Values. `key` is NULL in an array and at the top; keys are written like strings. */
void json_object(struct json *json, const char *key);
void json_array(struct json *json, const char *key);
void json_end(
    struct json *json); /* closes the innermost object or array that was begun; always fits */
void json_text(struct json *json, const char *key, const char *text); /* NULL is null */
void json_int(struct json *json, const char *key, int64_t value);     /* VALUE_UNKNOWN is null */
void json_real(struct json *json, const char *key, double value); /* NaN and infinities are null */
void json_bool(struct json *json, const char *key, bool value);

/* Where writing stands, and back to it: also takes back `full`. */
struct json_mark json_mark(const struct json *json);
void json_rewind(struct json *json, struct json_mark mark);

#endif
