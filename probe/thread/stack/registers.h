/*
 * registers.h - the registers of one frame as DWARF numbers them; which are known grows and shrinks on the way up.
 * Sources of the numbers: System V ABI of AMD64, figure 3.36; DWARF for the Arm 64-bit Architecture, 4.1 (untested).
 * Inside this folder only.
 */
#ifndef IMPASSE_PROBE_THREAD_STACK_REGISTERS_H
#define IMPASSE_PROBE_THREAD_STACK_REGISTERS_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__x86_64__)
enum { REGISTERS_COUNT = 17, REGISTERS_FRAME = 6, REGISTERS_SP = 7 };
#elif defined(__aarch64__)
enum { REGISTERS_COUNT = 33, REGISTERS_FRAME = 29, REGISTERS_SP = 31 };
#endif

struct registers {
  uint64_t value[REGISTERS_COUNT];
  bool known[REGISTERS_COUNT];
  uint64_t pc;
};

static inline void registers_set(struct registers *registers, unsigned number, uint64_t value)
{
  registers->value[number] = value;
  registers->known[number] = true;
}

#endif
