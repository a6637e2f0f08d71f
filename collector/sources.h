/* sources.h - the table of sources: everything that can read a target. To add one: one row in
 * sources.c. */
#ifndef IMPASSE_COLLECTOR_SOURCES_H
#define IMPASSE_COLLECTOR_SOURCES_H

#include "probe/source.h"

/* NULL-terminated; a target is read by each of them that recognises it. */
extern const struct source *const sources[];
enum { SOURCES_MAX = 8 };

/* Has any of them probes to attach (--exact)? */
bool sources_have_probes(void);

/* "no source recognises it: it is no A and does not use B", of all sources. */
void sources_write_none(char *ret_text, size_t room);

#endif
