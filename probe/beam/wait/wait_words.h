/*
 * wait_words.h - what is known of the functions that synchronous calls wait in: what people call such a call, and whether
 * what they wait for is the answer alone. One row a function, in wait_words.c.
 */
#ifndef IMPASSE_PROBE_BEAM_WAIT_WORDS_H
#define IMPASSE_PROBE_BEAM_WAIT_WORDS_H

#include <stdint.h>

#include "probe/beam/atom.h"
#include "probe/beam/code.h"

enum beam_wait_words_flags {
  /* Its receive takes nothing but answers to references in its frame, and it gives up their monitors before it
   * returns. */
  BEAM_WAIT_CALL = 1 << 0,
  /* Called by what people know: the words are those of a caller, if that one is known. */
  BEAM_WAIT_INNER = 1 << 1,
  /* Waits for the references that are keys of a map in its frame: any of them, all of them. */
  BEAM_WAIT_ANY_OF_MAP = 1 << 2,
  BEAM_WAIT_ALL_OF_MAP = 1 << 3,
  /* A message may end it, sent by a timer. */
  BEAM_WAIT_TIMER_MESSAGE = 1 << 4,
  /* Waits for the end of the other process, not for its answer. */
  BEAM_WAIT_JOIN = 1 << 5,
  /* Waits for a word of the process whose pid lies in its frame and that it is linked to; there is no monitor. */
  BEAM_WAIT_LINK = 1 << 6,
};

struct beam_wait_words {
  const char *module, *function;
  int arity;         /* -1: any */
  const char *words; /* "gen_server:call" */
  unsigned flags;
};

/* The row of a function, or NULL. */
const struct beam_wait_words *beam_wait_words_find(struct beam_atoms *atoms,
                                                   const struct beam_mfa *mfa);

/* The same for one that is known by its words. */
const struct beam_wait_words *beam_wait_words_named(const char *module, const char *function,
                                                    uint32_t arity);

#endif
