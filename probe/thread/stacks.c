/*
 * stacks.c - see stacks.h. The threads are read again when asked: what the last sweep saw may have gone on since.
 * Not here: frames and their names (stack/).
 */
#include "probe/thread/stacks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Bits of a thread's key below its start; see thread_key(). */
#define TID_MASK UINT64_C(0x3fffff)

static bool is_meant(const struct thread_state *thread, uint64_t actor)
{
  return actor == 0 || thread_key(thread) == actor ||
         ACTOR_KEY(SOURCE_TAG_THREAD, (uint64_t)thread->tid) == actor;
}

static int give_words(int error, const char *words, char **ret_text)
{
  *ret_text = strdup(words);
  return error;
}

int stacks_answer(struct session *session, uint64_t actor, char **ret_text)
{
  const struct thread_state *list, **meant;
  pid_t tid = (pid_t)(actor & TID_MASK);
  size_t count, found = 0;
  uint64_t lost;
  int error;

  if (!session->stack || !session->route)
    return give_words(-EACCES, "its threads cannot be read", ret_text);
  error = session->route->kind->read(session->route, actor ? &tid : NULL, actor ? 1 : 0, &list,
                                     &count, &lost);
  if (error)
    return give_words(error, "its threads could not be read just now", ret_text);
  meant = calloc(count + 1, sizeof(const struct thread_state *));
  if (!meant)
    return -ENOMEM;
  for (size_t i = 0; i < count; i++)
    if (is_meant(&list[i], actor))
      meant[found++] = &list[i];
  stack_refresh(session->stack);
  if (found == 0)
    error = give_words(-ESRCH, "there is no such thread any more", ret_text);
  else
    error = stack_text(session->stack, meant, found, ret_text);
  free(meant);
  return error;
}
