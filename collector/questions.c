/* questions.c - see questions.h. */
#include "collector/questions.h"

#include <string.h>

static const struct question questions[] = {
    {"messages", FEED_MESSAGES, false, "its mailbox by shape, the oldest first; reads memory only"},
    {"senders", FEED_SENDERS, false, "who fills its mailbox; probes count for 300 ms at most"},
    {"exits", FEED_EXITS, true, "why actors of a process end; probes count for a second"},
    {"locks", FEED_LOCKS, true, "who waits for locks of a process; probes time for a second"},
    {"stack", FEED_STACK, false, NULL},
};

const struct question *question_by_name(const char *name)
{
  for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
    if (strcmp(questions[i].name, name) == 0)
      return &questions[i];
  return NULL;
}

void questions_list(FILE *out)
{
  for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
    char left[32];

    if (!questions[i].help)
      continue;
    (void)snprintf(left, sizeof left, "%s%s", questions[i].name,
                   questions[i].of_target ? "" : " ACTOR");
    (void)fprintf(out, "  %-15s %s\n", left, questions[i].help);
  }
}
