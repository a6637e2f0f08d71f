/* inquiry.c - see inquiry.h. */
#include "tui/inquiry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct inquiry_kind kinds[] = {
    {COMMAND_MESSAGES, FEED_MESSAGES, "Mailbox", "reading the mailbox", false},
    {COMMAND_SENDERS, FEED_SENDERS, "Who sends to it", "a probe counts sends for 300 ms at most",
     false},
    {COMMAND_LOCKS, FEED_LOCKS, "Who waits for locks in this process",
     "a probe times locks for a second at most", true},
    {COMMAND_EXITS, FEED_EXITS, "Why actors of this process end",
     "a probe sees exits for a second at most", true},
    {COMMAND_STACK, FEED_STACK, "Stack", "reading the stack", false},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

const struct inquiry_kind *inquiry_kind_of_command(enum command command)
{
  for (size_t i = 0; i < KINDS; i++)
    if (kinds[i].command == command)
      return &kinds[i];
  return NULL;
}

const struct inquiry_kind *inquiry_kind(const struct inquiry *inquiry)
{
  for (size_t i = 0; i < KINDS; i++)
    if (kinds[i].question == inquiry->question)
      return &kinds[i];
  return NULL;
}

bool inquiry_is_of(const struct inquiry *inquiry, int64_t target_key, int64_t actor)
{
  return inquiry->state != INQUIRY_NONE && inquiry->target_key == target_key &&
         inquiry->actor == actor;
}

void inquiry_wish(struct inquiry *inquiry, enum command command, int64_t target_key, int64_t actor)
{
  const struct inquiry_kind *kind = inquiry_kind_of_command(command);

  if (!kind || (inquiry_is_of(inquiry, target_key, actor) && inquiry->question == kind->question &&
                inquiry->state != INQUIRY_ANSWERED))
    return;
  free(inquiry->text);
  inquiry->text = NULL;
  inquiry->state = INQUIRY_WISHED;
  inquiry->question = kind->question;
  inquiry->target_key = target_key;
  inquiry->actor = actor;
}

bool inquiry_take(struct inquiry *inquiry, enum feed_question *ret_question,
                  int64_t *ret_target_key, int64_t *ret_actor)
{
  if (inquiry->state != INQUIRY_WISHED)
    return false;
  inquiry->state = INQUIRY_ASKED;
  inquiry->taken++;
  *ret_question = inquiry->question;
  *ret_target_key = inquiry->target_key;
  *ret_actor = inquiry_kind(inquiry)->of_target ? 0 : inquiry->actor;
  return true;
}

void inquiry_answer(struct inquiry *inquiry, int error, const char *text, uint64_t now_ns)
{
  if (inquiry->answered == inquiry->taken)
    return;
  inquiry->answered++;
  if (inquiry->state != INQUIRY_ASKED || inquiry->answered < inquiry->taken)
    return; /* of a question that another one has replaced */
  inquiry->text = text ? strdup(text) : NULL;
  inquiry->error = text && !inquiry->text ? -ENOMEM : error;
  inquiry->answered_ns = now_ns;
  inquiry->state = INQUIRY_ANSWERED;
}

void inquiry_done(struct inquiry *inquiry)
{
  free(inquiry->text);
  *inquiry = (struct inquiry){.state = INQUIRY_NONE};
}
