/* manual.h - the part of impasse-sql(5) that comes from the dictionary: relations, columns, types,
 * units, meaning of the times, ready-made views. Not here: the hand-written part of the page
 * (man/). */
#ifndef IMPASSE_STORE_MANUAL_H
#define IMPASSE_STORE_MANUAL_H

#include <stdio.h>

/* Writes mdoc sections (.Sh RELATIONS ... ) to `out`. 0 or -errno. */
int manual_sql_write(FILE *out);

#endif
