/*
 * phrase.h - builds one sentence or key for people in a buffer of fixed size: names cut to a
 * readable length, rates, counts and durations with two or three significant digits, so that a
 * sentence does not change with every tick.
 *
 * Names stay the bytes that they are: whoever shows them makes them harmless. What does not fit is
 * cut off, never within a UTF-8 character. Allocates nothing.
 */
#ifndef IMPASSE_MODEL_PHRASE_H
#define IMPASSE_MODEL_PHRASE_H

#include <stddef.h>
#include <stdint.h>

#define PHRASE_BYTES 1024
#define PHRASE_NAME_BYTES 64 /* a longer name is cut and ends with ... */

struct phrase {
  char text[PHRASE_BYTES]; /* always NUL-terminated */
  size_t length;
};

void phrase_add(struct phrase *phrase, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* How the key of a finding begins: RULE/TARGET/. */
void phrase_key(struct phrase *phrase, const char *rule, const char *target);
void phrase_name(struct phrase *phrase, const char *name);         /* NULL: ? */
void phrase_count(struct phrase *phrase, int64_t count);           /* 950, 12k, 3.4M */
void phrase_rate(struct phrase *phrase, double per_s);             /* 0.5/s, 1.2k/s */
void phrase_bytes(struct phrase *phrase, int64_t bytes);           /* 640 MiB */
void phrase_duration(struct phrase *phrase, int64_t milliseconds); /* 350 ms, 12 s, 5 min, 3 h */

#endif
