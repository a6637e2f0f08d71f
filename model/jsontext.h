/*
 * jsontext.h - writes one JSON value into a buffer of fixed size; what does not fit is left out,
 * never cut in half.
 *
 * Strings are untrusted bytes. They come out as valid JSON that is harmless on a terminal too:
 *
 *    bytes                                      written as
 *    " \ and \b \f \n \r \t                     their two-character escapes
 *    control characters (C0, DEL, C1)           \u001b
 *    line separators, bidirectional controls    \u202e
 *    a byte that is not valid UTF-8             \\xNN (decoded: a backslash, an x, two hex digits)
 *    everything else                            as it is
 *
 * Room for the closing brackets is kept back, so the text is well-formed at any time after
 * jsontext_end. A value that does not fit is dropped whole with its key and marks the writer full;
 * jsontext_mark and jsontext_end_or_rewind let a list drop the half-written element it failed in.
 *
 * Not here: parsing (jansson, whose names begin with json_: these must not). Allocates nothing; one
 * thread per writer.
 */
#ifndef IMPASSE_MODEL_JSONTEXT_H
#define IMPASSE_MODEL_JSONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSONTEXT_DEPTH_MAX 15

struct jsontext {
  char *out;
  size_t room;   /* bytes of out, the NUL included */
  size_t length; /* bytes written, without the NUL */
  unsigned depth;
  bool full; /* something did not fit */
  bool comma[JSONTEXT_DEPTH_MAX + 1];
  char closer[JSONTEXT_DEPTH_MAX + 1];
};

struct jsontext_mark {
  size_t length;
  unsigned depth;
  bool comma;
};

/* Begins to write into out, which needs room for at least "{}" and the NUL (asserted). */
void jsontext_init(struct jsontext *json, char *out, size_t room);

/* Values. `key` is NULL in an array and at the top; keys are written like strings. */
void jsontext_object(struct jsontext *json, const char *key);
void jsontext_array(struct jsontext *json, const char *key);
void jsontext_end(struct jsontext *json); /* closes the innermost one that is open; always fits */
void jsontext_text(struct jsontext *json, const char *key, const char *text); /* NULL is null */
void jsontext_int(struct jsontext *json, const char *key,
                  int64_t value); /* VALUE_UNKNOWN is null */
void jsontext_real(struct jsontext *json, const char *key,
                   double value); /* NaN and infinities are null */
void jsontext_bool(struct jsontext *json, const char *key, bool value);

/* Where writing stands. */
struct jsontext_mark jsontext_mark(const struct jsontext *json);

/* Ends an element of a list that was begun at `mark`. False where it did not fit: then nothing of
 * it is there, and the list is to be ended. */
bool jsontext_end_or_rewind(struct jsontext *json, struct jsontext_mark mark);

#endif
