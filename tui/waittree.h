/*
 * waittree.h - the relation `waits` as lines of a drawing: rings of deadlocked actors, and trees
 * under those who hold others up without waiting themselves.
 *
 *    deadlock: 2 in a ring             LINE_CORE
 *    ,> orders     call -> billing     LINE_MEMBER, in the order of the ring
 *    |    `- web#1 call -> orders      LINE_WAITER: a victim behind the member
 *    `- billing    call -> orders      LINE_MEMBER
 *    db_owner      1000 behind         LINE_ROOT
 *    |- caller#1   call                LINE_WAITER
 *    `- 997 more                       LINE_MORE
 *
 * Rings first, then what nobody will ever end, then roots by how many are behind them. A waiter
 * with several holders is listed under each and expanded once. Linear in the waits, but for the
 * order of the roots and of the siblings.
 *
 * Pure. Not here: how a line looks (waitline.h).
 */
#ifndef IMPASSE_TUI_WAITTREE_H
#define IMPASSE_TUI_WAITTREE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"

enum waittree_kind { LINE_CORE, LINE_MEMBER, LINE_ROOT, LINE_WAITER, LINE_MORE };

#define WAITTREE_NO_ROW UINT32_MAX
#define WAITTREE_DEPTH_MAX 24 /* deeper chains go on in the same column */

struct waittree_line {
  uint8_t kind;
  uint8_t depth;    /* levels of indentation; 0 for cores, members and roots */
  bool first, last; /* among its siblings; of the ring for a member */
  bool again;       /* is expanded elsewhere */
  bool in_ring;     /* the ring's line passes on its left */
  uint32_t rails;   /* bit d: the level d of its ancestors has more siblings below */
  uint32_t wait;    /* row of `waits`: its own (members, waiters), one of those behind (roots) */
  uint32_t count; /* LINE_CORE: members; LINE_ROOT: waiters directly behind; LINE_MORE: left out */
  uint32_t victims;          /* LINE_CORE: those who are stuck behind it, as far as is known */
  int64_t target_key, actor; /* VALUE_UNKNOWN where it is no single known actor */
};

struct waittree {
  struct waittree_line *lines;
  uint32_t count;
  uint32_t room;
  uint32_t rings; /* deadlocked cores, timed ones apart */
  uint32_t timed;
  uint32_t waiters; /* actors that wait */
};

struct waittree_limits {
  uint32_t lines;    /* stop after so many; 0 = no limit */
  uint32_t siblings; /* waiters listed under one holder; 0 = all */
  uint32_t members;  /* of a ring listed; of a larger one the first and the last; 0 = all */
  bool bare_rings;   /* who waits for a ring is counted but not listed */
  const char *word;  /* only rings and roots in whose lines a name contains it; NULL = all */
};

/* Fills a tree (zeroed before its first use). -ENOMEM leaves it empty. */
int waittree_make(struct waittree *tree, const struct snapshot *snapshot,
                  struct waittree_limits limits);
void waittree_done(struct waittree *tree);

#endif
