/*
 * call_registers.h - the registers at a probe, as PT_REGS_PARM of <bpf/bpf_tracing.h> wants them, of the
 * processor that a program is compiled for: the headers of the machine that compiles are of another one where
 * that is only tried. Kernel side only. Source: arch/arm64/include/uapi/asm/ptrace.h of Linux.
 */
#ifndef IMPASSE_BPF_CALL_REGISTERS_H
#define IMPASSE_BPF_CALL_REGISTERS_H

#include <linux/types.h>

#if defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
  __u64 regs[31];
  __u64 sp, pc, pstate;
};
#else
#include <linux/ptrace.h>
#endif

#endif
