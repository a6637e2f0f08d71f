/* unreadable.h - what is said of processes that somebody wants and nobody may read: an empty answer must not look like
 * a quiet program. */
#ifndef IMPASSE_COLLECTOR_UNREADABLE_H
#define IMPASSE_COLLECTOR_UNREADABLE_H

#include "collector/options.h"
#include "model/snapshot.h"

#define UNREADABLE_BYTES 512

/* Is this row of `targets` one that the options mean, and unreadable? */
bool unreadable_is(const struct snapshot *s, const struct options *options, uint32_t row);

/* How many there are; `ret_text` gets "NAME cannot be read: REASON" of the first, and how many more; "" where there are
 * none. Bytes of targets: to be made harmless. */
unsigned unreadable_write(const struct snapshot *s, const struct options *options,
                          char ret_text[UNREADABLE_BYTES]);

/* The same on standard error, for who prints rows. Nothing where there are none. */
void unreadable_tell(const struct snapshot *s, const struct options *options);

#endif
