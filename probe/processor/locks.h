/*
 * locks.h - where the words of a lock lie, in bytes: the same on the 64-bit processors that we know, so it is
 * written once and included by their headers. A processor that differs has its own.
 *
 * Sources: sysdeps/x86/nptl/bits and sysdeps/nptl/bits (struct_mutex.h, struct_rwlock.h), nptl/descr.h of glibc
 * 2.36 and 2.41; src/internal/pthread_impl.h of musl 1.2. tests/processor_layout.c holds what is public of it
 * against the headers of both.
 */
#ifndef IMPASSE_PROBE_PROCESSOR_LOCKS_H
#define IMPASSE_PROBE_PROCESSOR_LOCKS_H

enum {
  /* pthread_mutex_t of glibc: bytes from the lock's beginning, where the futex word is */
  PROCESSOR_MUTEX_COUNT = 4,
  PROCESSOR_MUTEX_OWNER = 8,
  PROCESSOR_MUTEX_NUSERS = 12,
  PROCESSOR_MUTEX_KIND = 16,
  PROCESSOR_MUTEX_SPINS = 20, /* two shorts: spins, elision */
  PROCESSOR_MUTEX_PREV = 24,  /* of the list of robust mutexes */
  PROCESSOR_MUTEX_NEXT = 32,
  PROCESSOR_MUTEX_BYTES = 40,
  /* pthread_rwlock_t of glibc */
  PROCESSOR_RWLOCK_READERS = 0,
  PROCESSOR_RWLOCK_WRITERS = 4,
  PROCESSOR_RWLOCK_WRPHASE_WORD = 8,
  PROCESSOR_RWLOCK_WRITERS_WORD = 12,
  PROCESSOR_RWLOCK_PAD = 16, /* two words, always 0 */
  PROCESSOR_RWLOCK_WRITER = 24,
  PROCESSOR_RWLOCK_SHARED = 28,
  PROCESSOR_RWLOCK_REST = 32, /* elision and padding, two long words, always 0 */
  PROCESSOR_RWLOCK_FLAGS = 48,
  PROCESSOR_RWLOCK_BYTES = 56,
  /* struct pthread of glibc: bytes from `tid`, the word that a join waits on */
  PROCESSOR_JOIN_ROBUST = 24,        /* robust_head.futex_offset, which is never anything but ... */
  PROCESSOR_JOIN_ROBUST_VALUE = -32, /* ... the way from a mutex's `next` to its word */
  /* pthread_mutex_t of musl */
  PROCESSOR_MUSL_TYPE = 0,
  PROCESSOR_MUSL_WORD = 4,
  PROCESSOR_MUSL_WAITERS = 8,
  PROCESSOR_MUSL_PAD = 12, /* two words, always 0 */
  PROCESSOR_MUSL_COUNT = 20,
  PROCESSOR_MUSL_PREV = 24,
  PROCESSOR_MUSL_NEXT = 32,
  /* struct pthread of musl: bytes from `detach_state`, the word that a join waits on */
  PROCESSOR_MUSL_JOIN_TID = -8,
  PROCESSOR_MUSL_JOIN_MAP = 16, /* map_base, map_size, stack, stack_size: 8 bytes each */
};

#endif
