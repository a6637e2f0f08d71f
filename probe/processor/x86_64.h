/*
 * x86_64.h - see processor.h. Sources: arch/x86/include/asm/ptrace.h and entry/syscalls/syscall_64.tbl of
 * Linux; sysdeps/x86/nptl/bits/struct_mutex.h and struct_rwlock.h of glibc; pthread_impl.h of musl.
 */
#ifndef IMPASSE_PROBE_PROCESSOR_X86_64_H
#define IMPASSE_PROBE_PROCESSOR_X86_64_H

/* Fields of struct pt_regs, by the names that vmlinux.h and <linux/ptrace.h> share with CO-RE. */
#define PROCESSOR_REG_CALL orig_ax
#define PROCESSOR_REG_ARG0 di
#define PROCESSOR_REG_ARG1 si
#define PROCESSOR_REG_ARG2 dx
#define PROCESSOR_REG_ARG3 r10
#define PROCESSOR_REG_ARG4 r8
#define PROCESSOR_REG_ARG5 r9
#define PROCESSOR_REG_SP sp
#define PROCESSOR_REG_PC ip
#define PROCESSOR_REG_FRAME bp

enum {
  PROCESSOR_CALL_FUTEX = 202,

  /* glibc, offsets in bytes from the lock's beginning, where the word itself is at 0 */
  PROCESSOR_MUTEX_OWNER = 8,
  PROCESSOR_MUTEX_KIND = 16,
  /* pthread_rwlock_t */
  PROCESSOR_RWLOCK_READERS = 0,
  PROCESSOR_RWLOCK_WRPHASE_WORD = 8,
  PROCESSOR_RWLOCK_WRITERS_WORD = 12,
  PROCESSOR_RWLOCK_PAD = 16,
  PROCESSOR_RWLOCK_WRITER = 24,
  /* musl: the word of a pthread_mutex_t */
  PROCESSOR_MUSL_WORD = 4,
};

#endif
