/* names.c - see names.h. */
#include "probe/thread/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/clock.h"

/* Of one sweep: so many stacks in any case, more of them as long as that took no more than so long. */
enum { STACKS = 4, FIRST_SWEEPS = 2, NAME_TRIES = 4 };
#define BUDGET_NS (5 * CLOCK_NS_PER_MS)

void names_begin(struct session *session)
{
  session->naming.sweeps++;
  session->naming.stacks = 0;
  session->naming.spent_ns = 0;
}

/* `short_too`: also of a wait that may be over soon. */
static void seek_site(struct session *session, struct member *member, struct sweep *sweep,
                      bool short_too)
{
  struct naming *naming = &session->naming;
  char text[STACK_TEXT_BYTES];
  if (!session->stack || member->site_sought || sweep->kind != SWEEP_FULL ||
      !(member->lasting || short_too) ||
      (naming->stacks >= STACKS && naming->spent_ns >= BUDGET_NS))
    return;
  uint64_t begin = clock_thread_ns();
  if (stack_call_site(session->stack, &member->state, text))
    member->site = strdup(text); /* NULL: it is called by the system call */
  member->site_sought = true;
  uint64_t spent = clock_thread_ns() - begin;
  naming->stacks++;
  naming->spent_ns += spent;
  sweep->passing_ns += spent;
}

void names_site(struct session *session, struct member *member, struct sweep *sweep)
{
  seek_site(session, member, sweep, session->naming.sweeps <= FIRST_SWEEPS);
}

void names_variable(struct session *session, struct lock *lock, struct sweep *sweep)
{
  char text[STACK_TEXT_BYTES];
  if (lock->name || lock->variable_sought || !session->stack || sweep->kind != SWEEP_FULL)
    return;
  uint64_t begin = clock_thread_ns();
  if (stack_data_name(session->stack, lock->address, text))
    lock->name = strdup(text); /* NULL: it is called by its address */
  lock->variable_sought = true;
  sweep->passing_ns += clock_thread_ns() - begin;
}

void names_lock(struct session *session, struct member *member, struct lock *lock,
                struct sweep *sweep)
{
  if (lock->name || !session->stack || sweep->kind != SWEEP_FULL)
    return;
  lock->variable_sought = false; /* a library may have come since */
  names_variable(session, lock, sweep);
  if (lock->name)
    return;
  seek_site(session, member, sweep, lock->name_tries++ < NAME_TRIES);
  if (member->site && asprintf(&lock->name, "%s@0x%" PRIx64, member->site, lock->address) < 0)
    lock->name = NULL;
}
