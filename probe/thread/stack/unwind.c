/*
 * unwind.c - see unwind.h.
 *
 * One step, from a frame to its caller:
 *
 *    pc -> image -> rules -> CFA (where the caller's stack pointer was) -> return address, saved registers
 *             |         |
 *             '---------'--- none, or they need a frame pointer that is not known: look for it
 *
 *    a frame with a frame pointer        what is looked for, upwards from sp, where a frame can end (a + 16 is a
 *    a:     the caller's frame pointer   multiple of 16): an address in code that follows a call of the very
 *    a + 8: return address               function that pc is in; else, where the rules say that there is a frame
 *    a + 16: CFA                         pointer, the nearest that follows a call of what a register said and has
 *                                        one below it that leads upwards; else the nearest that follows a call
 *
 * Everything here is the target's and may be made to harm: frames are counted, the stack only goes upwards (but for
 * signal frames), reads are bounded by the window.
 */
#include "probe/thread/stack/unwind.h"

#include <stdlib.h>
#include <string.h>

#include "probe/thread/stack/caller.h"
#include "probe/thread/stack/rule.h"

enum {
  SEARCH_BYTES = 16 * 1024, /* a frame may be as long */
  SEARCH_JUDGED_MOST = 256, /* addresses in code that are looked at, of one search */
  FRAME_ALIGNMENT = 16,
  FRAME_REACH = 1024 * 1024, /* how far up a saved frame pointer may lead */
  FUNCTION_BYTES_MOST = 1024 * 1024,
};

enum fit {
  FIT_NONE,
  FIT_CALLS,           /* it follows a call, of whatever */
  FIT_CALLS_AND_LEADS, /* ... and below it a frame pointer leads upwards */
  FIT_CALLS_IT,        /* it follows a call of the very function, or of one that jumps there */
};

struct walk {
  const struct unwind_space *space;
  struct registers registers;
  bool exact; /* pc is where it stopped, not where a call returns to */
  bool guessed;
};

/* The address by which code around pc is looked up: the call, not what follows it. */
static uint64_t pc_inside(const struct walk *walk)
{
  return walk->exact ? walk->registers.pc : walk->registers.pc - 1;
}

/* The symbol around an address of code, and where it begins in the target. */
static const struct symbol *symbol_at(const struct walk *walk, uint64_t pc, uint64_t *ret_start)
{
  const struct image *image = walk->space->image(walk->space->context, pc);
  const struct symbol *symbol =
      image ? symbols_find(&image->symbols, SYMBOLS_CODE, pc - image->bias) : NULL;

  if (!symbol || symbol->size == 0)
    return NULL;
  *ret_start = symbol->value + image->bias;
  return symbol;
}

/* Is it the function that holds pc that begins at `callee`, or one that goes on there by a jump? */
static bool leads_to_pc(const struct walk *walk, uint64_t callee)
{
  uint64_t pc = pc_inside(walk), start, callee_start;
  const struct symbol *symbol;

  if (!symbol_at(walk, pc, &start)) /* it could be */
    return callee <= pc && pc - callee < FUNCTION_BYTES_MOST &&
           walk->space->image(walk->space->context, callee) ==
               walk->space->image(walk->space->context, pc);
  if (start == callee)
    return true;
  symbol = symbol_at(walk, callee, &callee_start);
  return symbol && caller_jumps(walk->space->target, callee_start, symbol->size, start);
}

/* Does a frame pointer saved at `address` lead upwards to another? */
static bool leads_upwards(const struct walk *walk, uint64_t address)
{
  uint64_t saved;

  return window_word(walk->space->window, address, &saved) &&
         (saved == 0 || (saved > address && saved - address < FRAME_REACH));
}

/* How good an address is as the place that pc's function returns to. */
static enum fit judge(const struct walk *walk, bool by_rules, uint64_t frame, uint64_t address)
{
  const struct unwind_space *space = walk->space;
  uint64_t callee = 0;

  switch (caller_judge(space->target, address, &callee)) {
  case CALLER_DIRECT:
    if (leads_to_pc(walk, callee))
      return FIT_CALLS_IT;
    /* what it calls may have gone on in pc's function by a jump */
    return space->image(space->context, callee) == space->image(space->context, pc_inside(walk))
               ? FIT_CALLS
               : FIT_NONE;
  case CALLER_INDIRECT:
    return by_rules && leads_upwards(walk, frame) ? FIT_CALLS_AND_LEADS : FIT_CALLS;
  default:
    return FIT_NONE;
  }
}

/* How good the frame pointer is that is known, for code that says nothing of having one. */
static enum fit judge_known(const struct walk *walk)
{
  uint64_t frame = walk->registers.value[REGISTERS_FRAME], address;

  if (!walk->registers.known[REGISTERS_FRAME] || frame < walk->registers.value[REGISTERS_SP] ||
      !window_word(walk->space->window, frame + 8, &address) ||
      !walk->space->executable(walk->space->context, address))
    return FIT_NONE;
  return judge(walk, true, frame, address);
}

/* Looks for the frame that pc is in; gives the address below its return address. `by_rules`: by its rules it has a
 * frame pointer. */
static enum fit search_frame(const struct walk *walk, bool by_rules, uint64_t *ret_frame)
{
  /* what has no frame may have put nothing on the stack: then the return address is at sp itself */
  uint64_t first = walk->registers.value[REGISTERS_SP] - (by_rules ? 0 : 8) + FRAME_ALIGNMENT - 1;
  enum fit best = FIT_NONE;
  unsigned judged = 0;

  first -= first % FRAME_ALIGNMENT;
  for (uint64_t a = first; a - first < SEARCH_BYTES && best != FIT_CALLS_IT; a += FRAME_ALIGNMENT) {
    uint64_t address;
    enum fit fit;

    if (!window_word(walk->space->window, a + 8, &address))
      break;
    if (!walk->space->executable(walk->space->context, address))
      continue;
    if (judged++ == SEARCH_JUDGED_MOST)
      break;
    fit = judge(walk, by_rules, a, address);
    if (fit > best) {
      best = fit;
      *ret_frame = a;
    }
  }
  return best;
}

/* Goes up from code without rules: by the frame pointer where it leads to a call, else by what is found. */
static bool step_by_frame(struct walk *walk)
{
  uint64_t frame = 0, saved, address;
  enum fit known = judge_known(walk);
  enum fit found = known == FIT_CALLS_IT ? FIT_NONE : search_frame(walk, false, &frame);

  if (known == FIT_NONE && found == FIT_NONE)
    return false;
  if (known != FIT_NONE && found != FIT_CALLS_IT)
    frame = walk->registers.value[REGISTERS_FRAME];
  if (!window_word(walk->space->window, frame, &saved) ||
      !window_word(walk->space->window, frame + 8, &address))
    return false;
  memset(walk->registers.known, 0, sizeof walk->registers.known);
  if (leads_upwards(walk, frame)) /* else it is used for something else here */
    registers_set(&walk->registers, REGISTERS_FRAME, saved);
  registers_set(&walk->registers, REGISTERS_SP, frame + 16);
  walk->registers.pc = address;
  walk->guessed = true;
  walk->exact = false;
  return true;
}

/* The CFA of the frame; a frame pointer that is needed and not known is looked for. */
static bool find_cfa(struct walk *walk, Dwarf_Frame *frame, struct rule_state *state)
{
  Dwarf_Op *operations;
  size_t count;
  uint64_t found;

  if (dwarf_frame_cfa(frame, &operations, &count) != 0)
    return false;
  if (rule_evaluate(state, operations, count, &state->cfa) == RULE_UNKNOWN) {
    if (!state->wants_frame || search_frame(walk, true, &found) == FIT_NONE)
      return false;
    registers_set(&walk->registers, REGISTERS_FRAME, found);
    walk->guessed = true;
    if (rule_evaluate(state, operations, count, &state->cfa) == RULE_UNKNOWN)
      return false;
  }
  state->cfa_known = true;
  return true;
}

/* The value that a register had in the caller. */
static bool find_register(struct rule_state *state, Dwarf_Frame *frame, int number,
                          uint64_t *ret_value)
{
  Dwarf_Op memory[3], *operations;
  size_t count;

  if (dwarf_frame_register(frame, number, memory, &operations, &count) != 0)
    return false;
  if (count == 0) {
    bool kept = !operations && number < REGISTERS_COUNT && state->registers->known[number];

    if (kept)
      *ret_value = state->registers->value[number];
    return kept;
  }
  switch (rule_evaluate(state, operations, count, ret_value)) {
  case RULE_VALUE:
    return true;
  case RULE_ADDRESS:
    return window_word(state->window, *ret_value, ret_value);
  default:
    return false;
  }
}

/* Follows the rules of the frame. False: they end here, or are broken. */
static bool step_by_rules(struct walk *walk, Dwarf_Frame *frame)
{
  struct registers caller = {0};
  struct rule_state state = {.registers = &walk->registers, .window = walk->space->window};
  uint64_t start, end;
  bool signal = false;
  int returns = dwarf_frame_info(frame, &start, &end, &signal);

  if (returns < 0 || !find_cfa(walk, frame, &state))
    return false;
  if (!signal && state.cfa <= walk->registers.value[REGISTERS_SP])
    return false; /* a caller's frame lies above */
  if (!find_register(&state, frame, returns, &caller.pc))
    return false;
  for (int i = 0; i < REGISTERS_COUNT; i++)
    caller.known[i] = find_register(&state, frame, i, &caller.value[i]);
  if (!caller.known[REGISTERS_SP])
    registers_set(&caller, REGISTERS_SP, state.cfa);
  walk->registers = caller;
  walk->exact = signal;
  return true;
}

static bool step(struct walk *walk)
{
  uint64_t pc = pc_inside(walk);
  const struct image *image = walk->space->image(walk->space->context, pc);
  Dwarf_Frame *frame = NULL;
  bool went;

  if (!image || !image->rules || dwarf_cfi_addrframe(image->rules, pc - image->bias, &frame) != 0 ||
      !frame)
    return step_by_frame(walk);
  went = step_by_rules(walk, frame);
  free(frame);
  return went;
}

size_t unwind(const struct unwind_space *space, uint64_t sp, uint64_t pc, uint64_t frame,
              struct stack_frame *ret_frames, size_t room)
{
  struct walk walk = {.space = space, .registers = {.pc = pc}, .exact = true};
  size_t count = 0;

  registers_set(&walk.registers, REGISTERS_SP, sp);
  if (frame)
    registers_set(&walk.registers, REGISTERS_FRAME, frame);
  do
    ret_frames[count++] = (struct stack_frame){walk.registers.pc, walk.guessed};
  while (count < room && step(&walk) && walk.registers.pc != 0 &&
         space->executable(space->context, walk.registers.pc - 1));
  return count;
}
