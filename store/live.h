/*
 * live.h - SQL over one snapshot: the dictionary's relations as read-only tables of a private
 * in-memory connection.
 *
 * Every column is there, hidden ones too, and t, t_ms, at (and last_t where history has it) as in a
 * recording, so that one query serves both. Equality on target_key and on (target_key, key) is
 * found by binary search.
 *
 * Threads: one at a time. A statement sees one snapshot from its beginning to its end.
 */
#ifndef IMPASSE_STORE_LIVE_H
#define IMPASSE_STORE_LIVE_H

#include "model/snapshot.h"

struct live;
struct sqlite3;

/* Without a snapshot all relations are empty. 0 or -ENOMEM. */
int live_new(struct live **ret_live);
void live_free(struct live *live);

/* From now on queries see this one; takes a reference of its own. NULL empties the relations. Not
 * from within a sink. */
void live_show(struct live *live, const struct snapshot *snapshot);

/* The handle for query.h; it lives as long as `live`. */
struct sqlite3 *live_sql(struct live *live);

#endif
