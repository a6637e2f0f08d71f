/*
 * discovery.h - which processes to look at, and when: a schedule over process ids.
 *
 *    new pid --> at once --> after 1 s --> after 10 s --> after 60 s --> in slices, by allowance
 *
 * A tick lists the names of /proc and nothing else; where that alone costs more than the allowance (2 us a name: beyond a
 * thousand processes) not each tick does. A process that links the hook library a while
 * after it started is found by the later looks. A pid whose start time changed between two looks is
 * another process and starts anew. A watched process is not looked at until it is given back.
 *
 * Slices are paid from an allowance of 0.2 % of a core; looks at new processes are not, for they
 * are few. Pure: listing, looking and time come from outside. Not thread-safe.
 */
#ifndef IMPASSE_COLLECTOR_DISCOVERY_H
#define IMPASSE_COLLECTOR_DISCOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct discovery;

struct discovery *discovery_new(void); /* NULL without memory */
void discovery_free(struct discovery *discovery);

/* All pids now, ascending. Forgets those that are gone. 0 or -ENOMEM (then nothing changed). */
int discovery_list(struct discovery *discovery, const pid_t *pids, size_t count, uint64_t now_ns);

/* Begins another round of looks where nobody was listed anew. */
void discovery_turn(struct discovery *discovery, uint64_t now_ns);

/* The next pid to look at now, or 0 when there is none; each is given once until it has been
 * reported back. */
pid_t discovery_next(struct discovery *discovery, uint64_t now_ns);

/* What the look found: who it was (start ticks, 0 unknown), whether it is watched from now on, and
 * what the look cost in processor time. */
void discovery_looked(struct discovery *discovery, pid_t pid, uint64_t start_ticks, bool watched,
                      uint64_t cost_ns, uint64_t now_ns);

/* A watched process is watched no more though it lives (exec, the source gave up): looks begin
 * anew. */
void discovery_again(struct discovery *discovery, pid_t pid, uint64_t now_ns);

/* It was watched until its name was known, which is not one of those that are wanted. The name may
 * change: looks go on as if it had never been watched, but seldom once it is old. */
void discovery_unwanted(struct discovery *discovery, pid_t pid, uint64_t now_ns);

#endif
