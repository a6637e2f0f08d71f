/*
 * intern.h - texts by number: the table `text` of the open shard, with a cache before it.
 *
 * The cache is bounded and may be forgotten at any time (intern_forget), as it must be after a
 * rollback. Threads: one at a time.
 */
#ifndef IMPASSE_STORE_INTERN_H
#define IMPASSE_STORE_INTERN_H

#include <stdint.h>

struct intern;
struct sqlite3;

/* For an open shard; done before it is closed. 0 or -errno. */
int intern_new(struct sqlite3 *sql, struct intern **ret_intern);
void intern_free(struct intern *intern);
void intern_forget(struct intern *intern);

/* The number of a text, put into the table where it is new; ENCODE_NULL for NULL. Returns an SQLite
 * result. */
int intern_number(struct intern *intern, const char *text, int64_t *ret_number);

#endif
