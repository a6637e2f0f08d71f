/*
 * tick_part.h - the rows of a part, laid over those of the last full sweep: known ones are replaced,
 * younger ones inserted, those that it tells gone removed; all others stay. Private to tick*.c; the
 * waits of a part are merged as those of a wait round are (tick_memory.c).
 */
#ifndef IMPASSE_MODEL_TICK_PART_H
#define IMPASSE_MODEL_TICK_PART_H

#include "model/names.h"
#include "model/tick_memory.h"

/* Room for all that the part may add. 0 or -ENOMEM; nothing that is known changes. */
int tick_part_reserve(struct tick_feed *feed, const struct sweep *part);

/* Lays actors and tables over the feed's, with their rates; cannot fail after tick_part_reserve.
 * Registered names that moved are told to `names`. */
void tick_part_overlay(struct tick_feed *feed, const struct sweep *part, struct names *names);

/* A word of a round or a part in the text of the feed's sweep; the word `before`, which stood in its
 * place, is used again where it is the same. 0 where the text has grown too long. */
uint32_t tick_part_word(struct sweep *sweep, uint32_t before, const struct sweep *part,
                        uint32_t word);

#endif
