/*
 * ranking.h - which rows of a relation come first, without sorting all of them.
 *
 * A screen shows fifty rows of perhaps a million. A ranking holds the accepted rows in no order and
 * one 64-bit sort key for each; ranking_window() brings just the rows of a window into place by
 * selection (Hoare, Algorithm 65, CACM 4(7), 1961), which is linear, and sorts that window alone.
 * ranking_top() keeps the best n by a score.
 *
 * The order is total: unknown values last, equal values by their text and then by the row's key.
 * Pure.
 */
#ifndef IMPASSE_TUI_RANKING_H
#define IMPASSE_TUI_RANKING_H

#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"

typedef int64_t ranking_score_fn(const struct snapshot *snapshot, uint32_t row);

struct ranking_order {
  enum relation relation;
  unsigned column;
  bool descending;
  ranking_score_fn *score; /* instead of the column's values; NULL = the column */
};

struct ranking {
  const struct snapshot *snapshot; /* lent */
  struct ranking_order by;
  uint32_t count; /* accepted rows */
  uint32_t *rows;
  uint32_t ready_first, ready_end; /* places that are in order already */
  uint32_t prefix;                 /* of the texts, that all have in common */
  uint64_t *keys;                  /* by row number of the snapshot */
  uint32_t room;                   /* of both */
};

typedef bool ranking_accept_fn(void *context, const struct snapshot *snapshot, uint32_t row);

/* Fills a ranking (zeroed before its first use) with the rows that `accept` takes; NULL takes
 * all. The snapshot must outlive its use. -ENOMEM leaves it empty. */
int ranking_make(struct ranking *ranking, const struct snapshot *snapshot, struct ranking_order by,
                 ranking_accept_fn *accept, void *context);
void ranking_done(struct ranking *ranking);

/* Whether row a stands before row b. */
bool ranking_before(const struct ranking *ranking, uint32_t a, uint32_t b);

/* From here on rows[first .. first + count) are the rows of these places. */
void ranking_window(struct ranking *ranking, uint32_t first, uint32_t count);

/* How many accepted rows stand before this row. */
uint32_t ranking_place(const struct ranking *ranking, uint32_t row);

/* The best `room` rows (RANKING_TOP_MAX at most) by score, best first, equal ones in the order
 * of rows; rows with a score of 0 or less are left out. Returns how many. */
#define RANKING_TOP_MAX 128u
uint32_t ranking_top(const struct snapshot *snapshot, enum relation relation,
                     ranking_score_fn *score, uint32_t *ret_rows, uint32_t room);

#endif
