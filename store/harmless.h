/*
 * harmless.h - untrusted bytes as text that may be shown: valid UTF-8 without anything that a
 * terminal obeys.
 *
 * A byte that is not valid UTF-8, a control character (C0, DEL, C1), a line separator and a
 * bidirectional control each become one '?'. Not here: escapes of a format (format.c,
 * model/jsontext.h).
 */
#ifndef IMPASSE_STORE_HARMLESS_H
#define IMPASSE_STORE_HARMLESS_H

#include <stdbool.h>
#include <stddef.h>

/* A copy made harmless, to be freed by the caller; NULL without memory. With `utf8` false all but
 * ASCII becomes '?'. *ret_width, where not NULL: columns on a terminal, as the locale has them. */
char *harmless_text(const char *bytes, size_t length, bool utf8, unsigned *ret_width);

/* The same in place for an error message: only ASCII stays. */
void harmless_message(char *text);

/* Whether the locale of the program is a UTF-8 one. */
bool harmless_locale_is_utf8(void);

#endif
