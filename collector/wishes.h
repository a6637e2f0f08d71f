/*
 * wishes.h - what --target COMMAND means where a process is not called by its command.
 *
 * An Erlang node is called rabbit@host, its program beam.smp. Rows have the name only, so the processes that run a command
 * now are added to the wishes by their pids; one that starts later is read as well, but its rows are known by its name alone.
 */
#ifndef IMPASSE_COLLECTOR_WISHES_H
#define IMPASSE_COLLECTOR_WISHES_H

#include "collector/options.h"

/* Adds pids behind options->targets, as far as there is room. Nothing where the options speak of the past. */
void wishes_expand(struct options *options);

/* Is the wish the number of a process that is there? It will have a row, be it that of an unreadable one, once it has been
 * looked at. */
bool wishes_is_there(const char *wish);

/* Why nothing is known of a target that was wished for, in words with what to do. */
void wishes_explain_missing(const char *wish, char *ret_text, size_t room);

#endif
