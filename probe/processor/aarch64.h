/*
 * aarch64.h - see processor.h. UNTESTED: compiled only; no such machine has run it. Sources:
 * arch/arm64/include/uapi/asm/ptrace.h and asm-generic/unistd.h of Linux; glibc's generic struct_mutex.h
 * and struct_rwlock.h (the words lie as on x86-64, the padding behind them is longer).
 */
#ifndef IMPASSE_PROBE_PROCESSOR_AARCH64_H
#define IMPASSE_PROBE_PROCESSOR_AARCH64_H

/* Fields of struct user_pt_regs / pt_regs. */
#define PROCESSOR_REG_CALL syscallno
#define PROCESSOR_REG_ARG0 regs[0]
#define PROCESSOR_REG_ARG1 regs[1]
#define PROCESSOR_REG_ARG2 regs[2]
#define PROCESSOR_REG_ARG3 regs[3]
#define PROCESSOR_REG_ARG4 regs[4]
#define PROCESSOR_REG_ARG5 regs[5]
#define PROCESSOR_REG_SP sp
#define PROCESSOR_REG_PC pc
#define PROCESSOR_REG_FRAME regs[29]

enum {
  PROCESSOR_CALL_FUTEX = 98,

  PROCESSOR_MUTEX_OWNER = 8,
  PROCESSOR_MUTEX_KIND = 16,
  PROCESSOR_RWLOCK_READERS = 0,
  PROCESSOR_RWLOCK_WRPHASE_WORD = 8,
  PROCESSOR_RWLOCK_WRITERS_WORD = 12,
  PROCESSOR_RWLOCK_PAD = 16,
  PROCESSOR_RWLOCK_WRITER = 24,
  PROCESSOR_MUSL_WORD = 4,
};

#endif
