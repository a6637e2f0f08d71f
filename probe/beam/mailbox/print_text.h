/*
 * print_text.h - a bounded piece of text, and the leaves of Erlang terms in it: atoms, strings,
 * binaries, floats, large integers, in the syntax that io_lib gives them.
 *
 * Not here: terms in the memory of a node (print.h). Pure; one thread.
 */
#ifndef IMPASSE_PROBE_BEAM_PRINT_TEXT_H
#define IMPASSE_PROBE_BEAM_PRINT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct print_text {
  char *bytes;
  size_t room, length;
  bool cut; /* something did not fit; whoever adds may stop */
};

void print_text_init(struct print_text *text, char *bytes, size_t room);
/* Puts the NUL, and "..." at the end of what was cut. Returns the length. */
size_t print_text_end(struct print_text *text);

void print_text_add(struct print_text *text, const char *bytes, size_t length);
void print_text_words(struct print_text *text, const char *words); /* NUL-terminated */
void print_text_format(struct print_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* An atom, in quotes where Erlang wants them. Bytes that are no UTF-8 come as \x{..}. */
void print_text_atom(struct print_text *text, const char *bytes, size_t length);

/* UTF-8 between two `quote`s, with escapes. */
void print_text_quoted(struct print_text *text, const char *bytes, size_t length, char quote);

/* Would io_lib show these bytes as text? (Printable ASCII and its white space; not an empty one.) */
bool print_text_printable(const uint8_t *bytes, size_t length);

/* The shortest decimal that reads back as the same number, always with a point. */
void print_text_float(struct print_text *text, double number);

enum { PRINT_BIGNUM_WORDS_MOST = 16 };
/* A large integer from its magnitude, least significant word first; of more than PRINT_BIGNUM_WORDS_MOST
 * words only the size is told. */
void print_text_bignum(struct print_text *text, bool negative, const uint64_t *words,
                       uint64_t count);

#endif
