/*
 * names.h - what locks are called, and from where threads wait for them. Unwinding a stack takes a
 * millisecond or two, so it is done for waits that last (at first for all: who asks once wants to read
 * names), within a budget for each sweep, and never twice for one wait. What names cost is told in
 * sweep->passing_ns: it ends.
 */
#ifndef IMPASSE_PROBE_THREAD_NAMES_H
#define IMPASSE_PROBE_THREAD_NAMES_H

#include "probe/thread/session.h"

/* A sweep begins. */
void names_begin(struct session *session);

/* Gives the lock its name: of a variable, else of the function that waits for it and its address. */
void names_lock(struct session *session, struct member *member, struct lock *lock,
                struct sweep *sweep);

/* As far as it is a variable's: of a lock for which nobody was seen waiting. */
void names_variable(struct session *session, struct lock *lock, struct sweep *sweep);

/* Finds the function that the member waits in. */
void names_site(struct session *session, struct member *member, struct sweep *sweep);

#endif
