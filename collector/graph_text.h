/*
 * graph_text.h - the wait-for graph of a snapshot for people: each deadlocked core as its edges,
 * the victims behind, stuck waits, then all others as trees under the actor that holds them up; or
 * as a graph for dot(1).
 */
#ifndef IMPASSE_COLLECTOR_GRAPH_TEXT_H
#define IMPASSE_COLLECTOR_GRAPH_TEXT_H

#include <stdio.h>

#include "model/snapshot.h"

/* Of those who wait for the same actor, and of the edges of a core, at most `siblings_max` have a line, < 0: 12 and
 * 64; the others are counted. 0, -ENOMEM, -EIO. */
int graph_text_print(FILE *out, const struct snapshot *snapshot, int64_t siblings_max);
int graph_text_print_dot(FILE *out, const struct snapshot *snapshot);

#endif
