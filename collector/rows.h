/* rows.h - what `show` and `query` print from: the snapshot of now, of an instant of the past, or a
 * recording. */
#ifndef IMPASSE_COLLECTOR_ROWS_H
#define IMPASSE_COLLECTOR_ROWS_H

#include <stdbool.h>

#include "collector/options.h"
#include "store/live.h"
#include "store/query.h"
#include "store/recording.h"

struct rows {
  struct snapshot *snapshot; /* NULL: history */
  struct live *live;
  struct recording *recording;
  struct sqlite3 *sql;
};

/* --crash-dump: what is in that file. --at: that instant. --since, --until: history. --db alone: history where `whole_db`, else its
 * newest instant. Otherwise now. 0 or -errno with the complaint; rows_close in any case. */
int rows_open(struct rows *rows, const struct options *options, bool whole_db,
              struct complaint *complaint);
void rows_close(struct rows *rows);

/* Prints the rows of one SELECT, or those that `show` describes, to standard output. An exit
 * code. */
int rows_print_query(struct rows *rows, const struct options *options, const char *sql,
                     struct complaint *complaint);
int rows_print_show(struct rows *rows, const struct options *options, const struct query_show *show,
                    struct complaint *complaint);

#endif
