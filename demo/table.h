/*
 * table.h - shared state behind a lock, the way out of one owner that brings contention back.
 *
 * Only the lock is real here: what the table holds does not matter to who watches it.
 */
#ifndef IMPASSE_DEMO_TABLE_H
#define IMPASSE_DEMO_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "demo/actor.h"

struct table;

/* The name must outlive the table. NULL without memory. After the world was made, which starts the
 * library. */
struct table *table_new(const char *name);
void table_free(struct table *table);

void table_read_lock(struct actor *self, struct table *table);
void table_write_lock(struct actor *self, struct table *table);
void table_unlock(struct actor *self, struct table *table);

/* Acquisitions that found it taken, since it was made. Any thread. */
uint64_t table_contended_count(const struct table *table);

#endif
