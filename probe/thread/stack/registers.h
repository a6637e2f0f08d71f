/*
 * registers.h - the registers of one frame as DWARF numbers them; which are known grows and shrinks on the way up.
 * Inside this folder only.
 */
#ifndef IMPASSE_PROBE_THREAD_STACK_REGISTERS_H
#define IMPASSE_PROBE_THREAD_STACK_REGISTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/processor/processor.h"

enum {
  REGISTERS_COUNT = PROCESSOR_DWARF_COUNT,
  REGISTERS_FRAME = PROCESSOR_DWARF_FRAME,
  REGISTERS_SP = PROCESSOR_DWARF_SP,
};

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
