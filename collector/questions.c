/* questions.c - see questions.h. */
#include "collector/questions.h"

#include <string.h>

static const struct question questions[] = {
    {"messages", FEED_MESSAGES, QUESTION_OF_ACTOR,
     "its mailbox by shape, the oldest first; reads memory only",
     "messages are read of Erlang processes only; a thread has no mailbox: ask for its stack"},
    {"senders", FEED_SENDERS, QUESTION_OF_ACTOR,
     "who fills its mailbox; probes count for 300 ms at most",
     "who sends is counted of Erlang processes and hooked actors only"},
    {"exits", FEED_EXITS, QUESTION_OF_TARGET,
     "why actors of a process end; probes count for a second",
     "why actors end is told of Erlang nodes only, not of threads"},
    {"locks", FEED_LOCKS, QUESTION_OF_TARGET,
     "who waits for locks of a process; probes time for a second",
     "waits for locks are timed of threads and of Erlang nodes only"},
    {"stack", FEED_STACK, QUESTION_OF_EITHER,
     "where blocked threads stand, of one or of a whole process; reads memory only",
     "stacks are read of threads only; where an Erlang process waits is its column function"},
};

const struct question *question_by_name(const char *name)
{
  for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
    if (strcmp(questions[i].name, name) == 0)
      return &questions[i];
  return NULL;
}

const char *question_refused(enum feed_question question)
{
  for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
    if (questions[i].question == question)
      return questions[i].refused;
  return NULL;
}

void questions_list(FILE *out)
{
  static const char *const who[] = {" ACTOR", "", " [ACTOR]"}; /* by scope */

  for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
    char left[32];

    if (!questions[i].help)
      continue;
    (void)snprintf(left, sizeof left, "%s%s", questions[i].name, who[questions[i].scope]);
    (void)fprintf(out, "  %-15s %s\n", left, questions[i].help);
  }
}
