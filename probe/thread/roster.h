/*
 * roster.h - the threads of a target as they were read last, and what is known of their waits beyond one
 * read: since when, whether it is the wait of the read before, who holds it up.
 *
 * Not here: reading them (route.h), finding holders (edges.c).
 */
#ifndef IMPASSE_PROBE_THREAD_ROSTER_H
#define IMPASSE_PROBE_THREAD_ROSTER_H

#include "probe/thread/classify/classify.h"
#include "probe/thread/thread.h"

enum edge {
  EDGE_NONE,    /* it waits for no lock */
  EDGE_HELD,    /* holder_target and holder have it */
  EDGE_UNKNOWN, /* somebody has it whom nobody can name: readers, between two owners, elsewhere */
  EDGE_ORPHAN,  /* whoever had it is no more, and nobody will ever give it back */
};

struct member {
  struct thread_state state;
  struct classify_verdict verdict;
  enum edge edge;
  uint64_t holder_target; /* TARGET_KEY; 0 the target itself */
  uint64_t holder;        /* key of a thread */
  uint64_t seen_ns;       /* read last */
  uint64_t since_ns;      /* of the wait: when it began where that is known, else first seen */
  bool lasting;           /* the same wait, with the same holder, was there in the read before */
  bool gone;              /* in a round: it is no more */
  bool counted;           /* its wait is counted among those of its lock */
  char *site; /* function that asked for the lock; NULL not known, or not asked for yet */
  bool site_sought;
};

struct roster {
  struct member *list; /* ascending by tid */
  size_t count;
  struct roster_inside { /* ascending */
    uint32_t tid;        /* as the target numbers it */
    uint32_t index;      /* in list */
  } * inside;
  /* Waits of the read before that were over in this one; those that there was no room for are left out. */
  struct roster_ended {
    uint64_t lock, waited_ns; /* at least so long */
  } * ended;
  size_t ended_count, ended_room;
};

/* Takes over a read of all threads; memory of those that are in the list as before is kept. -ENOMEM leaves
 * the roster as it was. `now_ns`: before the read began. */
int roster_take_all(struct roster *roster, const struct thread_state *list, size_t count,
                    uint64_t now_ns);

/* Takes over a read of some: those of `indices` that are not in the list are marked as gone. */
void roster_take_some(struct roster *roster, const uint32_t *indices, size_t index_count,
                      const struct thread_state *list, size_t count, uint64_t now_ns);

void roster_done(struct roster *roster);

/* By the number that the target gives it; NULL: no thread of it. */
const struct member *roster_inside(const struct roster *roster, uint32_t tid);

/* What a thread waits for, by who lives in the roster. */
void roster_classify(const struct roster *roster, const struct thread_state *thread,
                     struct classify_verdict *ret_verdict);

/* Waits for a lock or for the end of a thread. */
bool member_waits(const struct member *member);

#endif
