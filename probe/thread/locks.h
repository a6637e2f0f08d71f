/*
 * locks.h - the locks of a target that somebody waits for now or did lately: what they are called, who has
 * them, and how much they were waited for.
 *
 * Between two looks nobody sees what happens, so times are estimates:
 *
 *    look 1        look 2          the same wait in both: somebody waited all the time between
 *      |----wait-----|
 *      |  w  w  w    |             else the share of looks that found a waiter, of the last ten seconds
 *                                  or so, of the time between
 *
 * The share is weighted by time, so that a hundred looks in one bad second do not outweigh the quiet ones
 * after it. A wait for somebody who himself waits for work (accept, epoll_wait: threads that take turns
 * to listen) is no contention and counts nothing.
 *
 * Bounded: at most LOCKS_MOST; one without a waiter for a minute is forgotten.
 */
#ifndef IMPASSE_PROBE_THREAD_LOCKS_H
#define IMPASSE_PROBE_THREAD_LOCKS_H

#include <uthash.h>

#include "probe/thread/roster.h"

enum { LOCKS_MOST = 4096 };

struct lock {
  uint64_t address;
  uint64_t word; /* its futex word that was waited on last */
  uint8_t kind;  /* enum table_kind */
  char *name;    /* NULL: not sought yet */
  unsigned name_tries;
  bool variable_sought;                 /* and found or not */
  uint64_t owner;                       /* key of a thread of the target, 0 unknown or elsewhere */
  bool had_owner;                       /* it was seen with one: certainly a lock */
  uint64_t read_waiters, write_waiters; /* at the last look */
  uint64_t wait_ns, contended_count, max_wait_ns;
  uint64_t looked_ns, waited_ns; /* last look; last one with a waiter */
  double share;                  /* of the looks that found a waiter */
  /* of the look under way */
  bool lasting, idle_owner, touched, looked;
  uint32_t object; /* text in the sweep: what a wait for it is for; 0 not written yet */
  UT_hash_handle hh;
};

struct locks {
  struct lock *by_address; /* uthash */
  uint64_t lost;           /* waits for locks that there was no room for, since last asked */
  bool exact;              /* times are told (locks_told), nothing is estimated */
};

struct lock_times { /* since last told */
  uint64_t some_ns; /* with at least one waiter */
  uint64_t count;   /* waits that ended */
  uint64_t max_ns;  /* the longest ever */
};

/* A look begins: nobody waits yet. */
void locks_begin(struct locks *locks);

/* A thread waits. Returns the lock, NULL where there is no room. */
struct lock *locks_note(struct locks *locks, struct member *member, const struct member *holder);

/* A wait that was seen before has ended, after at least so long. */
void locks_ended(struct locks *locks, uint64_t address, uint64_t waited_ns);

/* What was counted of a lock. */
void locks_told(struct locks *locks, uint64_t address, enum classify_kind kind,
                const struct lock_times *times, uint64_t now_ns);

/* It ends. `partial`: only those were looked at who waited in the last look. */
void locks_end(struct locks *locks, bool partial, uint64_t now_ns);

struct lock *locks_find(const struct locks *locks, uint64_t address); /* NULL: not there */
void locks_done(struct locks *locks);

#endif
