/*
 * schema.h - what is in a shard: the tables (ours to change), the views (the promise), made from
 * the dictionary.
 *
 *    tick        one row a snapshot: n (counts up), t_ms, t, mono_ns, number, host, boot
 *    text        every text once: id, s
 *    R_key       one row a life of a row of relation R: _id, _born, _died (first tick without it),
 *                key and identity
 *    R_row       PRIMARY KEY (_tick, _id): what changes. Two kinds of relations:
 *      states    (targets, actors, tables) a row is written when a value changed, and every
 *                SCHEMA_KEYFRAME_TICKS anyway; it holds until the next row of the same _id or
 *                until _died
 *      intervals (waits, call_graph, names, alerts, gaps) a row holds from _tick to _last,
 *                NULL = still open
 *    meta        key, value: versions
 *    R           view: the columns of the dictionary, then t, t_ms, at and, for intervals, last_t
 *
 * Keys grow as rows arrive, so that inserting is appending. A time-bounded question uses the index
 * of tick(t): `WHERE t >= X AND t < Y` is a search, `WHERE at >= '...'` reads everything.
 *
 * Not here: how a value becomes an integer (encode.h), files (shard.h).
 */
#ifndef IMPASSE_STORE_SCHEMA_H
#define IMPASSE_STORE_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "model/dictionary.h"

#define SCHEMA_APPLICATION_ID 0x494d5053 /* "IMPS" */
#define SCHEMA_VERSION 1                 /* PRAGMA user_version: the layout of the tables */
#define SCHEMA_KEYFRAME_TICKS 60

/* The columns behind those of the dictionary, numbered from its column_count on. */
enum schema_time { SCHEMA_T, SCHEMA_T_MS, SCHEMA_AT, SCHEMA_LAST_T };

struct schema_time_column {
  const char *name;
  const char *type;
  const char *help;
};
extern const struct schema_time_column schema_times[];

/* Ready-made questions: views over the relations, the same on a shard, a recording and the live
 * snapshot. */
struct schema_view {
  const char *name;
  const char *select;
  const char *help;
};
extern const struct schema_view schema_views[]; /* ends with name NULL */

/* How a relation is kept, and what a row's t means there; for the manual. */
bool schema_is_interval(enum relation relation);
const char *schema_meaning(enum relation relation);

/* Whether a column is stored once a life, in R_key: its key and identity, and what rarely changes
 * and is asked by. */
bool schema_in_key(enum relation relation, unsigned column);

/* Columns of a relation in SQL: those of the dictionary and the times. */
unsigned schema_column_count(enum relation relation);
const char *schema_column_name(enum relation relation, unsigned column);

/* An instant as the column `at` has it. */
#define SCHEMA_AT_BYTES 32
void schema_at(int64_t wall_ms, char ret_text[SCHEMA_AT_BYTES]);

/* All are made of the dictionary, to be freed by the caller; NULL without memory. */
char *schema_create(void);                        /* everything in a new shard */
char *schema_declaration(enum relation relation); /* CREATE TABLE x(...) for sqlite3_declare_vtab */
char *schema_create_views(void);                  /* the ready-made views as TEMP views */

/* Changes whenever a relation, a column, its type or its place does: shards of another one are read
 * but not added to. */
uint64_t schema_fingerprint(void);

#endif
