/*
 * aarch64.h - see processor.h. UNTESTED: it is compiled against that processor's headers and no machine of it
 * has run it. Sources: arch/arm64/include/asm/ptrace.h and include/uapi/asm-generic/unistd.h of Linux.
 */
#ifndef IMPASSE_PROBE_PROCESSOR_AARCH64_H
#define IMPASSE_PROBE_PROCESSOR_AARCH64_H

#include "probe/processor/locks.h"

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

/* sizeof(struct user_pt_regs): what a probe in a program may read. */
enum { PROCESSOR_REGS_BYTES = 272 };

/* CALL(number, name) of every system call. */
#define PROCESSOR_CALLS "probe/processor/aarch64_calls.def"

enum {
  PROCESSOR_CALL_FUTEX = 98,
  PROCESSOR_CALL_FUTEX_WAITV = 449,
  PROCESSOR_CALL_FUTEX_WAIT = 455,
};

/* Of ELF files, and registers as DWARF numbers them: DWARF for the Arm 64-bit Architecture, 4.1. */
enum {
  PROCESSOR_ELF_MACHINE = 183, /* EM_AARCH64 */
  PROCESSOR_DWARF_COUNT = 33,
  PROCESSOR_DWARF_FRAME = 29,
  PROCESSOR_DWARF_SP = 31,
};

#endif
