/* locks.c - see locks.h. */
#include "probe/thread/locks.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/dictionary.h"
#include "probe/clock.h"

#define FORGET_NS (60 * CLOCK_NS_PER_S)
#define SHARE_NS (10.0 * (double)CLOCK_NS_PER_S)

/* Calls in which a thread waits for work from outside. */
static const char *const idle_calls[] = {"accept",   "accept4",       "epoll_wait",   "epoll_pwait",
                                         "poll",     "ppoll",         "epoll_pwait2", "select",
                                         "pselect6", "io_uring_enter"};

static bool waits_for_work(const struct member *holder)
{
  const char *call = holder && holder->state.activity == THREAD_CALLS
                         ? classify_call_name(holder->state.call)
                         : NULL;
  for (size_t i = 0; call && i < sizeof idle_calls / sizeof idle_calls[0]; i++)
    if (strcmp(call, idle_calls[i]) == 0)
      return true;
  return false;
}

void locks_begin(struct locks *locks)
{
  struct lock *lock, *next;
  HASH_ITER(hh, locks->by_address, lock, next)
  {
    lock->looked = lock->read_waiters + lock->write_waiters > 0;
    lock->read_waiters = lock->write_waiters = 0;
    lock->lasting = lock->idle_owner = lock->touched = false;
    lock->object = 0;
  }
}

struct lock *locks_find(const struct locks *locks, uint64_t address)
{
  struct lock *lock = NULL;
  HASH_FIND(hh, locks->by_address, &address, sizeof address, lock);
  return lock;
}

static uint8_t kind_of(enum classify_kind kind)
{
  return kind == CLASSIFY_RWLOCK_READERS || kind == CLASSIFY_RWLOCK_WRITER ? TABLE_RWLOCK
                                                                           : TABLE_MUTEX;
}

static struct lock *meet(struct locks *locks, uint64_t address)
{
  struct lock *lock = locks_find(locks, address);
  if (lock)
    return lock;
  lock = HASH_COUNT(locks->by_address) < LOCKS_MOST ? calloc(1, sizeof *lock) : NULL;
  if (!lock) {
    locks->lost++;
    return NULL;
  }
  lock->address = address;
  HASH_ADD(hh, locks->by_address, address, sizeof lock->address, lock);
  return lock;
}

struct lock *locks_note(struct locks *locks, struct member *member, const struct member *holder)
{
  const struct classify_verdict *verdict = &member->verdict;
  struct lock *lock = meet(locks, verdict->lock);
  if (!lock)
    return NULL;
  lock->kind = kind_of(verdict->kind);
  lock->word = member->state.arguments[0];
  lock->owner = member->edge == EDGE_HELD && !member->holder_target ? member->holder : 0;
  lock->had_owner |= verdict->owner != 0;
  *(verdict->for_reading ? &lock->read_waiters : &lock->write_waiters) += 1;
  lock->touched = true;
  lock->lasting |= member->lasting;
  lock->idle_owner |= waits_for_work(holder);
  lock->contended_count += !locks->exact && !member->counted;
  member->counted = true;
  return lock;
}

void locks_ended(struct locks *locks, uint64_t address, uint64_t waited_ns)
{
  struct lock *lock = locks_find(locks, address);
  if (lock && !locks->exact && lock->max_wait_ns < waited_ns)
    lock->max_wait_ns = waited_ns;
}

void locks_told(struct locks *locks, uint64_t address, enum classify_kind kind,
                const struct lock_times *times, uint64_t now_ns)
{
  struct lock *lock =
      times->count || times->some_ns ? meet(locks, address) : locks_find(locks, address);
  if (!lock)
    return;
  lock->kind = kind_of(kind);
  lock->had_owner = true;
  lock->wait_ns += times->some_ns;
  lock->contended_count += times->count;
  if (lock->max_wait_ns < times->max_ns)
    lock->max_wait_ns = times->max_ns;
  if (times->count || times->some_ns)
    lock->waited_ns = now_ns;
}

/* Sums the time up since the last look. */
static void account(struct lock *lock, uint64_t now_ns)
{
  uint64_t passed = lock->looked_ns && now_ns > lock->looked_ns ? now_ns - lock->looked_ns : 0;
  bool waited = lock->touched && !lock->idle_owner;
  if (waited && lock->lasting) {
    lock->wait_ns += passed;
    return;
  }
  lock->share += ((waited ? 1 : 0) - lock->share) * -expm1(-(double)passed / SHARE_NS);
  lock->wait_ns += (uint64_t)(lock->share * (double)passed);
}

static void forget(struct locks *locks, struct lock *lock)
{
  HASH_DEL(locks->by_address, lock);
  free(lock->name);
  free(lock);
}

void locks_end(struct locks *locks, bool partial, uint64_t now_ns)
{
  struct lock *lock, *next;
  HASH_ITER(hh, locks->by_address, lock, next)
  {
    if (partial && !lock->looked && !lock->touched)
      continue;
    if (!locks->exact)
      account(lock, now_ns);
    lock->looked_ns = now_ns;
    if (lock->touched)
      lock->waited_ns = now_ns;
    else
      lock->owner = 0;
    if (now_ns - lock->waited_ns > FORGET_NS)
      forget(locks, lock);
  }
}

void locks_done(struct locks *locks)
{
  struct lock *lock, *next;
  HASH_ITER(hh, locks->by_address, lock, next)
  {
    forget(locks, lock);
  }
}
