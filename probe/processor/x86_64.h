/*
 * x86_64.h - see processor.h. Sources: arch/x86/include/asm/ptrace.h and entry/syscalls/syscall_64.tbl of
 * Linux.
 */
#ifndef IMPASSE_PROBE_PROCESSOR_X86_64_H
#define IMPASSE_PROBE_PROCESSOR_X86_64_H

#include "probe/processor/locks.h"

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
/* The declaration of those fields. */
#define PROCESSOR_REGS unsigned long di, si, dx, r10, r8, r9, sp, ip, bp, orig_ax

/* sizeof(struct pt_regs): what a probe in a program may read. */
enum { PROCESSOR_REGS_BYTES = 168 };

/* CALL(number, name) of every system call. */
#define PROCESSOR_CALLS "probe/processor/x86_64_calls.def"

enum {
  PROCESSOR_CALL_FUTEX = 202,
  PROCESSOR_CALL_FUTEX_WAITV = 449,
  PROCESSOR_CALL_FUTEX_WAIT = 455,
};

/* Of ELF files, and registers as DWARF numbers them: System V ABI of AMD64, figure 3.36. */
enum {
  PROCESSOR_ELF_MACHINE = 62, /* EM_X86_64 */
  PROCESSOR_DWARF_COUNT = 17,
  PROCESSOR_DWARF_FRAME = 6,
  PROCESSOR_DWARF_SP = 7,
};

#endif
