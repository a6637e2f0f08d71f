/*
 * addressee.h - whom a question about an actor is put to. Its own source, as a rule; but a stack is a thread's, and
 * an actor that a thread runs is on the stack of that thread, which another source reads.
 */
#ifndef IMPASSE_MODEL_ADDRESSEE_H
#define IMPASSE_MODEL_ADDRESSEE_H

#include "model/feed.h"

/* Key of the actor to ask about: `actor` itself, or what stands for the thread that runs it now. 0 (the whole
 * target) stays 0. */
int64_t addressee_of(const struct snapshot *snapshot, int64_t target_key, int64_t actor,
                     enum feed_question question);

#endif
