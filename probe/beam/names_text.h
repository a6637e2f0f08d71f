/*
 * names_text.h - a block of texts that grows, and a table that finds texts of functions in it.
 * Texts are offsets, 0 is none. Used by names.c alone.
 */
#ifndef IMPASSE_PROBE_BEAM_NAMES_TEXT_H
#define IMPASSE_PROBE_BEAM_NAMES_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct names_text {
  char *bytes;
  size_t used, room;
};

/* 0 for an empty one, and where there is no room left. NUL bytes inside become '?'. */
uint32_t names_text_add(struct names_text *text, const char *bytes, size_t length);
void names_text_done(struct names_text *text);

/* What a function's text is found by: {address, 0, kind}, or {module, function, arity}. */
struct names_key {
  uint64_t words[3];
};

struct names_function {
  struct names_key key;
  uint32_t text; /* may be 0: looked for and unknown */
  bool used, drains;
};

enum { NAMES_FUNCTIONS_MOST = 8192 };

/* Open addressing, bounded: full, it starts again from nothing. */
struct names_functions {
  struct names_function *slots; /* twice NAMES_FUNCTIONS_MOST */
  size_t count;
};

int names_functions_init(struct names_functions *functions);
void names_functions_done(struct names_functions *functions);
void names_functions_forget(struct names_functions *functions);
/* NULL: not known yet. Valid until the next put. */
const struct names_function *names_functions_get(const struct names_functions *functions,
                                                 struct names_key key);
/* Of a key that is not there. */
const struct names_function *names_functions_put(struct names_functions *functions,
                                                 struct names_key key, uint32_t text, bool drains);

#endif
