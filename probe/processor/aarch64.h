/*
 * aarch64.h - see processor.h. UNTESTED: compiled only; no such machine has run it. Sources:
 * arch/arm64/include/uapi/asm/ptrace.h and asm-generic/unistd.h of Linux; glibc's generic struct_mutex.h
 * and struct_rwlock.h (the words lie as on x86-64, the padding behind them is longer).
 */
#ifndef IMPASSE_PROBE_PROCESSOR_AARCH64_H
#define IMPASSE_PROBE_PROCESSOR_AARCH64_H

/* Fields of struct user_pt_regs / pt_regs. */
#define PROCESSOR_REG_CALL syscallno
#define PROCESSOR_REG_ARG0 orig_x0 /* of pt_regs only: the kernel's own, kept for restarts */
#define PROCESSOR_REG_ARG1 regs[1]
#define PROCESSOR_REG_ARG2 regs[2]
#define PROCESSOR_REG_ARG3 regs[3]
#define PROCESSOR_REG_ARG4 regs[4]
#define PROCESSOR_REG_ARG5 regs[5]
#define PROCESSOR_REG_SP sp
#define PROCESSOR_REG_PC pc
#define PROCESSOR_REG_FRAME regs[29]
/* The declaration of those fields. */
#define PROCESSOR_REGS                                                                             \
  unsigned long long regs[31], sp, pc, orig_x0;                                                    \
  int syscallno

/* CALL(number, name) of every system call. */
#define PROCESSOR_CALLS "probe/processor/aarch64_calls.def"

enum {
  PROCESSOR_CALL_FUTEX = 98,
  PROCESSOR_CALL_FUTEX_WAITV = 449,
  PROCESSOR_CALL_FUTEX_WAIT = 455,

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
  PROCESSOR_JOIN_ROBUST = 24, /* robust_head.futex_offset ... */
  PROCESSOR_JOIN_ROBUST_VALUE =
      -32, /* ... which never changes: from a mutex's `next` to its word */
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
