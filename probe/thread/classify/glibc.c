/*
 * glibc.c - the locks of the GNU C library, told by the system call that its functions make and by the
 * bytes of the lock, all of which are looked at: 2.26 and newer, where rwlocks have their present form;
 * timed mutexes from 2.30 on. In C++ std::mutex, std::shared_mutex and std::thread::join are the same
 * things.
 *
 * Each row says what else might look like it, and why that does not pass. Sources: nptl/
 * pthread_mutex_lock.c, pthread_mutex_timedlock.c, lowlevellock.c, pthread_rwlock_common.c,
 * pthread_join_common.c, descr.h of glibc 2.36 and 2.41. The offsets are in probe/processor/.
 */
#include "probe/thread/classify/futex.h"

/* Bits of a mutex's kind (nptl/pthreadP.h). */
enum {
  KIND_TYPE = 3, /* normal, recursive, errorcheck, adaptive */
  KIND_RECURSIVE = 1,
  KIND_ADAPTIVE = 3,
  KIND_ROBUST = 16,
  KIND_PROTECT = 64,
  KIND_SHARED = 128,
  KIND_ELISION = 256 | 512, /* by all means, by no means */
};

enum {
  CEILING_SHIFT = 19,     /* of a priority that protects, in the word */
  OWNER_GONE = INT32_MAX, /* a robust mutex whose data nobody made consistent yet */
  OWNER_GIVEN_UP = INT32_MAX - 1,
};

/* A pthread_mutex_lock() sleeps in FUTEX_WAIT without a timeout, one that is timed in FUTEX_WAIT_BITSET
 * with one. Rust's std and folly use FUTEX_WAIT_BITSET without one, gperftools and musl FUTEX_WAIT with
 * one. */
static bool mutex_call(const struct futex *futex)
{
  return futex->address % 8 == 0 && futex->timed == (futex->command == FUTEX_WAIT_BITSET);
}

/* The part of a mutex behind its owner, of one that was made of the given bits of a kind. */
static bool mutex_fits(const struct futex *futex, uint32_t kind, uint32_t bits)
{
  uint32_t spins = futex_u32(futex, PROCESSOR_MUTEX_SPINS);
  uint32_t count = futex_u32(futex, PROCESSOR_MUTEX_COUNT);
  uint32_t type = kind & KIND_TYPE;
  if (kind & ~bits || futex_u32(futex, PROCESSOR_MUTEX_NUSERS) > FUTEX_TID_MOST)
    return false;
  if (spins && type != KIND_ADAPTIVE && !(kind & KIND_ELISION))
    return false;
  return type == KIND_RECURSIVE || count <= (kind & (KIND_ROBUST | KIND_PROTECT) ? 1 : 0);
}

static bool list_is_empty(const struct futex *futex)
{
  return !futex_u64(futex, PROCESSOR_MUTEX_PREV) && !futex_u64(futex, PROCESSOR_MUTEX_NEXT);
}

/*
 * Normal, recursive, errorcheck and adaptive mutexes, shared or not, timed or not, and those that
 * protect by a priority (these hold it in the upper bits of the word). The word is 2 with waiters, 1
 * or 0 for moments while it changes hands.
 *
 * Other words that are 2: the locks inside of glibc (streams, malloc), of Go's runtime and of home-made
 * kinds, std::atomic::wait on a 2, the second round of a barrier or of a std::latch, a futex of Rust or a
 * condition variable of glibc 2.41 in a timed wait, musl's join. What is behind them must be a living
 * tid, at +8; a number of users of at least 1; a kind whose shared bit agrees with the call; and between
 * and behind these 24 bytes of zeros. Where they hold no owner, they cannot be told from a mutex between
 * two owners: those are `between`.
 */
bool glibc_mutex(const struct futex *futex, struct classify_verdict *verdict)
{
  uint32_t kind = futex_u32(futex, PROCESSOR_MUTEX_KIND);
  uint32_t ceiling = kind & KIND_PROTECT ? futex->value >> CEILING_SHIFT << CEILING_SHIFT : 0;
  uint32_t owner = futex_u32(futex, PROCESSOR_MUTEX_OWNER);
  if (!mutex_call(futex) || futex->value != (ceiling | 2) || futex->word - ceiling > 2)
    return false;
  if (!mutex_fits(futex, kind, KIND_TYPE | KIND_PROTECT | KIND_SHARED | KIND_ELISION) ||
      !(kind & KIND_SHARED) != futex->is_private || !list_is_empty(futex))
    return false;

  if (owner == 0 || futex->word == ceiling) {
    verdict->between = true;
    return true;
  }
  bool users = futex_u32(futex, PROCESSOR_MUTEX_NUSERS) > 0;
  bool counted =
      (kind & KIND_TYPE) != KIND_RECURSIVE || futex_u32(futex, PROCESSOR_MUTEX_COUNT) > 0;
  if (!futex_is_tid(owner) || !users || !counted)
    return false;
  verdict->kind = CLASSIFY_MUTEX;
  futex_owner(futex, owner, futex->word == futex->value, verdict);
  if (!verdict->owner)
    verdict->late_owner = owner;
  return true;
}

/*
 * Robust mutexes: the word is the owner's tid with the bit of waiters. glibc calls the kernel without the
 * private flag for all of them, and marks all of them as shared.
 *
 * Others whose word may be a small number with that bit: a rwlock of Rust (readers; private), std::future
 * (no number), musl (its word is at +4 of 8). The tid must stand at +8 too, or nothing yet; the kind must
 * have the robust bit, and the mutex be in its owner's list.
 */
bool glibc_robust(const struct futex *futex, struct classify_verdict *verdict)
{
  uint32_t kind = futex_u32(futex, PROCESSOR_MUTEX_KIND);
  uint32_t owner = futex->word & FUTEX_TID_MASK;
  uint32_t noted = futex_u32(futex, PROCESSOR_MUTEX_OWNER);
  if (!mutex_call(futex) || futex->is_private || !(futex->value & FUTEX_WAITERS) ||
      !futex_is_tid(futex->value & FUTEX_TID_MASK))
    return false;
  if (!(kind & KIND_ROBUST) || !(kind & KIND_SHARED) ||
      !mutex_fits(futex, kind, KIND_TYPE | KIND_ROBUST | KIND_SHARED | KIND_ELISION))
    return false;

  verdict->kind = CLASSIFY_ROBUST;
  if (list_is_empty(futex) || futex->word & FUTEX_OWNER_DIED)
    return true;
  if (noted == owner || noted == OWNER_GONE || noted == OWNER_GIVEN_UP)
    futex_owner(futex, owner, futex->word == futex->value, verdict);
  return true;
}

/*
 * Priority inheritance: the kernel itself writes and reads the owner's tid in the word, whoever made the
 * lock, so nothing else looks like it.
 */
bool glibc_inherit(const struct futex *futex, struct classify_verdict *verdict)
{
  verdict->kind = CLASSIFY_INHERIT;
  if (!(futex->word & FUTEX_OWNER_DIED))
    futex_owner(futex, futex->word & FUTEX_TID_MASK, true, verdict);
  return true;
}

/* Bits of a rwlock's count of readers (nptl/pthread_rwlock_common.c); the count is above them. */
enum {
  READERS_WRITE_PHASE = 1,
  READERS_WRITE_LOCKED = 2,
  READERS_WAITING = 4,
  READERS_SHIFT = 3,
  WORD_IN_USE = 2, /* of the two futex words: somebody sleeps on it */
  FLAGS_MOST = 2,  /* of the three preferences */
};

/* Where in a rwlock a thread can sleep, on what, and for what. */
static const struct {
  int word;
  uint32_t mask, value;
  bool for_reading;
} rwlock_waits[] = {
    {PROCESSOR_RWLOCK_WRPHASE_WORD, UINT32_MAX, WORD_IN_USE | 1, true},  /* for a writer's end */
    {PROCESSOR_RWLOCK_WRPHASE_WORD, UINT32_MAX, WORD_IN_USE, false},     /* for the readers' end */
    {PROCESSOR_RWLOCK_WRITERS_WORD, UINT32_MAX, WORD_IN_USE | 1, false}, /* for another writer */
    {PROCESSOR_RWLOCK_READERS, 7, READERS_WAITING | READERS_WRITE_LOCKED,
     true}, /* behind a writer that is preferred and waits for the readers */
};

/* A rwlock at an offset from the word: all that does not change is as it must be. */
static bool rwlock_fits(const struct futex *futex, int base)
{
  uint32_t shared = futex_u32(futex, base + PROCESSOR_RWLOCK_SHARED);
  return (futex->address + (uint64_t)(int64_t)base) % 8 == 0 &&
         futex_u32(futex, base + PROCESSOR_RWLOCK_WRPHASE_WORD) <= 3 &&
         futex_u32(futex, base + PROCESSOR_RWLOCK_WRITERS_WORD) <= 3 &&
         futex_u64(futex, base + PROCESSOR_RWLOCK_PAD) == 0 &&
         futex_u64(futex, base + PROCESSOR_RWLOCK_REST) == 0 &&
         futex_u64(futex, base + PROCESSOR_RWLOCK_REST + 8) == 0 &&
         futex_u32(futex, base + PROCESSOR_RWLOCK_FLAGS) <= FLAGS_MOST &&
         shared == (futex->is_private ? 0 : 1) &&
         futex_u32(futex, base + PROCESSOR_RWLOCK_WRITER) <= FUTEX_TID_MOST;
}

/* Who holds it: a writer that noted itself, readers that are only counted, or nobody just now. */
static void rwlock_holder(const struct futex *futex, int base, struct classify_verdict *verdict)
{
  uint32_t readers = futex_u32(futex, base + PROCESSOR_RWLOCK_READERS);
  uint32_t writer = futex_u32(futex, base + PROCESSOR_RWLOCK_WRITER);
  verdict->kind = CLASSIFY_RWLOCK_WRITER;
  if (readers & READERS_WRITE_PHASE) {
    if (!writer || !(readers & READERS_WRITE_LOCKED))
      return;
    futex_owner(futex, writer, futex->word == futex->value, verdict);
    if (!verdict->owner)
      verdict->late_owner = writer;
  } else if (!writer && readers >> READERS_SHIFT) {
    verdict->kind = CLASSIFY_RWLOCK_READERS;
    verdict->readers = readers >> READERS_SHIFT;
  }
}

/*
 * Rwlocks: readers and writers sleep on two words of their own, readers behind a preferred writer on the
 * count. They sleep in FUTEX_WAIT_BITSET, with the clock's flag where there is no timeout.
 *
 * Others that sleep so on a 2 or 3: semaphores and condition variables of glibc. Of the 56 bytes of a
 * rwlock 24 are always zero, half of them right behind its words, where a semaphore has its count of
 * waiters and a condition variable its own words or the next lock; the others are bits and small numbers.
 * Rust and folly call without the clock's flag.
 */
bool glibc_rwlock(const struct futex *futex, struct classify_verdict *verdict)
{
  if (!futex->timed && !futex->realtime)
    return false;
  for (size_t i = 0; i < sizeof(rwlock_waits) / sizeof(rwlock_waits[0]); i++) {
    int base = -rwlock_waits[i].word;
    if ((futex->value & rwlock_waits[i].mask) != rwlock_waits[i].value || !rwlock_fits(futex, base))
      continue;
    rwlock_holder(futex, base, verdict);
    verdict->lock = futex->address + (uint64_t)(int64_t)base;
    verdict->for_reading = rwlock_waits[i].for_reading;
    return true;
  }
  return false;
}

/*
 * pthread_join(): sleeps on the tid in the struct of the other thread, which the kernel clears and wakes
 * at its end, hence never with the private flag; before 2.32 in FUTEX_WAIT. (Where a glibc to come sleeps
 * on a state instead of the tid, the wait is idle.)
 *
 * Another shared word that happens to be a living tid (a shared semaphore, a condition variable of glibc
 * 2.41; small numbers are tids in a container): behind the tid must be the head of the list of robust
 * mutexes with its constant of -32.
 */
bool glibc_join(const struct futex *futex, struct classify_verdict *verdict)
{
  bool bare = futex->command == FUTEX_WAIT_BITSET && !futex->timed && !futex->realtime;
  if (futex->is_private || bare || futex->address % 8 != 0 || futex->value != futex->word ||
      !futex_is_tid(futex->word) ||
      (int64_t)futex_u64(futex, PROCESSOR_JOIN_ROBUST) != PROCESSOR_JOIN_ROBUST_VALUE)
    return false;
  verdict->process_shared = false;
  if (!futex->lives(futex->context, futex->word))
    return false;
  verdict->kind = CLASSIFY_JOIN;
  futex_owner(futex, futex->word, true, verdict);
  return true;
}
