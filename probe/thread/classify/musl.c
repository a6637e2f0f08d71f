/*
 * musl.c - the locks of the musl C library, 1.2, that note an owner, and its normal mutexes, which do
 * not. Its rwlocks, condition variables and semaphores name nobody.
 *
 * Sources: src/thread/pthread_mutex_timedlock.c, pthread_mutex_trylock.c, pthread_join.c and
 * src/internal/pthread_impl.h of musl 1.2.3 and 1.2.5. The offsets are in probe/processor/.
 */
#include "probe/thread/classify/futex.h"

/* Bits of a mutex's type. */
enum {
  TYPE_RECURSIVE = 1,
  TYPE_ERRORCHECK = 2,
  TYPE_ROBUST = 4,
  TYPE_INHERIT = 8,
  TYPE_NOTES = 15, /* any of these: the word is the owner's tid */
  TYPE_SHARED = 128,
};

enum { NORMAL_HELD = 16, JOINABLE = 2, PAGE = 4096 }; /* EBUSY in the word of a normal mutex */

/* At an offset from the beginning of the mutex, whose word is not its first. */
static uint32_t mutex_u32(const struct futex *futex, int offset)
{
  return futex_u32(futex, offset - PROCESSOR_MUSL_WORD);
}

static uint64_t mutex_u64(const struct futex *futex, int offset)
{
  return futex_u64(futex, offset - PROCESSOR_MUSL_WORD);
}

/* Is it linked into its owner's list of mutexes? */
static bool mutex_is_listed(const struct futex *futex)
{
  uint64_t prev = mutex_u64(futex, PROCESSOR_MUSL_PREV);
  uint64_t next = mutex_u64(futex, PROCESSOR_MUSL_NEXT);
  return prev && next && prev % 8 == 0 && next % 8 == 0;
}

static bool mutex_fits(const struct futex *futex, uint32_t type)
{
  return futex->address % 8 == PROCESSOR_MUSL_WORD &&
         !(type & ~(TYPE_NOTES | (uint32_t)TYPE_SHARED)) &&
         (type & (TYPE_RECURSIVE | TYPE_ERRORCHECK)) != (TYPE_RECURSIVE | TYPE_ERRORCHECK) &&
         !(type & TYPE_SHARED) == futex->is_private && mutex_u64(futex, PROCESSOR_MUSL_PAD) == 0 &&
         ((type & TYPE_RECURSIVE) || mutex_u32(futex, PROCESSOR_MUSL_COUNT) == 0);
}

/*
 * A normal mutex sleeps on EBUSY, the others on the owner's tid, both with the bit of waiters, which are
 * counted behind the word.
 *
 * Others with such a word: musl's own small locks (a count in it: no waiters, no list behind), a robust
 * mutex of glibc (aligned to 8), a rwlock of Rust (other call).
 */
bool musl_mutex(const struct futex *futex, struct classify_verdict *verdict)
{
  uint32_t type = mutex_u32(futex, PROCESSOR_MUSL_TYPE);
  uint32_t waiters = mutex_u32(futex, PROCESSOR_MUSL_WAITERS);
  if (!(futex->value & FUTEX_WAITERS) || !mutex_fits(futex, type) || !futex_is_tid(waiters) ||
      type & TYPE_INHERIT)
    return false;
  if (!(type & TYPE_NOTES)) {
    if (futex->value != (FUTEX_WAITERS | NORMAL_HELD) || mutex_u64(futex, PROCESSOR_MUSL_PREV) ||
        mutex_u64(futex, PROCESSOR_MUSL_NEXT))
      return false;
    verdict->kind = CLASSIFY_MUTEX;
    verdict->lock = futex->address - PROCESSOR_MUSL_WORD;
    return true;
  }
  if (!mutex_is_listed(futex))
    return false;
  verdict->kind = CLASSIFY_ROBUST;
  verdict->lock = futex->address - PROCESSOR_MUSL_WORD;
  if (!(futex->word & FUTEX_OWNER_DIED))
    futex_owner(futex, futex->word & FUTEX_TID_MASK, futex->word == futex->value, verdict);
  return true;
}

/* Priority inheritance: as glibc's, but the lock begins before the word. */
bool musl_inherit(const struct futex *futex, struct classify_verdict *verdict)
{
  uint32_t type = mutex_u32(futex, PROCESSOR_MUSL_TYPE);
  if (!(type & TYPE_INHERIT) || !mutex_fits(futex, type) || !mutex_is_listed(futex))
    return false;
  verdict->kind = CLASSIFY_INHERIT;
  verdict->lock = futex->address - PROCESSOR_MUSL_WORD;
  if (!(futex->word & FUTEX_OWNER_DIED))
    futex_owner(futex, futex->word & FUTEX_TID_MASK, true, verdict);
  return true;
}

/*
 * pthread_join(): sleeps on a 2 in the struct of the other thread, some words behind its tid.
 *
 * Other words that are 2 with a living tid 8 bytes before: behind it must be the map of the thread's
 * stack, pages of an address and a size, and a stack that lies in it.
 */
bool musl_join(const struct futex *futex, struct classify_verdict *verdict)
{
  uint64_t map = futex_u64(futex, PROCESSOR_MUSL_JOIN_MAP);
  uint64_t map_bytes = futex_u64(futex, PROCESSOR_MUSL_JOIN_MAP + 8);
  uint64_t stack = futex_u64(futex, PROCESSOR_MUSL_JOIN_MAP + 16);
  uint64_t stack_bytes = futex_u64(futex, PROCESSOR_MUSL_JOIN_MAP + 24);
  uint32_t tid = futex_u32(futex, PROCESSOR_MUSL_JOIN_TID);
  if (futex->value != JOINABLE || futex->word != JOINABLE || !futex->is_private ||
      futex->address % 8 != 0 || !futex_is_tid(tid) || !futex->lives(futex->context, tid))
    return false;
  if (!map || map % PAGE || !map_bytes || map_bytes % PAGE || stack <= map ||
      stack - map > map_bytes || stack_bytes > stack - map)
    return false;
  verdict->kind = CLASSIFY_JOIN;
  futex_owner(futex, tid, true, verdict);
  return true;
}
