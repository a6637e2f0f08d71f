/*
 * futex.h - the call that a thread sleeps in and the words around it, taken apart, and the rows of the
 * classifier that look at them: one for each kind of lock of a C library (glibc.c, musl.c).
 *
 * Only for the files of this folder.
 */
#ifndef IMPASSE_PROBE_THREAD_CLASSIFY_FUTEX_H
#define IMPASSE_PROBE_THREAD_CLASSIFY_FUTEX_H

#include <string.h>

#include <linux/futex.h>

#include "probe/processor/processor.h"
#include "probe/thread/classify/classify.h"

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

enum { FUTEX_TID_MOST = 4 * 1024 * 1024 }; /* PID_MAX_LIMIT of Linux */

struct futex {
  const uint8_t *bytes; /* THREAD_LOCK_BYTES, the word at THREAD_WORD */
  uint64_t address;
  uint32_t command; /* FUTEX_WAIT ... without the two flags */
  uint32_t value;   /* what the word was when the thread fell asleep */
  uint32_t word;    /* what it is */
  bool is_private, realtime, timed;
  classify_lives_fn *lives;
  const void *context;
};

/* The bytes at an offset from the word, from -THREAD_WORD on. */
static inline uint32_t futex_u32(const struct futex *futex, int offset)
{
  uint32_t value;
  memcpy(&value, futex->bytes + THREAD_WORD + offset, sizeof(value));
  return value;
}

static inline uint64_t futex_u64(const struct futex *futex, int offset)
{
  uint64_t value;
  memcpy(&value, futex->bytes + THREAD_WORD + offset, sizeof(value));
  return value;
}

static inline bool futex_is_tid(uint32_t word)
{
  return word > 0 && word <= FUTEX_TID_MOST;
}

/* Writes the noted owner into the verdict as far as it may be believed: it lives, or it may be of
 * another process. `settled`: the word is still what the thread fell asleep on. */
void futex_owner(const struct futex *futex, uint32_t owner, bool settled,
                 struct classify_verdict *verdict);

/* One row: true when the words are of that kind; then the verdict is filled in. A false leaves it as it
 * was. */
typedef bool futex_row_fn(const struct futex *futex, struct classify_verdict *verdict);

futex_row_fn glibc_mutex, glibc_robust, glibc_inherit, glibc_rwlock, glibc_join;
futex_row_fn musl_mutex, musl_inherit, musl_join;

#endif
