/*
 * usdt.h - how USDT sites write their arguments on this processor: the names of registers in the
 * assembler's language, and where struct pt_regs keeps each (asm/ptrace.h). Not for parsing.
 */
#ifndef IMPASSE_PROBE_PROCESSOR_USDT_H
#define IMPASSE_PROBE_PROCESSOR_USDT_H

#include <asm/ptrace.h>
#include <elf.h>
#include <stddef.h>
#include <stdint.h>

struct processor_register {
  char name[5];
  uint16_t offset;
};

#if defined __x86_64__
#define PROCESSOR_ELF EM_X86_64
#define PROCESSOR_REGISTERS                                                                        \
  {                                                                                                \
    {"rax", offsetof(struct pt_regs, rax)}, {"rbx", offsetof(struct pt_regs, rbx)},                \
        {"rcx", offsetof(struct pt_regs, rcx)}, {"rdx", offsetof(struct pt_regs, rdx)},            \
        {"rsi", offsetof(struct pt_regs, rsi)}, {"rdi", offsetof(struct pt_regs, rdi)},            \
        {"rbp", offsetof(struct pt_regs, rbp)}, {"rsp", offsetof(struct pt_regs, rsp)},            \
        {"r8", offsetof(struct pt_regs, r8)}, {"r9", offsetof(struct pt_regs, r9)},                \
        {"r10", offsetof(struct pt_regs, r10)}, {"r11", offsetof(struct pt_regs, r11)},            \
        {"r12", offsetof(struct pt_regs, r12)}, {"r13", offsetof(struct pt_regs, r13)},            \
        {"r14", offsetof(struct pt_regs, r14)}, {"r15", offsetof(struct pt_regs, r15)},            \
  }
#else /* written otherwise ("[x0, 16]"): none is known, and sites are refused in words */
#define PROCESSOR_ELF EM_AARCH64
#define PROCESSOR_REGISTERS                                                                        \
  {                                                                                                \
    {                                                                                              \
      "", 0                                                                                        \
    }                                                                                              \
  }
#endif

#endif
