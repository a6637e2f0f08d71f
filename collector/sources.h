/* sources.h - the table of sources: everything that can read a target. To add one: one row in
 * sources.c. */
#ifndef IMPASSE_COLLECTOR_SOURCES_H
#define IMPASSE_COLLECTOR_SOURCES_H

#include "probe/source.h"

/* NULL-terminated; a target is read by each of them that recognises it. */
extern const struct source *const sources[];
enum { SOURCES_MAX = 8 };

#endif
