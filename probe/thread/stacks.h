/*
 * stacks.h - answers what is asked about the stacks of a target's threads. Inside this folder only.
 */
#ifndef IMPASSE_PROBE_THREAD_STACKS_H
#define IMPASSE_PROBE_THREAD_STACKS_H

#include "probe/thread/session.h"

/* The stack of one thread as it is now: by its key, by ACTOR_KEY(SOURCE_TAG_THREAD, tid) where its start is
 * not known, or (0) all of them. As source.ask. */
int stacks_answer(struct session *session, uint64_t actor, char **ret_text);

#endif
