/*
 * format.h - values as people read them: 12.3k, 4.5M, 1m 05s, and the sparkline of a mailbox.
 *
 * Unknown is "-" and never 0. Not here: cells and styles.
 */
#ifndef IMPASSE_TUI_FORMAT_H
#define IMPASSE_TUI_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/snapshot.h"

/* Long enough for every function here. */
#define FORMAT_SIZE 64

/* All write at most FORMAT_SIZE bytes and return `buffer`. */

/* 0 .. 9999 as they are, then 12.3k, 456k, 7.89M ... */
char *format_count(char buffer[FORMAT_SIZE], int64_t count);
/* A count a second: 0.04, 1.2, 35, 12.3k; with `sign` + and - before it. */
char *format_rate(char buffer[FORMAT_SIZE], double per_s, bool sign);
/* 512B, 12.3K, 4.5M, 1.2G: powers of 1024. */
char *format_bytes(char buffer[FORMAT_SIZE], int64_t bytes);
/* 0.4s, 12.3s, 1m 05s, 2h 03m, 5d 07h. */
char *format_duration(char buffer[FORMAT_SIZE], int64_t ms);
/* The same where only whole seconds are known: 12s. */
char *format_seconds(char buffer[FORMAT_SIZE], int64_t s);
/* 12.3% of a permille value. */
char *format_permille(char buffer[FORMAT_SIZE], int64_t permille);
/* The newest `cells` (16 at most) of an actor's depth_trend as bars of an eighth each; nothing
 * where unknown. */
char *format_trend(char buffer[FORMAT_SIZE], int64_t depth_trend, unsigned cells);
/* `count` (16 at most) values as bars between 0 and the largest of them. */
char *format_bars(char buffer[FORMAT_SIZE], const int64_t *values, unsigned count);

/* Any value of the dictionary, by its column's type and unit; an instant as the time from it to
 * `wall_ms`. Text is given back as it is. */
const char *format_value(char buffer[FORMAT_SIZE], enum relation relation, unsigned column,
                         struct value value, int64_t wall_ms);

/* The value of a cell, in the unit of its row where rows have one of their own: of a pipe bytes. */
const char *format_cell(char buffer[FORMAT_SIZE], const struct snapshot *snapshot,
                        enum relation relation, unsigned column, uint32_t row);

/* The heading of a column: the name, with the suffix of its unit as people write it (growth/s,
 * blocked, cpu%). */
char *format_heading(char buffer[FORMAT_SIZE], const struct column *column);

/* Local time of day of a Unix time in milliseconds, 14:03:22; with the date before it where
 * `date`. */
char *format_clock(char buffer[FORMAT_SIZE], int64_t wall_ms, bool date);

#endif
