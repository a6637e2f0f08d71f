/* names.c - see names.h. */
#include "probe/thread/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/clock.h"

/* Processor time for names in one sweep: for waits that last, and for those that may be over soon. */
#define BUDGET_NS (5 * CLOCK_NS_PER_MS)
#define BUDGET_FRESH_NS (3 * CLOCK_NS_PER_MS)

static bool may_spend(const struct member *member, const struct sweep *sweep)
{
  return sweep->kind == SWEEP_FULL &&
         sweep->passing_ns < (member->lasting ? BUDGET_NS : BUDGET_FRESH_NS);
}

void names_site(struct session *session, struct member *member, struct sweep *sweep)
{
  char text[STACK_TEXT_BYTES];
  if (!session->stack || member->site_sought || !may_spend(member, sweep))
    return;
  uint64_t begin = clock_thread_ns();
  if (stack_call_site(session->stack, &member->state, text))
    member->site = strdup(text); /* NULL: it is called by the system call */
  member->site_sought = true;
  sweep->passing_ns += clock_thread_ns() - begin;
}

void names_lock(struct session *session, struct member *member, struct lock *lock,
                struct sweep *sweep)
{
  char text[STACK_TEXT_BYTES];
  if (lock->name || !session->stack || !may_spend(member, sweep))
    return;
  uint64_t begin = clock_thread_ns();
  if (stack_data_name(session->stack, lock->address, text))
    lock->name = strdup(text); /* NULL: it is called by its address */
  sweep->passing_ns += clock_thread_ns() - begin;
  if (lock->name)
    return;
  names_site(session, member, sweep);
  if (member->site && asprintf(&lock->name, "%s@0x%" PRIx64, member->site, lock->address) < 0)
    lock->name = NULL;
}
