/*
 * inquiry.h - a question about one actor that only its source can answer, on its way from a key to
 * the text on the screen.
 *
 *    NONE --a pane wishes--> WISHED --the program takes it to a feed--> ASKED --> ANSWERED
 *
 * There is one at a time: a newer wish replaces it, and the answer to the older one is dropped when
 * it comes. Answers come in the order in which questions were taken (model/feed.h says so), so none
 * needs a number.
 *
 * Pure but for the copy of the text. Not here: who asks the feed (the program, through tui.h) and
 * how the answer looks (pane_detail.c).
 */
#ifndef IMPASSE_TUI_INQUIRY_H
#define IMPASSE_TUI_INQUIRY_H

#include <stdbool.h>
#include <stdint.h>

#include "model/feed.h"
#include "tui/keys.h"

enum inquiry_state { INQUIRY_NONE, INQUIRY_WISHED, INQUIRY_ASKED, INQUIRY_ANSWERED };

struct inquiry {
  enum inquiry_state state;
  enum feed_question question;
  int64_t target_key, actor; /* in whose detail it was put */
  int error;                 /* of the answer: 0 or -errno */
  char *text;                /* the answer, bytes of the target; NULL = none */
  uint64_t answered_ns;      /* CLOCK_MONOTONIC */
  uint64_t taken, answered;  /* questions so far */
};

/* What a key asks. */
struct inquiry_kind {
  enum command command;
  enum feed_question question;
  const char *title; /* over the answer */
  const char *note;  /* what asking takes, shown meanwhile */
  bool of_target;    /* of all actors of the target */
};
const struct inquiry_kind *inquiry_kind_of_command(enum command command); /* NULL: asks nothing */
const struct inquiry_kind *inquiry_kind(const struct inquiry *inquiry);

/* Nothing where the same question is on its way already. */
void inquiry_wish(struct inquiry *inquiry, enum command command, int64_t target_key, int64_t actor);

/* Once for each wish: true with what to ask a feed; `ret_actor` is 0 where it is of the whole
 * target. */
bool inquiry_take(struct inquiry *inquiry, enum feed_question *ret_question,
                  int64_t *ret_target_key, int64_t *ret_actor);

/* The answer to the oldest question taken that has none; `text` may be NULL. */
void inquiry_answer(struct inquiry *inquiry, int error, const char *text, uint64_t now_ns);

/* Is it about this actor, and not NONE? */
bool inquiry_is_of(const struct inquiry *inquiry, int64_t target_key, int64_t actor);

void inquiry_done(struct inquiry *inquiry);

#endif
