/*
 * utf8.h - one strict step of UTF-8, for those who must cut or escape untrusted text. Not here:
 * width of characters.
 */
#ifndef IMPASSE_MODEL_UTF8_H
#define IMPASSE_MODEL_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Decodes the code point at the head of `left` bytes and returns how many it takes (1..4), or 0
 * where they are not valid UTF-8 (RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF,
 * nothing cut off). */
size_t utf8_decode(const char *bytes, size_t left, uint32_t *ret_code);

/* The longest prefix of `text`, at most `room` bytes, that does not end within a character. */
size_t utf8_prefix(const char *text, size_t room);

#endif
