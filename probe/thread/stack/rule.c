/*
 * rule.c - see rule.h. Operations: DWARF 5, 2.5. Those that compilers and the C library use in frames are here:
 * registers with an offset, the frame's own address, arithmetic (the PLT of x86-64), loads (signal frames).
 */
#include "probe/thread/stack/rule.h"

#include <dwarf.h>

enum { STACK_MOST = 16, OPERATIONS_MOST = 256 };

struct machine {
  struct rule_state *state;
  uint64_t stack[STACK_MOST];
  unsigned depth;
};

static bool push(struct machine *machine, uint64_t value)
{
  if (machine->depth == STACK_MOST)
    return false;
  machine->stack[machine->depth++] = value;
  return true;
}

static bool push_register(struct machine *machine, uint64_t number, uint64_t offset)
{
  const struct registers *registers = machine->state->registers;

  if (number >= REGISTERS_COUNT)
    return false;
  if (!registers->known[number]) {
    machine->state->wants_frame |= number == REGISTERS_FRAME;
    return false;
  }
  return push(machine, registers->value[number] + offset);
}

/* Operations with two operands; the upper one is the right one. */
static bool combine(struct machine *machine, uint8_t atom)
{
  uint64_t a, b, result;

  if (machine->depth < 2)
    return false;
  b = machine->stack[--machine->depth];
  a = machine->stack[--machine->depth];
  switch (atom) {
  case DW_OP_plus:
    result = a + b;
    break;
  case DW_OP_minus:
    result = a - b;
    break;
  case DW_OP_and:
    result = a & b;
    break;
  case DW_OP_or:
    result = a | b;
    break;
  case DW_OP_mul:
    result = a * b;
    break;
  case DW_OP_shl:
    result = b < 64 ? a << b : 0;
    break;
  case DW_OP_shr:
    result = b < 64 ? a >> b : 0;
    break;
  case DW_OP_ge:
    result = (int64_t)a >= (int64_t)b;
    break;
  case DW_OP_gt:
    result = (int64_t)a > (int64_t)b;
    break;
  case DW_OP_le:
    result = (int64_t)a <= (int64_t)b;
    break;
  case DW_OP_lt:
    result = (int64_t)a < (int64_t)b;
    break;
  case DW_OP_eq:
    result = a == b;
    break;
  case DW_OP_ne:
    result = a != b;
    break;
  default:
    return false;
  }
  return push(machine, result);
}

static bool load(struct machine *machine)
{
  return machine->depth > 0 &&
         window_word(machine->state->window, machine->stack[machine->depth - 1],
                     &machine->stack[machine->depth - 1]);
}

static bool step(struct machine *machine, const Dwarf_Op *operation)
{
  uint8_t atom = operation->atom;

  if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31)
    return push_register(machine, atom - (unsigned)DW_OP_breg0, operation->number);
  if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31)
    return push(machine, atom - (unsigned)DW_OP_lit0);
  switch (atom) {
  case DW_OP_bregx:
    return push_register(machine, operation->number, operation->number2);
  case DW_OP_call_frame_cfa:
    return machine->state->cfa_known && push(machine, machine->state->cfa);
  case DW_OP_const1u:
  case DW_OP_const2u:
  case DW_OP_const4u:
  case DW_OP_const8u:
  case DW_OP_constu:
  case DW_OP_const1s:
  case DW_OP_const2s:
  case DW_OP_const4s:
  case DW_OP_const8s:
  case DW_OP_consts:
    return push(machine, operation->number);
  case DW_OP_plus_uconst:
    if (machine->depth == 0)
      return false;
    machine->stack[machine->depth - 1] += operation->number;
    return true;
  case DW_OP_dup:
    return machine->depth > 0 && push(machine, machine->stack[machine->depth - 1]);
  case DW_OP_deref:
    return load(machine);
  case DW_OP_nop:
    return true;
  default:
    return combine(machine, atom);
  }
}

/* The whole value lies in a register. */
static bool names_register(const Dwarf_Op *operation, uint64_t *ret_number)
{
  if (operation->atom >= DW_OP_reg0 && operation->atom <= DW_OP_reg31)
    *ret_number = operation->atom - (unsigned)DW_OP_reg0;
  else if (operation->atom == DW_OP_regx)
    *ret_number = operation->number;
  else
    return false;
  return true;
}

enum rule_result rule_evaluate(struct rule_state *state, const Dwarf_Op *operations, size_t count,
                               uint64_t *ret_value)
{
  struct machine machine = {.state = state};
  enum rule_result result = RULE_ADDRESS;
  uint64_t number;

  if (count == 0 || count > OPERATIONS_MOST)
    return RULE_UNKNOWN;
  if (count == 1 && names_register(operations, &number)) {
    if (!push_register(&machine, number, 0))
      return RULE_UNKNOWN;
    *ret_value = machine.stack[0];
    return RULE_VALUE;
  }
  for (size_t i = 0; i < count; i++) {
    if (operations[i].atom == DW_OP_stack_value && i + 1 == count)
      result = RULE_VALUE;
    else if (!step(&machine, &operations[i]))
      return RULE_UNKNOWN;
  }
  if (machine.depth == 0)
    return RULE_UNKNOWN;
  *ret_value = machine.stack[machine.depth - 1];
  return result;
}
