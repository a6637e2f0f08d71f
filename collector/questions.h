/* questions.h - what can be asked of a source on demand (model/feed.h), as `impasse show` calls it. One row adds one; help
 * and manual come from the rows. */
#ifndef IMPASSE_COLLECTOR_QUESTIONS_H
#define IMPASSE_COLLECTOR_QUESTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "model/feed.h"

enum question_scope {
  QUESTION_OF_ACTOR,
  QUESTION_OF_TARGET, /* of all actors of a process */
  QUESTION_OF_EITHER, /* of one where it is named, else of all of a process */
};

struct question {
  const char *name;
  enum feed_question question;
  enum question_scope scope;
  const char *help;    /* NULL: no source of this version can tell, so it is not listed */
  const char *refused; /* what is said where no source of the process can tell */
};

/* NULL where there is none of that name. */
const struct question *question_by_name(const char *name);

const char *question_refused(enum feed_question question);

/* Ends the help of `show`. */
void questions_list(FILE *out);

#endif
